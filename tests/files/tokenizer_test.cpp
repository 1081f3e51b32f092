#include "lib/files/tokenizer.hpp"

#include <chrono>

#include "lib/files/mapped_file.hpp"
#include "lib/files/tokenizer/byte_alphabet.hpp"
#include "lib/files/tokenizer/from_json.hpp"
#include "lib/files/tokenizer/utf8.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::raw;
using checkpoint::refusal;
using nlohmann::json;
namespace gguf = checkpoint::gguf;

namespace {

// Trained with the Hugging Face library by tests/files/make_tokenizers.py, with the ids it gives.
const std::vector<std::string> kinds = {"llama3", "digits", "gemma", "metaspace", "kinds"};

json fixture(const std::string& name) {
  return json::parse(MappedFile::open("tests/files/data/tokenizers/" + name + ".json")->text());
}
Tokenizer of(const json& file) { return tokenizer_from_json(file.dump(), "t.json"); }
std::vector<Token> tokens(const Tokenizer& tokenizer, const std::string& text) { return tokenizer.encode(text).tokens; }

// Shows the message where it says something else.
bool says(const std::string& message, const std::string& expected) {
  UNSCOPED_INFO(message);
  return message.find(expected) != std::string::npos;
}

// The smallest tokenizer that is one.
json small() {
  return json::parse(R"({"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
    "post_processor": null, "decoder": null, "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
    "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
    "vocab": {"a": 0, "b": 1, "ab": 2, "aa": 3, "aab": 4}, "merges": [["a", "a"], ["a", "b"], ["aa", "b"]]}})");
}

// What is said about `file` with the value at `pointer` replaced.
std::string refused(json file, const std::string& pointer, const json& value) {
  file[json::json_pointer(pointer)] = value;
  return refusal([&] { of(file); });
}

std::string strings(const std::vector<std::string>& values) {
  std::string bytes = raw(std::uint32_t{9}) + raw(std::uint32_t{8}) + raw(std::uint64_t{values.size()});
  for (const auto& value : values) bytes += gguf::text(value);
  return bytes;
}
template <class Value>
std::string numbers(std::uint32_t type, const std::vector<Value>& values) {
  std::string bytes = raw(std::uint32_t{9}) + raw(type) + raw(std::uint64_t{values.size()});
  for (const Value value : values) bytes += raw(value);
  return bytes;
}

struct Spm {
  std::string architecture = "llama", pre = "default";
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;

  void add(const std::string& token, float score, std::int32_t type = 1) { tokens.push_back(token), scores.push_back(score), types.push_back(type); }
  gguf::Metadata metadata() const {
    return {{"general.architecture", gguf::string(architecture)},     {"tokenizer.ggml.model", gguf::string("llama")},
            {"tokenizer.ggml.pre", gguf::string(pre)},                {"tokenizer.ggml.tokens", strings(tokens)},
            {"tokenizer.ggml.scores", numbers(6, scores)},            {"tokenizer.ggml.token_type", numbers(5, types)},
            {"tokenizer.ggml.bos_token_id", gguf::u32(1)}};
  }
};

// <unk> <s> </s>, the 256 bytes, and words.
Spm spm(const std::string& architecture) {
  Spm spm;
  spm.architecture = architecture;
  spm.add("<unk>", 0, 2), spm.add("<s>", 0, 3), spm.add("</s>", 0, 3);
  for (int b = 0; b < 256; ++b) {
    const char hex[] = "0123456789ABCDEF";
    spm.add(std::string("<0x") + hex[b / 16] + hex[b % 16] + ">", 0, 6);
  }
  return spm;  // the next id is 259
}

Tokenizer from(const checkpoint::Folder& folder, const gguf::Metadata& metadata) {
  return load_tokenizer(folder.write("t.gguf", gguf::file(metadata, std::vector<gguf::Info>{}, "")));
}

}  // namespace

