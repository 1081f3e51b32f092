#include "lib/files/tokenizer.hpp"

#include <fmt/format.h>

#include "lib/error.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer/byte_alphabet.hpp"
#include "lib/files/tokenizer/from_gguf.hpp"
#include "lib/files/tokenizer/from_json.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

// <0x0A>
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && (c < 'A' || c > 'F')) return std::nullopt;
    value = value * 16 + (digit ? c - '0' : c - 'A' + 10);
  }
  return static_cast<char>(value);
}

}  // namespace

Encoding Tokenizer::encode(std::string_view text, const std::string& place) const {
  require_utf8(text, place);
  Encoding encoding;
  const auto& [model, added, normalizer, pre_tokenizer, before, after, spelling] = parts_;
  for (const auto& raw : added.parts(text, false)) {
    if (raw.token) {
      encoding.tokens.push_back(raw.token->id);
      continue;
    }
    const std::string plain = normalized(normalizer, std::string(text.substr(raw.begin, raw.end - raw.begin)));
    for (const auto& part : added.parts(plain, true)) {
      if (part.token) {
        encoding.tokens.push_back(part.token->id);
        continue;
      }
      const bool begins_text = raw.begin == 0 && part.begin == 0;
      for (const Word& word : words_of(pre_tokenizer, {plain.substr(part.begin, part.end - part.begin), begins_text})) {
        encoding.left_out += model.encode(word.text, encoding.tokens);
      }
    }
  }
  return encoding;
}

std::optional<std::string> Tokenizer::text_of(Token id) const {
  if (const AddedToken* added = parts_.added.find(id)) return added->content;
  const std::string* token = parts_.model.token(id);
  if (!token) return std::nullopt;
  if (parts_.spelling.byte_level) {
    if (auto bytes = from_byte_alphabet(*token)) return bytes;
    return *token;
  }
  if (parts_.model.byte_fallback()) {
    if (const auto byte = fallback_byte(*token)) return std::string(1, *byte);
  }
  if (parts_.spelling.space.empty()) return *token;
  std::string text;
  for (const Span& span : Pattern::literal(parts_.spelling.space).spans(*token)) text += span.matched ? " " : token->substr(span.begin, span.end - span.begin);
  return text;
}

bool Tokenizer::is_special(Token id) const {
  const AddedToken* added = parts_.added.find(id);
  return added && added->special;
}

Tokenizer load_tokenizer(const std::filesystem::path& model) {
  std::error_code error;
  const auto status = std::filesystem::status(model, error);
  if (!std::filesystem::exists(status)) throw InputError(printable(model.string()), "does not exist or cannot be reached, expected a model folder or file");
  if (!std::filesystem::is_directory(status) && model.extension() != ".safetensors") {
    const auto file = MappedFile::open(model);
    if (file->text().starts_with("GGUF")) return tokenizer_from_gguf(file);
    if (model.extension() == ".json") return tokenizer_from_json(file->text(), file->name());
    throw InputError(file->name(), "is no model, expected a folder, a .safetensors, a .gguf or a tokenizer.json");
  }
  const auto path = (std::filesystem::is_directory(status) ? model : model.parent_path()) / "tokenizer.json";
  if (!std::filesystem::exists(path, error)) {
    throw InputError(printable(path.string()), "does not exist; Snellen reads tokenizers from a tokenizer.json or a .gguf, expected one of them (or token ids)");
  }
  const auto file = MappedFile::open(path);
  return tokenizer_from_json(file->text(), file->name());
}

}  // namespace snellen
