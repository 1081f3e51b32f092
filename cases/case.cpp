#include "cases/case.hpp"

#include <algorithm>
#include <numeric>

#include "cases/case_table.hpp"
#include "cases/random_model.hpp"
#include "cases/texts.hpp"
#include "cases/toml_section.hpp"
#include "lib/error.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

// Certified numbers beyond this many bits would be printed by nobody and computed by no machine.
constexpr std::int64_t most_bits = 1'000'000;
// Tokens that a sample may be drawn from, where they are given by their ends.
constexpr std::int64_t most_candidates = 1 << 20;

const std::initializer_list<std::string_view> model_keys = {"path", "random", "quantize"};

std::variant<std::filesystem::path, RandomModel> read_model(const TomlSection& file) {
  file.require("model", "a table [model] with a path or a random model");
  const TomlSection model = *file.section("model", model_keys);
  const auto path = model.string("path");
  const auto random = model.section("random", random_model_keys);
  if (path.has_value() == random.has_value()) {
    model.fail("", std::string("found ") + (path ? "both" : "neither") + " path " + (path ? "and" : "nor") + " random, expected one of them");
  }
  if (random) return read_random_model(*random);
  if (path->empty()) model.refuse("path", "a Hugging Face folder, a .safetensors or a .gguf file");
  return std::filesystem::path(*path);
}

std::optional<BlockFormat> read_quantize(const TomlSection& file) {
  using Choice = std::optional<BlockFormat>;
  return file.section("model", model_keys)
      ->choice<Choice>("quantize", {{"none", Choice()}, {"q8_0", BlockFormat::q8_0}, {"q4_0", BlockFormat::q4_0}, {"q4_1", BlockFormat::q4_1}})
      .value_or(Choice());
}

std::vector<Token> read_tokens(const TomlSection& section, std::string_view key) { return section.token_ids(key).value_or(std::vector<Token>{}); }

// The same, or a text; `name` is the key's name within the family.
std::vector<Token> read_tokens(const TomlSection& section, std::string_view key, const std::string& name, Texts& texts) {
  if (!section.has(key) || section.has_list(key)) return read_tokens(section, key);
  if (!section.has_text(key)) section.refuse(key, "a list of token ids or a text");
  return texts.tokens(name, *section.string(key));
}