TEST_CASE("tokenizer: every text of the fixtures becomes the ids of the Hugging Face library, and the pieces are the text", "[files]") {
  std::size_t compared = 0, joined = 0;
  for (const auto& name : kinds) {
    const Tokenizer tokenizer = load_tokenizer("tests/files/data/tokenizers/" + name + ".json");
    for (const auto& [text, ids] : fixture(name + ".expected").get<std::vector<std::pair<std::string, std::vector<Token>>>>()) {
      CAPTURE(name, text);
      const Encoding encoding = tokenizer.encode(text);
      CHECK(encoding.tokens == ids);
      ++compared;
      if (name != "gemma") continue;  // the others change the text, or have no token for all of it
      std::string pieces;
      for (const Token token : encoding.tokens) pieces += tokenizer.text_of(token).value();
      if (text.find("\u2581") != std::string::npos) continue;
      CHECK(pieces == text);
      ++joined;
    }
  }
  CHECK(compared == 5 * 150);
  CHECK(joined > 100);
}

TEST_CASE("tokenizer: the special tokens around a text are known and not added; those in it are found", "[files]") {
  const Tokenizer tokenizer = load_tokenizer("tests/files/data/tokenizers/llama3.json");
  CHECK(tokenizer.before() == std::vector<Token>{0});
  CHECK(tokenizer.after() == std::vector<Token>{1});
  CHECK(tokenizer.text_of(0) == "<|begin|>");
  CHECK(tokenizer.is_special(1));
  CHECK_FALSE(tokenizer.is_special(5));
  CHECK(tokens(tokenizer, "<|begin|>") == std::vector<Token>{0});
  CHECK_FALSE(tokenizer.text_of(100000));
  CHECK_FALSE(tokenizer.text_of(-1));
}

TEST_CASE("tokenizer: a GGUF vocabulary says what the tokenizer.json says", "[files]") {
  const checkpoint::Folder folder;
  json file = fixture("llama3");
  file["normalizer"] = nullptr;                  // pre llama-bpe has none
  file["model"]["ignore_merges"] = true;
  file["added_tokens"].erase(2), file["added_tokens"].erase(2);  // GGUF cannot say lstrip
  const Tokenizer expected = of(file);
  std::vector<std::string> vocabulary(file["model"]["vocab"].size()), merges;
  for (const auto& [token, id] : file["model"]["vocab"].items()) vocabulary.at(id) = token;
  for (const auto& merge : file["model"]["merges"]) merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  std::vector<std::int32_t> types(vocabulary.size(), 1);
  types[0] = types[1] = 3;
  gguf::Metadata metadata = {{"tokenizer.ggml.model", gguf::string("gpt2")},        {"tokenizer.ggml.pre", gguf::string("llama-bpe")},
                             {"tokenizer.ggml.tokens", strings(vocabulary)},        {"tokenizer.ggml.token_type", numbers(5, types)},
                             {"tokenizer.ggml.merges", strings(merges)},            {"tokenizer.ggml.bos_token_id", gguf::u32(0)},
                             {"tokenizer.ggml.add_bos_token", gguf::boolean(true)}};
  const Tokenizer found = from(folder, metadata);
  CHECK(found.before() == std::vector<Token>{0});
  CHECK(found.after().empty());
  std::size_t compared = 0;
  for (const auto& entry : fixture("llama3.expected")) {
    CHECK(tokens(found, entry[0]) == tokens(expected, entry[0]));
    ++compared;
  }
  CHECK(compared == 150);
  const auto refused_with = [&](std::size_t at, const std::string& value) {
    gguf::Metadata changed = metadata;
    changed[at].second = value;
    return refusal([&] { from(folder, changed); });
  };
  CHECK(says(refused_with(0, gguf::string("bert")), "tokenizer.ggml.model: found 'bert', expected gpt2 or llama"));
  CHECK(says(refused_with(1, gguf::string("new-model")), "tokenizer.ggml.pre: found 'new-model', expected one of gpt-2, smollm"));
  CHECK(says(refused_with(3, numbers(5, std::vector<std::int32_t>{1})), "expected an array of 600 i32"));
  CHECK(says(refused_with(4, strings({"a"})), "expected two tokens with a space"));
  CHECK(says(refused_with(4, strings({"zz qq"})), "merge 0 needs 'zz', which is no token"));
  CHECK(says(refused_with(5, gguf::u32(600)), "found 600, expected an id below 600"));
  metadata.emplace_back("tokenizer.ggml.precompiled_charsmap", gguf::string("x"));
  CHECK(says(refusal([&] { from(folder, metadata); }), "tokenizer.ggml.precompiled_charsmap: is not understood"));
}

