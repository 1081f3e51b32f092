#include "cases/case.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "cases/toml_section.hpp"
#include "lib/error.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

namespace fs = std::filesystem;

// A folder of the test's own, gone when the test is over.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "snellen-case-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path_); }
  fs::path write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const std::string small_model = "[model]\nrandom = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6 }\n";
const std::string small_family = "[family]\nprefix = [1]\nunit = [2]\nlengths = { to = 3 }\n";

// What read_case says about a text, without the folder.
std::string complaint(const Folder& folder, const std::string& text) {
  try {
    read_case(folder.write("bad.toml", text));
  } catch (const InputError& error) {
    const std::string message = error.what(), place = folder.path().string() + "/";
    return message.rfind(place, 0) == 0 ? message.substr(place.size()) : message;
  }
  return "";
}

}  // namespace

TEST_CASE("case: everything that can be written is read", "[case]") {
  const Folder folder;
  const Case c = read_case(folder.write("full.toml", R"(
title = "A full case"
[model.random]
seed = 3
layers = 3
width = 24
heads = 6
kv_heads = 2
head_size = 8
hidden = 40
vocab = 10
position = "learned"
context = 50
norm = "layer"
epsilon = 1e-6
pre_norm = true
post_norms = true
qk_norm = true
unit_offset = true
activation = "gelu_tanh"
gated = false
bias = true
tied = true
embedding_scale = true
window = 5
global_every = 3
softcap = 50
final_softcap = 30.5
gain = 0.5
rope_base = 500.5
rotary_dimensions = 4
[family]
prefix = [1, 2]
suffix = [9]
lengths = { from = 4, to = 20 }
delimiter = { every = 3, tokens = [5, 6] }
sample = { tokens = [2, 3], seed = 7, weights = [0.3, 1] }
pair = "repeat-last"
[measure]
formats = ["e5m2", "p12:-30:31"]
criteria = ["tolerance"]
norms = ["l2"]
at = "hidden"
inevitable = false
eps = 0.1
[engine]
profiles = ["bf16-acc32"]
[precision]
start_bits = 100
max_bits = 512
)"));
  CHECK(c.request.title == "A full case");
  CHECK(c.request.case_name == "full");
  const auto& r = std::get<RandomModel>(c.model);
  CHECK((r.seed == 3 && r.layers == 3 && r.width == 24 && r.heads == 6 && r.kv_heads == 2 && r.head_size == 8 && r.hidden == 40 && r.vocab == 10));
  CHECK((r.position == PositionKind::learned && r.context == 50 && r.norm == NormKind::layer && r.epsilon == 1e-6));
  CHECK((r.pre_norm && r.post_norms && r.qk_norm && r.unit_offset && !r.gated && r.bias && r.tied && r.embedding_scale && !r.identity));
  CHECK((r.activation == Activation::gelu_tanh && r.window == 5 && r.global_every == 3 && r.softcap == 50 && r.final_softcap == 30.5));
  CHECK((r.gain == 0.5 && r.rope_base == 500.5 && r.rotary_dimensions == 4));
  const Family& f = c.request.family;
  CHECK((f.prefix == std::vector<Token>{1, 2} && f.unit.empty() && f.suffix == std::vector<Token>{9} && f.from == 4 && f.to == 20));
  REQUIRE((f.delimiter && f.sample));
  CHECK((f.delimiter->every == 3 && f.delimiter->tokens == std::vector<Token>{5, 6}));
  CHECK((f.sample->tokens == std::vector<Token>{2, 3} && f.sample->seed == 7 && f.sample->weights == std::vector<double>{0.3, 1}));
  CHECK(f.pair == Pair::repeat_last);
  REQUIRE(c.request.formats.size() == 2);
  CHECK((c.request.formats[0].name == "e5m2" && c.request.formats[1].precision == 12));
  CHECK((c.request.criteria == std::vector<Criterion>{Criterion::tolerance} && c.request.metrics == std::vector<Metric>{Metric::l2}));
  CHECK((c.request.at == Place::hidden && !c.request.inevitable));
  CHECK(c.request.eps == Dyadic::of(0x1.999999999999ap-4));
  REQUIRE(c.request.profiles.size() == 1);
  CHECK(c.request.profiles[0].name == "bf16-acc32");
  CHECK((c.request.start_bits == 100 && c.request.max_bits == 512));
}

TEST_CASE("case: the budget of a proof for every n", "[case]") {
  const Folder folder;
  CHECK(read_case(folder.write("cheap.toml", small_model + small_family + "[inevitable]\nwork = 3e9\n")).request.inevitable_work == 3e9);
  CHECK(read_case(folder.write("whole.toml", small_model + small_family + "[inevitable]\nwork = 500\n")).request.inevitable_work == 500.0);
  // A [measure] that does not speak of it leaves it asked for.
  CHECK(read_case(folder.write("measure.toml", small_model + small_family + "[measure]\nat = \"hidden\"\n")).request.inevitable);
}

TEST_CASE("case: none on an axis of a sweep", "[case]") {
  const Folder folder;
  const auto family = [&](const std::string& keys) { return read_case(folder.write("a.toml", small_model + small_family + keys)).request.family; };
  CHECK(!family("delimiter = { every = 0, tokens = [1] }\n").delimiter);
  CHECK(family("delimiter = { every = 1, tokens = [1] }\n").delimiter->every == 1);
  const auto quantize = [&](const std::string& value) {
    return read_case(folder.write("b.toml", "[model]\nrandom = { width = 32 }\nquantize = " + value + "\n" + small_family)).quantize;
  };
  CHECK(!quantize("\"none\""));
  CHECK(quantize("\"q8_0\"") == BlockFormat::q8_0);
  CHECK(quantize("\"q4_1\"") == BlockFormat::q4_1);
}

TEST_CASE("case: what is left out has a meaning", "[case]") {
  const Folder folder;
  const Case c = read_case(folder.write("short.toml", small_model + small_family));
  CHECK(c.request.title == "short");
  CHECK((c.request.formats.size() == 6 && c.request.criteria.size() == 3 && c.request.metrics.size() == 2 && c.request.profiles.empty()));
  CHECK((c.request.family.from == 1 && c.request.family.to == 3 && c.request.max_bits == 4096 && !c.request.start_bits && !c.request.eps && c.request.inevitable &&
         !c.request.inevitable_work));
  CHECK(c.place("family.lengths.to").find("short.toml:6: family.lengths.to") != std::string::npos);
  CHECK(c.place("family.sample.tokens").find("short.toml:3: family.sample.tokens") != std::string::npos);
}

TEST_CASE("case: what is wrong is named by line and key", "[case]") {
  const Folder folder;
  int refused = 0;
  const auto refuses = [&](const std::string& text, const std::string& expected) {
    const std::string message = complaint(folder, text);
    CAPTURE(text, message);
    CHECK(message.rfind(expected, 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
    ++refused;
  };
  const auto family = [](const std::string& lines) { return small_model + "[family]\nlengths = { to = 3 }\n" + lines; };
  const auto with = [](const std::string& lines) { return small_model + small_family + lines; };
  const auto model = [](const std::string& keys) { return "[model]\nrandom = { " + keys + " }\n" + small_family; };
  REQUIRE(complaint(folder, small_model + small_family).empty());

  refuses("titel = \"x\"\n" + with(""), "bad.toml:1: titel: found an unknown key, expected one of title, model, family, measure, inevitable, engine, precision, paper, softmax, sensitivity; did you mean title?");
  refuses(with("[measure]\nformat = []\n"), "bad.toml:8: measure.format: found an unknown key, expected one of formats, ");
  refuses(with("xyzzyplugh = 1\n"), "bad.toml:7: family.xyzzyplugh: found an unknown key, expected one of prefix, ");
  refuses(model("seed = 1, hiden = 3"), "bad.toml:2: model.random.hiden: found an unknown key");
  refuses("[model]\nrandom = { width = 32 }\nquantize = \"q3\"\n" + small_family, "bad.toml:3: model.quantize: found \"q3\", expected one of none, q8_0, q4_0, q4_1");
  refuses("a = = 1\n", "bad.toml:1: found text that is not TOML");
  refuses(small_family, "bad.toml:1: model: missing, expected a table [model]");
  refuses(small_model, "bad.toml:1: family: missing");
  refuses("model = 3\n" + small_family, "bad.toml:1: model: found 3, expected a table");
  refuses("[model]\n" + small_family, "bad.toml:1: model: found neither path nor random");
  refuses("[model]\npath = \"x\"\nrandom = {}\n" + small_family, "bad.toml:1: model: found both path and random");
  refuses("[model]\npath = 7\n" + small_family, "bad.toml:2: model.path: found 7, expected a text in quotes");
  refuses(model("layers = \"two\""), "bad.toml:2: model.random.layers: found \"two\", expected an integer, at least 0");
  refuses(model("layers = 0"), "bad.toml:2: model.random.layers: found 0, expected 1 to 1024");
  refuses(model("position = \"ropes\""), "bad.toml:2: model.random.position: found \"ropes\", expected one of rope, alibi, none, sinusoidal, learned; did you mean rope?");
  refuses(model("gain = 3"), "bad.toml:2: model.random.gain: found 3, expected a power of two");
  refuses(model("bias = 1"), "bad.toml:2: model.random.bias: found 1, expected true or false");
  refuses(model("softcap = nan"), "bad.toml:2: model.random.softcap: found nan, expected a finite number");
  refuses(family(""), "bad.toml:3: family.unit: found no run token");
  refuses(family("unit = []\n"), "bad.toml:5: family.unit: found no run token");
  refuses(family("unit = [2]\nsample = { tokens = [3] }\n"), "bad.toml:5: family.unit: found both a unit and a sample");
  refuses(family("unit = [2, -1]\n"), "bad.toml:5: family.unit: found -1 in the list, expected a list of token ids");
  refuses(family("unit = [2.0]\n"), "bad.toml:5: family.unit: found 2.0 in the list");
  refuses(family("unit = 2\n"), "bad.toml:5: family.unit: found 2, expected a list of token ids");
  refuses(family("unit = [2]\nprefix = \"hello\"\n"), "bad.toml:6: family.prefix: found a text, expected a list of token ids: a random model has no tokenizer");
  refuses(family("unit = [2]\ntext = \"hello\"\n"), "bad.toml:6: family.text: found a text, expected a list of token ids: a random model has no tokenizer");
  refuses(family("unit = [2]\npair = \"both\"\n"), "bad.toml:6: family.pair: found \"both\", expected one of next, repeat-last");
  refuses(family("unit = [2]\ndelimiter = { every = -1, tokens = [1] }\n"), "bad.toml:6: family.delimiter.every: found -1, expected an integer, at least 0");
  refuses(family("unit = [2]\ndelimiter = { every = 2 }\n"), "bad.toml:6: family.delimiter.tokens: missing");
  refuses(family("sample = { tokens = [2], weights = [1, 2] }\n"), "bad.toml:5: family.sample.weights: found 2 weights for 1 tokens");
  refuses(small_model + "[family]\nunit = [2]\n", "bad.toml:3: family.lengths: missing");
  refuses(small_model + "[family]\nunit = [2]\nlengths = { from = 1 }\n", "bad.toml:5: family.lengths.to: missing");
  refuses(small_model + "[family]\nunit = [2]\nlengths = { from = 5, to = 4 }\n", "bad.toml:5: family.lengths.to: found 4 below from = 5");
  refuses(small_model + "[family]\nunit = [2]\nlengths = { from = 0, to = 4 }\n", "bad.toml:5: family.lengths.from: found 0 with an empty prefix");
  refuses(small_model + "[family]\nunit = [2]\nlengths = { from = -1, to = 4 }\n", "bad.toml:5: family.lengths.from: found -1");
  refuses(small_model + "[family]\nunit = [2]\nlengths = { to = 1_000_000_000 }\n", "bad.toml:5: family.lengths.to: found 1000000000; every length is evaluated");
  refuses(with("[measure]\nformats = [\"bf17\"]\n"), "bad.toml:8: measure.formats: found \"bf17\", expected one of ");
  refuses(with("[measure]\nformats = []\n"), "bad.toml:8: measure.formats: found an empty list, expected at least one format");
  refuses(with("[measure]\nformats = [\"bf16\", \"bf16\"]\n"), "bad.toml:8: measure.formats: found \"bf16\" twice");
  refuses(with("[measure]\ncriteria = [\"exact\"]\n"), "bad.toml:8: measure.criteria: found \"exact\", expected one of bitwise, tolerance, argmax");
  refuses(with("[measure]\nnorms = [\"l3\"]\n"), "bad.toml:8: measure.norms: found \"l3\"");
  refuses(with("[measure]\nat = \"logits\"\n"), "bad.toml:8: measure.at: found \"logits\", expected one of final, hidden");
  refuses(with("[measure]\neps = 0\n"), "bad.toml:8: measure.eps: found 0, expected a positive number");
  refuses(with("[measure]\neps = \"1e-3\"\n"), "bad.toml:8: measure.eps: found \"1e-3\", expected a finite number");
  refuses(with("[measure]\ninevitable = 1\n"), "bad.toml:8: measure.inevitable: found 1, expected true or false");
  refuses(with("[inevitable]\nwork = 0\n"), "bad.toml:8: inevitable.work: found 0, expected a positive number");
  refuses(with("[inevitable]\nworks = 1\n"), "bad.toml:8: inevitable.works: found an unknown key");
  refuses(with("[engine]\nprofiles = [\"bf16-acc33\"]\n"), "bad.toml:8: engine.profiles: found \"bf16-acc33\", expected one of ");
  refuses(with("[precision]\nmax_bits = 10\n"), "bad.toml:8: precision.max_bits: found 10, expected an integer from 53 to ");
  refuses(with("[precision]\nmax_bits = 64\nstart_bits = 65\n"), "bad.toml:9: precision.start_bits: found 65, expected an integer from 53 to 64");
  refuses(with("\"a\\nb\" = 1\n"), "bad.toml:7: family.a\\x0ab: found an unknown key");
  refuses(with("pair = \"a\\nb\"\n"), "bad.toml:7: family.pair: found \"a\\x0ab\", expected one of next, repeat-last");
  CHECK(refused == 52);

  CHECK_THROWS_WITH(read_case(folder.path() / "none.toml"), Catch::Matchers::EndsWith("none.toml: found no such file, expected a case (a .toml file)"));
  CHECK_THROWS_AS(read_case(folder.path()), InputError);
}

TEST_CASE("case: the model is looked for, and the family must fit it", "[case]") {
  const Folder folder;
  const auto says = [](const Case& c) -> std::string {
    try {
      load_model(c);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  const Case synthetic = read_case(folder.write("a.toml", small_model + small_family));
  CHECK(load_model(synthetic).width == 8);
  const Case outside = read_case(folder.write("b.toml", small_model + "[family]\nunit = [6]\nlengths = { to = 3 }\n"));
  CHECK(says(outside) == (folder.path() / "b.toml").string() + ":4: family.unit: found token 6, expected token ids from 0 to 5");
  const Case missing = read_case(folder.write("c.toml", "[model]\npath = \"no/such/model\"\n" + small_family));
  CHECK(says(missing).find("c.toml:2: model.path: found no no/such/model in the current directory") != std::string::npos);

  // Beside the case, and under SNELLEN_HOME: what is found there is read, and refused by its own name.
  folder.write("home/m.gguf", "not a model"), folder.write("cases/beside.gguf", "not a model");
  const Case beside = read_case(folder.write("cases/d.toml", "[model]\npath = \"beside.gguf\"\n" + small_family));
  CHECK(says(beside).rfind((folder.path() / "cases/beside.gguf").string() + ":", 0) == 0);
  const Case at_home = read_case(folder.write("cases/e.toml", "[model]\npath = \"m.gguf\"\n" + small_family));
  CHECK(says(at_home).find("found no m.gguf") != std::string::npos);
  setenv("SNELLEN_HOME", (folder.path() / "home").c_str(), 1);
  CHECK(says(at_home).rfind((folder.path() / "home/m.gguf").string() + ":", 0) == 0);
  unsetenv("SNELLEN_HOME");
}

TEST_CASE("case: what it shows of a paper", "[case]") {
  const Folder folder;
  const std::string measure = "[measure]\nformats = [\"bf16\"]\ncriteria = [\"tolerance\", \"argmax\"]\nnorms = [\"linf\"]\n";
  const auto with = [&](const std::string& expect) {
    return small_model + small_family + measure + "[paper]\nexhibit = \"Figure 1\"\nsays = \"It falls.\"\nexpect = " + expect + "\n";
  };
  const auto claim = read_claim(folder.write("a.toml", with("{ outcome = \"apart\", format = \"bf16\", norm = \"linf\" }")));
  REQUIRE(claim);
  CHECK(claim->exhibit == "Figure 1");
  CHECK(claim->says == "It falls.");
  CHECK(claim->label.empty());
  CHECK(claim->expected.outcome == Outcome::apart);
  CHECK(claim->expected.criterion == Criterion::tolerance);
  CHECK(claim->expected.format == "bf16");
  CHECK(claim->expected.metric == Metric::linf);
  CHECK(read_case(folder.write("b.toml", with("{ outcome = \"collapses\", criterion = \"argmax\" }"))).paper->expected.criterion == Criterion::argmax);
  CHECK(!read_claim(folder.write("c.toml", small_model + small_family)));
  // No model is needed to know what a case would show.
  CHECK(read_claim(folder.write("d.toml", "[model]\npath = \"none\"\n[family]\nunit = \"1\"\n" + with("{ outcome = \"collapses\", criterion = \"argmax\" }").substr(small_model.size() + small_family.size()))));
  const std::pair<const char*, const char*> wrong[] = {
      {"{ format = \"bf16\", norm = \"linf\" }", "paper.expect.outcome: missing, expected \"collapses\" or \"apart\""},
      {"{ outcome = \"apart\", norm = \"linf\" }", "paper.expect.format: missing, expected one of measure.formats"},
      {"{ outcome = \"apart\", format = \"fp32\", norm = \"linf\" }", "paper.expect.format: found \"fp32\", expected one of measure.formats"},
      {"{ outcome = \"apart\", format = \"bf16\" }", "paper.expect.norm: missing, expected one of measure.norms"},
      {"{ outcome = \"apart\", format = \"bf16\", norm = \"l1\" }", "paper.expect.norm: found \"l1\", expected one of measure.norms"},
      {"{ outcome = \"apart\", criterion = \"bitwise\", format = \"bf16\" }", "paper.expect.criterion: found a criterion that measure.criteria leaves out"},
      {"{ outcome = \"apart\", criterion = \"argmax\", norm = \"linf\" }", "paper.expect.norm: found a norm, expected none"},
      {"{ outcome = \"apart\", criterion = \"argmax\", format = \"bf16\" }", "paper.expect.format: found a format, expected none"}};
  for (const auto& [expect, message] : wrong) CHECK(complaint(folder, with(expect)).find(message) != std::string::npos);
}

TEST_CASE("case: what a sample is drawn from", "[case]") {
  const Folder folder;
  const auto sample = [&](const std::string& text) {
    return *read_case(folder.write("a.toml", small_model + "[family]\nsample = { " + text + " }\nlengths = { to = 3 }\n")).request.family.sample;
  };
  CHECK(sample("tokens = { from = 1, to = 4 }").tokens == std::vector<Token>{1, 2, 3, 4});
  CHECK(sample("tokens = { to = 0 }").tokens == std::vector<Token>{0});
  CHECK(!sample("tokens = [1, 2]").in_turn);
  CHECK(sample("tokens = [1, 2], in_turn = true").in_turn);
  const auto said = [&](const std::string& text) { return complaint(folder, small_model + "[family]\nsample = { " + text + " }\nlengths = { to = 3 }\n"); };
  CHECK(said("tokens = { from = 2, to = 1 }").find("family.sample.tokens.to: found 1, expected an integer from 2 to") != std::string::npos);
  CHECK(said("tokens = { from = 2 }").find("family.sample.tokens.to: missing") != std::string::npos);
  CHECK(said("tokens = 7").find("family.sample.tokens: found 7, expected a list of token ids, a text, or { from, to }") != std::string::npos);
  CHECK(said("tokens = [1], weights = [1], in_turn = true").find("found weights for tokens in turn") != std::string::npos);
}

TEST_CASE("case: softmaxes in place of a model", "[case]") {
  const Folder folder;
  const Case c = read_case(folder.write("a.toml", "[softmax]\nseed = 4\nchanged = 3\nnoise = 0.5\nlengths = { from = 2, to = 9 }\n[measure]\nformats = [\"bf16\"]\n"));
  REQUIRE(c.softmax);
  CHECK(c.softmax->seed == 4);
  CHECK(c.softmax->changed == 3);
  CHECK(c.softmax->noise == 0.5);
  CHECK(c.softmax->from == 2);
  CHECK(c.softmax->to == 9);
  CHECK(c.request.formats.size() == 1);
  CHECK_THROWS_AS(load_model(c), InputError);
  SilentProgress silent;
  CHECK(certify(c, silent).distances.size() == 8);
  CHECK(complaint(folder, "[softmax]\nlengths = { to = 9 }\n" + small_model).find("bad.toml:3: model: found a table beside [softmax]") == 0);
  CHECK(complaint(folder, "[softmax]\nlengths = { to = 9 }\nnoise = 2\n").find("bad.toml:3: softmax.noise: found 2, expected a number from 0 to 1") == 0);
  CHECK(complaint(folder, "[softmax]\nlengths = { to = 9 }\n[measure]\nnorms = [\"l1\"]\n").find("bad.toml:4: measure.norms: found a key that [softmax] does not have") == 0);
}

TEST_CASE("case: every case of the paper says what it shows", "[case]") {
  const fs::path folder = fs::path(std::getenv("SNELLEN_SOURCE")) / "cases/paper";
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    INFO(entry.path());
    const auto claim = read_claim(entry.path());
    REQUIRE(claim);
    CHECK(!claim->label.empty());
    CHECK(!claim->setting.empty());
    ++count;
  }
  CHECK(count >= 15);
}

TEST_CASE("case: suggestions", "[case]") {
  const std::vector<std::string> names = {"prefix", "unit", "suffix", "lengths"};
  CHECK(nearest_name("prefx", names) == "prefix");
  CHECK(nearest_name("unti", names) == "unit");
  CHECK(nearest_name("tuni", names) == std::nullopt);  // two edits of four letters
  CHECK(nearest_name("units", names) == "unit");
  CHECK(nearest_name("length", names) == "lengths");
  CHECK(nearest_name("model", names) == std::nullopt);
}

TEST_CASE("case: texts become tokens by the model's own tokenizer, and the case says how", "[case]") {
  const Folder folder;
  // Words of one to three digits are tokens where they are written together, as in Llama 3.
  folder.write("m/tokenizer.json", R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{"id": 6, "content": "<s>", "single_word": false,
    "lstrip": false, "rstrip": false, "normalized": false, "special": true}], "normalizer": null, "decoder": null, "post_processor": null,
    "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false},
    "model": {"type": "BPE", "vocab": {"1": 0, "11": 1, "111": 2, ",": 3, "a": 4, " ": 5}, "merges": [["1", "1"], ["11", "1"]]}})");
  const std::string model = "[model]\npath = \"m\"\n[family]\n", lengths = "lengths = { to = 5 }\n";
  const Case c = read_case(folder.write("a.toml", model + "text = \"<s>a1111\"\nunit = \"1\"\nsuffix = \" \"\n" + lengths));
  CHECK(c.request.family.prefix == std::vector<Token>{6, 4, 2, 0});
  CHECK(c.request.family.unit == std::vector<Token>{0});
  CHECK(c.request.family.suffix == std::vector<Token>{5});
  CHECK(c.readings == std::vector<std::string>{"The text of family.prefix is 4 tokens: \"<s>\" (6), \"a\" (4), \"111\" (2), \"1\" (0); no special tokens were added.",
                                               "The text of family.suffix is 1 token: \" \" (5); no special tokens were added.",
                                               "The text of family.unit is 1 token: \"1\" (0); no special tokens were added."});
  REQUIRE(c.warnings.size() == 2);
  CHECK(c.warnings[0] == "The digits of family.prefix are not one token each: \"111\" (2). Between digits, each of these keeps them apart: "
                         "\",\", \", \", \" \".");
  CHECK(c.warnings[1].find("S_1 otherwise when it is given as a whole: from token 3 on into \"11\" (1), \" \" (5) in place of \"1\" (0), \"1\" (0), \" \" (5).") != std::string::npos);
  CHECK(c.warnings[1].find("for SEPARATOR one of: \",\"") != std::string::npos);

  const Case glasses = read_case(folder.write("b.toml", model + "prefix = \"a\"\nunit = \"1\"\ndelimiter = { every = 1, tokens = \",\" }\n" + lengths));
  CHECK(glasses.request.family.delimiter->tokens == std::vector<Token>{3});
  CHECK(glasses.warnings.empty());
  const Case ids = read_case(folder.write("c.toml", model + "prefix = [1]\nunit = [2]\n" + lengths));
  CHECK(ids.readings.empty());  // and no tokenizer is needed
  const Case other = read_case(folder.write("d.toml", small_model + "[family]\nunit = \"a\"\n" + lengths), folder.path() / "m");
  CHECK(other.request.family.unit == std::vector<Token>{4});

  CHECK(complaint(folder, model + "unit = \"b\"\n" + lengths) ==
        "bad.toml:4: family.unit: found a text with 1 characters for which the vocabulary has nothing, expected one that it can spell");
  CHECK(complaint(folder, model + "text = \"a\"\nprefix = [1]\nunit = [1]\n" + lengths).find("bad.toml:4: family.text: found both text and prefix") == 0);
  CHECK(complaint(folder, model + "unit = \"\"\n" + lengths).find("bad.toml:4: family.unit") == 0);
  CHECK(complaint(folder, "[model]\npath = \"none\"\n[family]\nunit = \"1\"\n" + lengths).find("bad.toml:2: model.path: found no none") == 0);
}
