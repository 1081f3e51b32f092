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

std::string applied(NormalForm form, const std::string& text) {
  if (text.size() > std::numeric_limits<std::int32_t>::max()) throw InputError("text", "found more than 2^31 bytes, expected less");
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode error = U_ZERO_ERROR;
  instance(form).normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr, error);
  if (U_FAILURE(error)) throw std::runtime_error(std::string("ICU cannot normalise a text: ") + u_errorName(error));
  return result;
}

std::string applied(const Replace& replace, const std::string& text) {
  std::string result;
  for (const Span& span : replace.pattern.spans(text)) {
    if (span.matched) {
      result += replace.content;
    } else {
      result.append(text, span.begin, span.end - span.begin);
    }
  }
  return result;
}

std::string applied(const Prepend& prepend, const std::string& text) { return text.empty() ? text : prepend.text + text; }

}  // namespace

std::string normalized(const Normalizer& steps, std::string text) {
  for (const auto& step : steps) {
    text = std::visit([&](const auto& s) { return applied(s, text); }, step);
  }
  return text;
}

}  // namespace snellen