TEST_CASE("tokenizer: a SentencePiece vocabulary without merges is merged by score, Gemma's by the order of its tokens", "[files]") {
  const checkpoint::Folder folder;
  Spm llama = spm("llama");
  for (const auto& [token, score] : std::vector<std::pair<std::string, float>>{{"\u2581", -5}, {"a", -6}, {"b", -7}, {"c", -8}, {"ab", -2}, {"bc", -1}, {"\u2581" "a", -3}}) {
    llama.add(token, score);
  }
  const Tokenizer tokenizer = from(folder, llama.metadata());
  // A lower block before the text; bc (-1) before ab (-2).
  CHECK(tokens(tokenizer, "abc") == std::vector<Token>{265, 264});
  CHECK(tokens(tokenizer, "<s>abc") == std::vector<Token>{1, 260, 264});  // only before a text that begins
  CHECK(tokens(tokenizer, "\u00e9") == std::vector<Token>{259, 3 + 0xc3, 3 + 0xa9});
  CHECK(tokenizer.before() == std::vector<Token>{1});
  CHECK(tokenizer.text_of(265) == " a");
  CHECK(tokenizer.text_of(3 + 0xc3) == "\xc3");

  Spm gemma = spm("gemma3");
  gemma.add("\n", -1000, 4), gemma.add("\n\n", -1000, 4), gemma.add("  ", -1000, 4), gemma.add("   ", -1000, 4);
  for (const char* token : {"\u2581", "a", "b", "c", "ab", "bc"}) gemma.add(token, -7);
  const Tokenizer other = from(folder, gemma.metadata());
  CHECK(tokens(other, "abc") == std::vector<Token>{267, 266});
  CHECK(tokens(other, "a   b") == std::vector<Token>{264, 262, 265});
  CHECK(tokens(other, "\n\n\na") == std::vector<Token>{260, 259, 264});
  CHECK(other.text_of(262) == "   ");

  gemma.scores[300 - 41] = std::numeric_limits<float>::quiet_NaN();
  CHECK(says(refusal([&] { from(folder, gemma.metadata()); }), "tokenizer.ggml.scores: element 259 is nan, expected a finite number"));
  llama.architecture = "phi3";
  CHECK(says(refusal([&] { from(folder, llama.metadata()); }), "found 'phi3' with a SentencePiece vocabulary"));
}

TEST_CASE("tokenizer: text that is not UTF-8 is refused at its byte", "[files]") {
  const Tokenizer tokenizer = of(small());
  const std::vector<std::pair<std::string, std::size_t>> bad = {
      {"\xff", 0}, {"ab\x80", 2}, {"a\xc0\xaf", 1}, {"\xe2\x82", 0}, {"a\xed\xa0\x80", 1}, {"\xf4\x90\x80\x80", 0}, {"\xe0\x9f\xbf", 0}, {"\xc3", 0}};
  for (const auto& [text, at] : bad) {
    CHECK(invalid_utf8_at(text) == at);
    CHECK(says(refusal([&, &text = text] { tokenizer.encode(text, "prompt.txt"); }), "prompt.txt: byte " + std::to_string(at) + ": found 0x"));
  }
  std::size_t whole = 0;
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const std::string text = utf8(c);
    if (!invalid_utf8_at(text) && code_point_at(text, 0).value == c && code_point_before(text, text.size()).size == text.size()) ++whole;
  }
  CHECK(whole == 0x110000 - 0x800);
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    CHECK(from_byte_alphabet(in_byte_alphabet(byte)) == byte);
  }
  CHECK(in_byte_alphabet(" \n\xad") == "\u0120\u010a\u0143");
  CHECK(escaped("a \n\"\\\xff\u00a0\u00e9\xe2\x82") == "\"a \\n\\\"\\\\\\xff\\u{a0}\u00e9\\xe2\\x82\"");
}

