#include "lib/files/tokenizer/from_gguf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <tuple>
#include <unordered_set>

#include "lib/error.hpp"
#include "lib/files/gguf.hpp"
#include "lib/files/little_endian.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer/byte_alphabet.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

constexpr std::string_view prefix = "tokenizer.ggml.";
const std::string lower_block = "\u2581";  // SentencePiece's space

// llama.cpp's kinds of tokens.
enum TokenType : std::int32_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

// What llama.cpp's "pre" names, as the models' own tokenizer.json files say it.
struct Preparation {
  std::string_view name;
  bool nfc, individual_digits;
  const char* split;   // null: GPT-2's
  bool ignore_merges;
};
constexpr const char* llama3_split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* qwen2_split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::array<Preparation, 7> preparations = {{{"gpt-2", false, false, nullptr, false},
                                                      {"smollm", false, true, nullptr, false},
                                                      {"starcoder", false, true, nullptr, false},
                                                      {"llama-bpe", false, false, llama3_split, true},
                                                      {"llama-v3", false, false, llama3_split, true},
                                                      {"llama3", false, false, llama3_split, true},
                                                      {"qwen2", true, false, qwen2_split, false}}};

class Metadata {
 public:
  explicit Metadata(const Gguf& gguf) : gguf_(gguf) {}

  std::string place() const { return gguf_.file->name(); }

  [[noreturn]] void fail(std::string_view key, const std::string& problem) const {
    const auto found = gguf_.metadata.find(key);
    throw InputError(place(), (found == gguf_.metadata.end() ? "" : fmt::format("byte {}: ", found->second.at)) + fmt::format("{}: {}", printable(key), problem));
  }
  bool has(std::string_view key) const { return gguf_.metadata.contains(key); }

  template <class Value>
  const Value* value(std::string_view key, std::string_view expected) const {
    const auto found = gguf_.metadata.find(key);
    if (found == gguf_.metadata.end()) return nullptr;
    const auto* value = std::get_if<Value>(&found->second.value);
    if (!value) fail(key, fmt::format("has type {}, expected {}", name_of(found->second.type), expected));
    return value;
  }
  std::string text(std::string_view key) const {
    const auto* found = value<std::string>(key, "a string");
    if (!found) fail(key, "is missing, expected a string");
    return *found;
  }
  bool flag(std::string_view key, bool fallback) const {
    const auto* found = value<bool>(key, "a bool");
    return found ? *found : fallback;
  }
  // Of `count` elements where count is given.
  const GgufArray& array(std::string_view key, GgufType element, std::optional<std::size_t> count) const {
    const auto* found = value<GgufArray>(key, "an array");
    if (!found || found->element != element || (count && found->count != *count)) {
      fail(key, fmt::format("found {}, expected an array of {}{}", found ? fmt::format("{} {}", found->count, name_of(found->element)) : "nothing",
                            count ? fmt::format("{} ", *count) : "", name_of(element)));
    }
    return *found;
  }
  // They point into the file.
  std::vector<std::string_view> strings(std::string_view key) const {
    std::vector<std::string_view> result = array(key, GgufType::string, {}).strings();
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (invalid_utf8_at(result[i])) fail(key, fmt::format("element {} is {}, expected UTF-8", i, in_quotes(result[i])));
    }
    return result;
  }
  template <class Value>
  std::vector<Value> numbers(std::string_view key, GgufType element, std::size_t count) const {
    const GgufArray& found = array(key, element, count);
    std::vector<Value> result;
    for (std::size_t i = 0; i < count; ++i) result.push_back(std::bit_cast<Value>(load_little_endian<std::uint32_t>(found.bytes.data() + 4 * i)));
    return result;
  }

  // Every key of the tokenizer changes nothing, or is read here.
  void refuse_unknown() const {
    constexpr std::array<std::string_view, 7> read = {"model", "pre", "tokens", "token_type", "scores", "merges", "add_space_prefix"};
    constexpr std::array<std::string_view, 3> around = {"add_bos_token", "add_eos_token", "add_sep_token"};
    for (const auto& [key, value] : gguf_.metadata) {
      if (!key.starts_with(prefix)) continue;
      const std::string_view name = std::string_view(key).substr(prefix.size());
      const bool known = std::find(read.begin(), read.end(), name) != read.end() || std::find(around.begin(), around.end(), name) != around.end() ||
                         name.ends_with("_token_id") || name.ends_with("_token_ids") || name == "token_type_count";
      if (!known) fail(key, "is not understood");
    }
  }

 private:
  const Gguf& gguf_;
};

