#include "lib/files/tokenizer/pre_tokenizer.hpp"

#include <algorithm>

#include "lib/files/tokenizer/byte_alphabet.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

// The spans that are kept, as the reference joins them: a match joins its neighbour unless the match before it did, too.
std::vector<Span> arranged(std::vector<Span> spans, Behavior behavior) {
  std::vector<Span> kept;
  switch (behavior) {
    case Behavior::isolated: return spans;
    case Behavior::removed:
      std::erase_if(spans, [](const Span& span) { return span.matched; });
      return spans;
    case Behavior::contiguous:
      for (const Span& span : spans) {
        if (!kept.empty() && kept.back().matched == span.matched) {
          kept.back().end = span.end;
        } else {
          kept.push_back(span);
        }
      }
      return kept;
    case Behavior::merged_with_previous: {
      bool previous = false;
      for (const Span& span : spans) {
        if (span.matched && !previous && !kept.empty()) {
          kept.back().end = span.end;
        } else {
          kept.push_back(span);
        }
        previous = span.matched;
      }
      return kept;
    }
    case Behavior::merged_with_next: {
      bool next = false;
      for (auto span = spans.rbegin(); span != spans.rend(); ++span) {
        if (span->matched && !next && !kept.empty()) {
          kept.back().begin = span->begin;
        } else {
          kept.push_back(*span);
        }
        next = span->matched;
      }
      std::reverse(kept.begin(), kept.end());
      return kept;
    }
  }
  return kept;
}

void cut(const Word& word, const std::vector<Span>& spans, std::vector<Word>& words) {
  for (const Span& span : spans) words.push_back({word.text.substr(span.begin, span.end - span.begin), word.begins_text && span.begin == 0});
}

void apply(const Split& split, Word word, std::vector<Word>& words) {
  std::vector<Span> spans = split.pattern.spans(word.text);
  if (split.invert) {
    for (Span& span : spans) span.matched = !span.matched;
  }
  cut(word, arranged(std::move(spans), split.behavior), words);
}

void apply(const Digits& digits, Word word, std::vector<Word>& words) {
  std::vector<Span> spans;  // one a number character, one for what lies between
  for (std::size_t at = 0; at < word.text.size();) {
    const auto [value, size] = code_point_at(word.text, at);
    const bool number = is_number(value);
    if (!number && !spans.empty() && !spans.back().matched) {
      spans.back().end += size;
    } else {
      spans.push_back({at, at + size, number});
    }
    at += size;
  }
  cut(word, arranged(std::move(spans), digits.individual ? Behavior::isolated : Behavior::contiguous), words);
}

void apply(const ByteLevel& step, Word word, std::vector<Word>& words) {
  if (step.add_prefix_space && !word.text.starts_with(' ')) word.text.insert(word.text.begin(), ' ');
  const std::size_t first = words.size();
  if (step.regex) {
    cut(word, step.regex->spans(word.text), words);
  } else {
    words.push_back(std::move(word));
  }
  for (std::size_t i = first; i < words.size(); ++i) words[i].text = in_byte_alphabet(words[i].text);
}

void apply(const Metaspace& step, Word word, std::vector<Word>& words) {
  std::string text;
  for (const char c : word.text) {
    if (c == ' ') {
      text += step.replacement;
    } else {
      text += c;
    }
  }
  const bool prepend = step.prepend == PrependScheme::always || (step.prepend == PrependScheme::first && word.begins_text);
  word.text = prepend && !text.starts_with(step.replacement) ? step.replacement + text : text;
  if (step.split) {
    cut(word, arranged(Pattern::literal(step.replacement).spans(word.text), Behavior::merged_with_next), words);
  } else {
    words.push_back(std::move(word));
  }
}

}  // namespace

const char* const gpt2_split = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::vector<Word> words_of(const PreTokenizer& steps, Word text) {
  std::vector<Word> words = {std::move(text)};
  for (const auto& step : steps) {
    std::vector<Word> cut;
    for (Word& word : words) {
      std::visit([&](const auto& s) { apply(s, std::move(word), cut); }, step);
    }
    std::erase_if(cut, [](const Word& word) { return word.text.empty(); });
    words = std::move(cut);
  }
  return words;
}

}  // namespace snellen