TEST_CASE("tokenizer: what a tokenizer.json says and Snellen does not know is refused by name", "[files]") {
  CHECK(tokens(of(small()), "aabab") == std::vector<Token>{4, 2});
  const Encoding encoding = of(small()).encode("axb\u00e9");
  CHECK(encoding.tokens == std::vector<Token>{2});  // as the reference
  CHECK(encoding.left_out == 2);
  const json split = {{"type", "Split"}, {"behavior", "Isolated"}, {"invert", false}};
  const auto regex = [&](const std::string& expression) {
    json step = split;
    step["pattern"] = {{"Regex", expression}};
    return step;
  };
  const json added = {{"id", 5}, {"content", "<x>"}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}};
  const auto with = [](json object, const std::string& key, const json& value) {
    object[key] = value;
    return object;
  };
  const std::vector<std::tuple<std::string, json, std::string>> cases = {
      {"/version", "2.0", "version"},
      {"/extra", 1, "extra"},
      {"/truncation", {{"max_length", 5}}, "truncation"},
      {"/padding", {{"length", 5}}, "padding"},
      {"/model", nullptr, "model: found none"},
      {"/model/type", "Unigram", "'model.type' is \"Unigram\", expected BPE"},
      {"/model/dropout", 0.1, "model.dropout"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix"},
      {"/model/new_option", true, "model.new_option"},
      {"/model/vocab/a", -1, "'a': found -1, expected an id"},
      {"/model/vocab/a", 4294967296, "'a': found 4294967296"},
      {"/model/vocab/a", 1, "the id 1 is given to"},
      {"/model/vocab", json::array(), "model.vocab"},
      {"/model/merges", json::array({json::array({"a"})}), "model.merges[0]"},
      {"/model/merges", json::array({"a b c"}), "model.merges[0]"},
      {"/model/merges", json::array({"b b"}), "merge 0 needs 'bb', which is no token"},
      {"/model/unk_token", "<unk>", "the unknown token '<unk>' is no token"},
      {"/normalizer", {{"type", "Lowercase"}}, "'normalizer.type' is \"Lowercase\", expected NFC"},
      {"/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Precompiled"}}}}}, "'normalizer.normalizers[0].type' is \"Precompiled\""},
      {"/normalizer", {{"type", "NFC"}, {"more", 1}}, "normalizer.more"},
      {"/pre_tokenizer", {{"type", "Whitespace"}}, "'pre_tokenizer.type' is \"Whitespace\""},
      {"/pre_tokenizer", with(regex("a"), "behavior", "Glued"), "pre_tokenizer.behavior"},
      {"/pre_tokenizer", regex("a*"), "can match the empty string"},
      {"/pre_tokenizer", regex("(a"), "a group without its end"},
      {"/pre_tokenizer", regex("\\w+"), "'\\w+' is not understood"},
      {"/pre_tokenizer", regex("\\p{Han}"), "the property 'Han'"},
      {"/pre_tokenizer", regex("[a[b]]"), "'[b]]' is not understood"},
      {"/pre_tokenizer", regex("[a&&b]"), "is not understood"},
      {"/pre_tokenizer", regex("a{,3}"), "is not understood"},
      {"/pre_tokenizer", regex("a{2}+"), "a repeat of a repeat"},
      {"/pre_tokenizer", regex("(?<n>a)"), "is not understood"},
      {"/pre_tokenizer", regex("^a"), "is not understood"},
      {"/pre_tokenizer", regex("\\"), "is not understood"},
      {"/pre_tokenizer", regex("[z-a]"), "range out of order"},
      {"/pre_tokenizer", regex(std::string(200, '(')), "a group more than"},
      {"/pre_tokenizer", regex(std::string(20000, 'a')), "20000 bytes, expected at most"},
      {"/post_processor", {{"type", "BertProcessing"}}, "post_processor.type"},
      {"/post_processor", {{"type", "TemplateProcessing"}, {"single", json::array()}, {"special_tokens", json::object()}}, "post_processor.single"},
      {"/added_tokens", json::array({with(added, "id", 7)}), "'added_tokens[0].id' is 7, expected 5, the next one"},
      {"/added_tokens", json::array({with(added, "content", "ab")}), "expected 2, which the vocabulary gives to 'ab'"},
      {"/added_tokens", json::array({with(added, "content", "")}), "is empty"},
      {"/added_tokens", {added, with(added, "id", 6)}, "added token '<x>' (id 6): occurs twice"},
      {"/added_tokens", {with(added, "rstrip", true), with(with(added, "id", 6), "content", " y")}, "begins with white space, is not understood"},
      {"/added_tokens", json::array({with(added, "colour", "red")}), "added_tokens[0].colour"},
  };
  std::size_t tested = 0;
  for (const auto& [pointer, value, message] : cases) {
    CAPTURE(pointer, value.dump());
    CHECK(says(refused(small(), pointer, value), message));
    ++tested;
  }
  CHECK(tested == 44);
  CHECK(says(refusal([] { tokenizer_from_json("[1]", "t.json"); }), "t.json: found no JSON object"));
  CHECK(says(refusal([] { load_tokenizer("tests/files"); }), "tokenizer.json: does not exist"));
}