std::string key(std::string_view name) { return std::string(prefix) + std::string(name); }

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> types;

  explicit Vocabulary(const Metadata& metadata) {
    for (const std::string_view token : metadata.strings(key("tokens"))) tokens.emplace_back(token);
    types = metadata.numbers<std::int32_t>(key("token_type"), GgufType::i32, tokens.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (types[i] < normal || types[i] > byte) metadata.fail(key("token_type"), fmt::format("element {} is {}, expected 1 to 6", i, types[i]));
    }
  }
  Bpe::Vocabulary numbered() const {
    Bpe::Vocabulary result;
    for (std::size_t i = 0; i < tokens.size(); ++i) result.emplace_back(tokens[i], static_cast<std::uint32_t>(i));
    return result;
  }
  // Control tokens and, as transformers has it, the unknown token; what users defined.
  AddedTokens added(const std::string& place, const std::vector<bool>& respelled) const {
    std::vector<AddedToken> result;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool special = types[i] == control || types[i] == unknown;
      if (!special && (types[i] != user_defined || respelled[i])) continue;
      AddedToken token;
      token.id = static_cast<Token>(i);
      token.content = tokens[i];
      token.special = special;
      result.push_back(std::move(token));
    }
    return AddedTokens(std::move(result), [](const std::string& content) { return content; }, place);
  }
};

Bpe::Merges read_merges(const Metadata& metadata) {
  Bpe::Merges merges;
  for (const std::string_view merge : metadata.strings(key("merges"))) {
    const std::size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      metadata.fail(key("merges"), fmt::format("element {} is {}, expected two tokens with a space between them", merges.size(), in_quotes(merge)));
    }
    merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return merges;
}

// Every way to cut a token into two tokens, the token of the highest score first; of the cuts of one token the one with the longest left part.
// transformers' generate_merges(). The merges point into `tokens`.
Bpe::Merges rebuilt_merges(const std::vector<std::string>& tokens, const std::vector<double>& scores) {
  const std::unordered_set<std::string_view> vocabulary(tokens.begin(), tokens.end());
  struct Cut {
    std::size_t token, at;  // byte
    std::size_t left, right;  // code points
  };
  std::vector<Cut> cuts;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const std::string_view token = tokens[t];
    const std::size_t length = code_points(token);
    std::size_t left = 0;
    for (std::size_t at = 0; at < token.size();) {
      at += code_point_at(token, at).size;
      ++left;
      if (at < token.size() && vocabulary.contains(token.substr(0, at)) && vocabulary.contains(token.substr(at))) cuts.push_back({t, at, left, length - left});
    }
  }
  std::stable_sort(cuts.begin(), cuts.end(), [&](const Cut& a, const Cut& b) {
    return std::tuple(scores[a.token], a.left, a.right) > std::tuple(scores[b.token], b.left, b.right);
  });
  Bpe::Merges merges;
  merges.reserve(cuts.size());
  for (const Cut& cut : cuts) {
    const std::string_view token = tokens[cut.token];
    merges.emplace_back(token.substr(0, cut.at), token.substr(cut.at));
  }
  return merges;
}

// The token `<name>_token_id` where `add_<name>_token` says that it stands around a text.
std::vector<Token> around(const Metadata& metadata, const std::string& name, bool fallback, std::size_t vocabulary) {
  if (!metadata.flag(key("add_" + name + "_token"), fallback)) return {};
  const std::string id_key = key(name + "_token_id");
  const auto* id = metadata.value<std::uint64_t>(id_key, "an unsigned integer");
  if (!id || *id >= vocabulary) metadata.fail(id_key, fmt::format("found {}, expected an id below {}", id ? std::to_string(*id) : "nothing", vocabulary));
  return {static_cast<Token>(*id)};
}