// The candidates of a sample: a list of ids, a text, or a range of ids.
std::vector<Token> read_candidates(const TomlSection& sample, Texts& texts) {
  constexpr std::string_view key = "tokens";
  if (sample.has_list(key) || sample.has_text(key)) return read_tokens(sample, key, "sample.tokens", texts);
  if (!sample.has_table(key)) sample.refuse(key, "a list of token ids, a text, or { from, to }");
  const TomlSection range = *sample.section(key, {"from", "to"});
  range.require("to", "the last token id");
  const std::int64_t from = range.integer("from", 0).value_or(0);
  std::vector<Token> tokens(static_cast<std::size_t>(*range.integer("to", from, from + most_candidates - 1) - from + 1));
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

Family read_family(const TomlSection& file, Texts& texts) {
  file.require("family", "a table [family]");
  const TomlSection section = *file.section("family", {"prefix", "unit", "suffix", "lengths", "delimiter", "sample", "pair", "text"});
  if (section.has("text") && section.has("prefix")) section.fail("text", "found both text and prefix, expected one of them: text is the prefix as a text");
  Family family;
  family.prefix = read_tokens(section, section.has("text") ? "text" : "prefix", "prefix", texts);
  family.unit = read_tokens(section, "unit", "unit", texts);
  family.suffix = read_tokens(section, "suffix", "suffix", texts);
  section.require("lengths", "lengths = { from = 1, to = 100 }");
  const TomlSection lengths = *section.section("lengths", {"from", "to"});
  lengths.require("to", "the horizon, an integer");
  family.from = lengths.integer("from", 0).value_or(1);
  family.to = *lengths.integer("to", 0);
  if (const auto delimiter = section.section("delimiter", {"every", "tokens"})) {
    delimiter->require("every", "the number of run tokens in a group, 0: no delimiters");
    delimiter->require("tokens", "a list of token ids or a text");
    const Delimiter read{*delimiter->integer("every", 0), read_tokens(*delimiter, "tokens", "delimiter.tokens", texts)};
    if (read.every > 0) family.delimiter = read;  // so that a sweep may have an axis of spacings with "none" on it
  }
  if (const auto sample = section.section("sample", {"tokens", "weights", "seed", "in_turn"})) {
    sample->require("tokens", "a list of token ids, a text, or { from, to }");
    family.sample = Sample{read_candidates(*sample, texts), sample->numbers("weights").value_or(std::vector<double>{}),
                           static_cast<std::uint64_t>(sample->integer("seed", 0).value_or(0)), sample->boolean("in_turn").value_or(false)};
    if (family.sample->in_turn && sample->has("weights")) sample->fail("weights", "found weights for tokens in turn, expected none");
  }
  family.pair = section.choice<Pair>("pair", {{"next", Pair::next}, {"repeat-last", Pair::repeat_last}}).value_or(Pair::next);
  return family;
}

std::vector<std::string> names_of(const std::vector<Format>& formats) {
  std::vector<std::string> names;
  for (const Format& format : formats) names.push_back(format.name);
  return names;
}

void read_measure(const TomlSection& file, Case& c) {
  CertifyRequest& request = c.request;
  request.inevitable = true;
  const auto section = file.section("measure", {"formats", "criteria", "norms", "at", "inevitable", "eps"});
  if (section) {
    request.formats = section->list("formats", names_of(shipped_formats()), find_format);
    request.criteria = section->list("criteria", {"bitwise", "tolerance", "argmax"}, [](std::string_view name) -> std::optional<Criterion> {
      for (const Criterion criterion : {Criterion::bitwise, Criterion::tolerance, Criterion::argmax}) {
        if (name_of(criterion) == name) return criterion;
      }
      return std::nullopt;
    });
    request.metrics = section->list("norms", {"l1", "l2", "linf"}, [](std::string_view name) -> std::optional<Metric> {
      for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf}) {
        if (name_of(metric) == name) return metric;
      }
      return std::nullopt;
    });
    request.at = section->choice<Place>("at", {{"final", Place::final}, {"hidden", Place::hidden}}).value_or(Place::final);
    request.inevitable = section->boolean("inevitable").value_or(true);
    if (const auto eps = section->number("eps")) {
      if (*eps <= 0) section->refuse("eps", "a positive number");
      request.eps = Dyadic::of(*eps);
    }
  }
  // What is left out is asked for in full; what is given as an empty list would leave nothing to certify.
  const auto given = [&](std::string_view key) { return section && section->has(key); };
  if (!given("formats")) {
    for (const std::string_view name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) request.formats.push_back(find_format(name).value());
  }
  if (!given("criteria")) request.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  if (!given("norms")) request.metrics = {Metric::l1, Metric::linf};
  if (request.formats.empty()) section->refuse("formats", "at least one format");
  if (request.criteria.empty()) section->refuse("criteria", "at least one criterion");
  if (request.metrics.empty()) section->refuse("norms", "at least one norm");
}

void read_engine(const TomlSection& file, Case& c) {
  const auto section = file.section("engine", {"profiles"});
  if (!section) return;
  std::vector<std::string> names;
  for (const Profile& profile : shipped_profiles()) names.push_back(profile.name);
  c.request.profiles = section->list("profiles", names, find_profile);
}

void read_precision(const TomlSection& file, Case& c) {
  const auto section = file.section("precision", {"start_bits", "max_bits"});
  if (!section) return;
  if (const auto most = section->integer("max_bits", 53, most_bits)) c.request.max_bits = static_cast<long>(*most);
  if (const auto start = section->integer("start_bits", 53, c.request.max_bits)) c.request.start_bits = static_cast<long>(*start);
}

