#include "lib/files/tokenizer/normalizer.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <limits>
#include <stdexcept>

#include "lib/error.hpp"

namespace snellen {
namespace {

const icu::Normalizer2& instance(NormalForm form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = nullptr;
  switch (form) {
    case NormalForm::nfc: normalizer = icu::Normalizer2::getNFCInstance(error); break;
    case NormalForm::nfd: normalizer = icu::Normalizer2::getNFDInstance(error); break;
    case NormalForm::nfkc: normalizer = icu::Normalizer2::getNFKCInstance(error); break;
    case NormalForm::nfkd: normalizer = icu::Normalizer2::getNFKDInstance(error); break;
  }
  if (U_FAILURE(error) || !normalizer) throw std::runtime_error(std::string("ICU has no data for normal forms: ") + u_errorName(error));
  return *normalizer;
}

std::string applied(NormalForm form, const std::string& text, std::size_t) {  // at most 18 times as long: Unicode's own bound
  if (text.size() > std::numeric_limits<std::int32_t>::max()) throw InputError("text", "found more than 2^31 bytes, expected less");
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode error = U_ZERO_ERROR;
  instance(form).normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, error);
  if (U_FAILURE(error)) throw std::runtime_error(std::string("ICU cannot normalise a text: ") + u_errorName(error));
  return result;
}

// A few replacements, one after the other, can make a text of any length from one byte: no tokenizer that is used makes it longer than this.
std::size_t longest(std::size_t original) { return (std::size_t{1} << 16) + 16 * original; }

void require_no_longer(std::size_t size, std::size_t most) {
  if (size > most) throw InputError("text", "the tokenizer's normalizer makes it longer than " + std::to_string(most) + " bytes, expected at most 64 KiB and 16 times the text");
}

std::string applied(const Replace& replace, const std::string& text, std::size_t most) {
  std::string result;
  for (const Span& span : replace.pattern.spans(text)) {
    if (span.matched) {
      result += replace.content;
    } else {
      result.append(text, span.begin, span.end - span.begin);
    }
    require_no_longer(result.size(), most);
  }
  return result;
}

std::string applied(const Prepend& prepend, const std::string& text, std::size_t most) {
  if (text.empty()) return text;
  require_no_longer(prepend.text.size() + text.size(), most);
  return prepend.text + text;
}

}  // namespace

std::string normalized(const Normalizer& steps, std::string text) {
  const std::size_t most = longest(text.size());
  for (const auto& step : steps) {
    text = std::visit([&](const auto& s) { return applied(s, text, most); }, step);
    require_no_longer(text.size(), most);
  }
  return text;
}

}  // namespace snellen