Tokenizer byte_level(const Metadata& metadata) {
  const std::string pre = metadata.text(key("pre"));
  const auto known = std::find_if(preparations.begin(), preparations.end(), [&](const Preparation& p) { return p.name == pre; });
  if (known == preparations.end()) {
    std::string names;
    for (const Preparation& p : preparations) names += (names.empty() ? "" : ", ") + std::string(p.name);
    metadata.fail(key("pre"), fmt::format("found {}, expected one of {}", in_quotes(pre), names));
  }
  if (metadata.flag(key("add_space_prefix"), false)) metadata.fail(key("add_space_prefix"), "found true, expected false for a byte-level vocabulary");
  const Vocabulary vocabulary(metadata);
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (!from_byte_alphabet(vocabulary.tokens[i])) {
      metadata.fail(key("tokens"), fmt::format("element {} is {}, expected GPT-2's byte alphabet", i, in_quotes(vocabulary.tokens[i])));
    }
  }
  BpeOptions options;
  options.ignore_merges = known->ignore_merges;
  Normalizer normalizer;
  if (known->nfc) normalizer.emplace_back(NormalForm::nfc);
  PreTokenizer steps;
  if (known->individual_digits) steps.emplace_back(Digits{true});
  if (known->split) steps.emplace_back(Split{Pattern::regex(known->split, metadata.place())});
  steps.emplace_back(ByteLevel{false, known->split ? std::nullopt : std::optional(Pattern::regex(gpt2_split, metadata.place()))});
  const std::size_t size = vocabulary.tokens.size();
  Spelling spelling;
  spelling.byte_level = true;
  return Tokenizer({Bpe(vocabulary.numbered(), read_merges(metadata), options, metadata.place()),
                    vocabulary.added(metadata.place(), std::vector<bool>(size, false)), std::move(normalizer), std::move(steps),
                    around(metadata, "bos", false, size), around(metadata, "eos", false, size), spelling});
}

Tokenizer sentencepiece(const Metadata& metadata) {
  const std::string architecture = metadata.text("general.architecture");
  const bool gemma = architecture == "gemma" || architecture == "gemma2" || architecture == "gemma3";
  if (!gemma && architecture != "llama") {
    metadata.fail("general.architecture", fmt::format("found {} with a SentencePiece vocabulary, expected llama, gemma, gemma2 or gemma3", in_quotes(architecture)));
  }
  if (metadata.has(key("pre")) && metadata.text(key("pre")) != "default") {
    metadata.fail(key("pre"), fmt::format("found {}, expected 'default' for a SentencePiece vocabulary", in_quotes(metadata.text(key("pre")))));
  }
  Vocabulary vocabulary(metadata);
  auto& tokens = vocabulary.tokens;
  const std::size_t size = tokens.size();
  // Gemma's runs of spaces are stored as spaces: they are runs of lower blocks to the model, and not looked for in the text.
  std::vector<bool> respelled(size, false);
  for (std::size_t i = 0; gemma && i < size; ++i) {
    if (tokens[i].empty() || tokens[i].find_first_not_of(' ') != std::string::npos) continue;
    std::string blocks;
    for (std::size_t n = 0; n < tokens[i].size(); ++n) blocks += lower_block;
    tokens[i] = std::move(blocks);
    respelled[i] = true;
  }
  Bpe::Merges merges;
  if (metadata.has(key("merges"))) {
    merges = read_merges(metadata);
  } else {
    const auto stored = metadata.numbers<float>(key("scores"), GgufType::f32, size);
    std::vector<double> scores(stored.begin(), stored.end());
    for (std::size_t i = 0; i < size; ++i) {
      if (!std::isfinite(scores[i])) metadata.fail(key("scores"), fmt::format("element {} is {}, expected a finite number", i, scores[i]));
      // Gemma's scores leave out what users defined; the order of the tokens does not.
      if (gemma) scores[i] = -static_cast<double>(i);
    }
    merges = rebuilt_merges(tokens, scores);
  }
  BpeOptions options;
  options.fuse_unknown = options.byte_fallback = true;
  if (gemma) options.unknown = "<unk>";
  const bool space_prefix = metadata.flag(key("add_space_prefix"), !gemma);
  if (gemma && space_prefix) metadata.fail(key("add_space_prefix"), "found true, expected false for Gemma");
  Normalizer normalizer;
  PreTokenizer steps;
  if (gemma) {
    normalizer.emplace_back(Replace{Pattern::literal(" "), lower_block});
  } else {
    steps.emplace_back(Metaspace{lower_block, space_prefix ? PrependScheme::first : PrependScheme::never, false});
  }
  Spelling spelling;
  spelling.space = lower_block;
  return Tokenizer({Bpe(vocabulary.numbered(), merges, options, metadata.place()), vocabulary.added(metadata.place(), respelled), std::move(normalizer),
                    std::move(steps), around(metadata, "bos", true, size), around(metadata, "eos", false, size), spelling});
}

}  // namespace

Tokenizer tokenizer_from_gguf(const std::shared_ptr<const MappedFile>& file) {
  const Gguf gguf = read_gguf(file);
  const Metadata metadata(gguf);
  const std::string model = metadata.text(key("model"));
  metadata.refuse_unknown();
  if (model == "gpt2") return byte_level(metadata);
  if (model == "llama") return sentencepiece(metadata);
  metadata.fail(key("model"), fmt::format("found {}, expected gpt2 or llama", in_quotes(model)));
}

}  // namespace snellen