void read_inevitable(const TomlSection& file, Case& c) {
  const auto section = file.section("inevitable", {"work"});
  if (!section) return;
  if (const auto work = section->number("work")) {
    if (*work <= 0) section->refuse("work", "a positive number");
    c.request.inevitable_work = *work;
  }
}

// One of the rows that the case measures.
Expectation read_expectation(const TomlSection& section, const CertifyRequest& request) {
  section.require("outcome", "\"collapses\" or \"apart\"");
  Expectation expected;
  expected.outcome = *section.choice<Outcome>("outcome", {{"collapses", Outcome::collapses}, {"apart", Outcome::apart}});
  expected.criterion = section
                           .choice<Criterion>("criterion", {{"bitwise", Criterion::bitwise}, {"tolerance", Criterion::tolerance}, {"argmax", Criterion::argmax}})
                           .value_or(Criterion::tolerance);
  expected.metric = section.choice<Metric>("norm", {{"l1", Metric::l1}, {"l2", Metric::l2}, {"linf", Metric::linf}});
  expected.format = section.string("format");
  const auto asked = [](const auto& list, const auto& wanted) { return std::find(list.begin(), list.end(), wanted) != list.end(); };
  if (!asked(request.criteria, expected.criterion)) section.fail("criterion", "found a criterion that measure.criteria leaves out");
  const bool by_format = expected.criterion == Criterion::bitwise || (expected.criterion == Criterion::tolerance && !request.eps);
  if (by_format != expected.format.has_value()) section.fail("format", by_format ? "missing, expected one of measure.formats" : "found a format, expected none");
  if (by_format && std::none_of(request.formats.begin(), request.formats.end(), [&](const Format& f) { return f.name == *expected.format; })) {
    section.refuse("format", "one of measure.formats");
  }
  const bool by_norm = expected.criterion == Criterion::tolerance;
  if (by_norm != expected.metric.has_value()) section.fail("norm", by_norm ? "missing, expected one of measure.norms" : "found a norm, expected none");
  if (by_norm && !asked(request.metrics, *expected.metric)) section.refuse("norm", "one of measure.norms");
  return expected;
}

// In place of a model and a family.
SoftmaxFamily read_softmax(const TomlSection& file) {
  for (const std::string_view key : {"model", "family", "engine", "inevitable"}) {
    if (file.has(key)) file.fail(key, "found a table beside [softmax], which has neither a model nor a family");
  }
  const TomlSection section = *file.section("softmax", {"seed", "changed", "noise", "lengths"});
  SoftmaxFamily family;
  family.seed = static_cast<std::uint64_t>(section.integer("seed", 0).value_or(0));
  family.changed = static_cast<std::size_t>(section.integer("changed", 1, max_family_tokens).value_or(static_cast<std::int64_t>(family.changed)));
  family.noise = section.number("noise").value_or(family.noise);
  if (family.noise < 0 || family.noise > 1) section.refuse("noise", "a number from 0 to 1");
  section.require("lengths", "lengths = { from = 1, to = 100 }");
  const TomlSection lengths = *section.section("lengths", {"from", "to"});
  lengths.require("to", "the horizon, an integer");
  family.from = lengths.integer("from", 1).value_or(1);
  family.to = *lengths.integer("to", family.from, max_family_tokens);
  return family;
}

void check_softmax_measure(const TomlSection& file, Case& c) {
  c.request.criteria = {Criterion::tolerance};
  c.request.metrics = {Metric::l1};
  const auto measure = file.section("measure", {"formats", "criteria", "norms", "at", "inevitable", "eps"});
  for (const std::string_view key : {"criteria", "norms", "at", "inevitable", "eps"}) {
    if (measure && measure->has(key)) measure->fail(key, "found a key that [softmax] does not have: its L1 distance is compared with each format's 2^(1-precision)");
  }
}