TEST_CASE("tokenizer: an expression that backtracks for ever is stopped", "[files]") {
  json file = small();
  file["pre_tokenizer"] = {{"type", "Split"}, {"behavior", "Isolated"}, {"invert", false}, {"pattern", {{"Regex", "(?:a+)+[cd]"}}}};
  const Tokenizer tokenizer = of(file);
  CHECK(says(refusal([&] { tokenizer.encode(std::string(40, 'a') + "b"); }), "match limit exceeded"));
}

TEST_CASE("tokenizer: white space is Unicode's, not PCRE2's", "[files]") {
  const Pattern spaces = Pattern::regex(R"(\s)", "here"), others = Pattern::regex(R"([^\s])", "here");
  std::size_t found = 0;
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const std::string text = utf8(c);
    const bool space = spaces.spans(text).front().matched;
    found += space;
    if (space != is_white_space(c) || space == others.spans(text).front().matched) FAIL("U+" << std::hex << static_cast<std::uint32_t>(c));
  }
  CHECK(found == 25);
}

TEST_CASE("tokenizer: damaged files are refused or read, never worse", "[files]") {
  const std::string whole = fixture("metaspace").dump();
  SplitMix64 random(3);
  std::size_t refusals = 0, read = 0;
  for (int i = 0; i < 300; ++i) {
    std::string text = whole;
    for (int k = 0; k < 3; ++k) text[random.next() % text.size()] = static_cast<char>(random.next());
    if (i % 3 == 0) text.resize(random.next() % text.size());
    try {
      tokenizer_from_json(text, "t.json").encode("a \u00e9 11 <s>");
      ++read;
    } catch (const InputError&) {
      ++refusals;
    }
  }
  CHECK(refusals + read == 300);
  CHECK(refusals > 200);
}

TEST_CASE("tokenizer: 100 kB without a word boundary take well under a second", "[files]") {
  const Tokenizer tokenizer = load_tokenizer("tests/files/data/tokenizers/gemma.json");
  const Tokenizer words = load_tokenizer("tests/files/data/tokenizers/llama3.json");
  std::string text;
  SplitMix64 random(1);
  while (text.size() < 100'000) text += static_cast<char>('a' + random.next() % 26);
  for (const std::string& long_one : {text, std::string(100'000, 'a'), std::string(100'000, ' '), std::string(100'000, '1')}) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(tokenizer.encode(long_one).tokens.size() > 100);
    CHECK(words.encode(long_one).tokens.size() > 100);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));  // quadratic work would take minutes
  }
}