void read_paper(const TomlSection& file, Case& c) {
  const auto section = file.section("paper", {"exhibit", "label", "says", "setting", "otherwise", "expect"});
  if (!section) return;
  for (const std::string_view key : {"exhibit", "says"}) section->require(key, "a text");
  section->require("expect", "expect = { outcome = \"collapses\", format = \"bf16\", norm = \"linf\" }");
  const auto text = [&](std::string_view key) { return section->string(key).value_or(""); };
  c.paper = PaperClaim{text("exhibit"), text("label"), text("says"), text("setting"), text("otherwise"),
                       read_expectation(*section->section("expect", {"outcome", "criterion", "format", "norm"}), c.request)};
}

// The file has the right shape; now what it says is judged.
void check(const Case& c) {
  if (const auto problem = problem_of(c.request.family)) throw InputError(c.place("family." + problem->key), problem->description);
  if (const auto* random = std::get_if<RandomModel>(&c.model)) {
    if (const auto problem = problem_of(*random)) throw InputError(c.place("model.random." + problem->key), problem->description);
  }
}

}  // namespace

toml::table parsed_toml(const std::filesystem::path& path, const std::string& what) {
  const std::string file = path.string();
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw InputError(file, "found no such file, expected " + what + " (a .toml file)");
  if (!std::filesystem::is_regular_file(path, error)) throw InputError(file, "found something that is not a plain file, expected " + what + " (a .toml file)");
  try {
    // Mapped, not streamed: a stream takes a disk that fails in the middle for the end of the file, and the case would mean something else.
    return toml::parse(MappedFile::open(path)->text(), file);
  } catch (const toml::parse_error& problem) {
    const auto line = problem.source().begin.line;
    throw InputError(line > 0 ? file + ":" + std::to_string(line) : file, "found text that is not TOML, " + printable(problem.description()));
  }
}

std::string Case::place(const std::string& key) const {
  // "family.sample.tokens", else "family.sample", else "family".
  for (std::string known = key;; known.resize(known.rfind('.'))) {
    if (const auto line = lines.find(known); line != lines.end()) return file.string() + ":" + std::to_string(line->second) + ": " + key;
    if (known.find('.') == std::string::npos) return file.string() + ": " + key;
  }
}

namespace {

TomlSection whole(const std::filesystem::path& file, const toml::table& table, Case& c) {
  return TomlSection(file.string(), "", table, {"title", "model", "family", "measure", "inevitable", "engine", "precision", "paper", "softmax"}, c.lines);
}

}  // namespace

std::optional<PaperClaim> read_claim(const std::filesystem::path& file) {
  const toml::table table = parsed_toml(file, "a case");
  Case c;
  const TomlSection section = whole(file, table, c);
  read_measure(section, c);
  if (section.has("softmax")) check_softmax_measure(section, c);
  read_paper(section, c);
  return c.paper;
}

Case read_case(const std::filesystem::path& file, const std::optional<std::filesystem::path>& model) {
  return read_case(parsed_toml(file, "a case"), file, file.stem().string(), model);
}

Case read_case(const toml::table& table, const std::filesystem::path& file, const std::string& name, const std::optional<std::filesystem::path>& model) {
  Case c;
  c.file = file;
  const TomlSection section = whole(file, table, c);
  c.request.case_name = name;
  c.request.title = section.string("title").value_or(c.request.case_name);
  if (section.has("softmax")) {
    c.softmax = read_softmax(section);
    read_measure(section, c);
    check_softmax_measure(section, c);
    read_precision(section, c);
    read_paper(section, c);
    return c;
  }
  c.model = read_model(section);
  if (model) c.model = *model;
  c.quantize = read_quantize(section);
  Texts texts(c);
  c.request.family = read_family(section, texts);
  read_measure(section, c);
  read_inevitable(section, c);
  read_engine(section, c);
  read_precision(section, c);
  read_paper(section, c);
  check(c);
  c.readings = texts.readings();
  c.warnings = texts.warnings(c.request.family);
  return c;
}

}  // namespace snellen
