#include "lib/model/family.hpp"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>
#include <variant>

#include "lib/number/splitmix64.hpp"

namespace snellen {
namespace {

using boost::multiprecision::cpp_int;

// Draws sample.tokens[i] with probability weights[i] / sum to within 2^-63: token i where a 63-bit integer is below limit i and not below limit i-1,
// limit i = floor(2^63 (w_0 + ... + w_i) / sum), computed exactly.
class Sampler {
 public:
  explicit Sampler(const Sample& sample) : tokens_(sample.tokens), generator_(sample.seed), in_turn_(sample.in_turn) {
    // A double is an integer times a power of two that is at least 2^-1074.
    std::vector<cpp_int> scaled;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      int exponent = 0;
      const double fraction = std::frexp(sample.weights.empty() ? 1.0 : sample.weights[i], &exponent);
      const cpp_int significand = static_cast<std::int64_t>(std::ldexp(fraction, 53));
      const int shift = exponent - 53 + 1074;
      scaled.push_back(shift >= 0 ? cpp_int(significand << shift) : cpp_int(significand >> -shift));
    }
    cpp_int sum = 0;
    for (const cpp_int& weight : scaled) sum += weight;
    cpp_int partial = 0;
    for (const cpp_int& weight : scaled) {
      partial += weight;
      limits_.push_back(static_cast<std::uint64_t>((partial << 63) / sum));
    }
  }

  Token next() {
    if (in_turn_) return tokens_[taken_++ % tokens_.size()];
    const std::uint64_t drawn = generator_.next() >> 1;
    return tokens_[static_cast<std::size_t>(std::upper_bound(limits_.begin(), limits_.end(), drawn) - limits_.begin())];
  }

 private:
  const std::vector<Token>& tokens_;
  std::vector<std::uint64_t> limits_;
  SplitMix64 generator_;
  bool in_turn_;
  std::size_t taken_ = 0;
};

std::string text(std::int64_t value) { return std::to_string(value); }

std::optional<Problem> bad_token(const std::string& key, const std::vector<Token>& tokens, std::optional<std::size_t> vocabulary) {
  for (const Token token : tokens) {
    const bool beyond = vocabulary && token >= static_cast<Token>(*vocabulary);
    if (token < 0 || beyond) {
      const std::string range = vocabulary ? "token ids from 0 to " + text(static_cast<std::int64_t>(*vocabulary) - 1) : "token ids from 0";
      return Problem{key, "found token " + text(token) + ", expected " + range};
    }
  }
  return std::nullopt;
}

std::optional<Problem> bad_tokens(const Family& f, std::optional<std::size_t> vocabulary) {
  if (auto problem = bad_token("prefix", f.prefix, vocabulary)) return problem;
  if (auto problem = bad_token("unit", f.unit, vocabulary)) return problem;
  if (auto problem = bad_token("suffix", f.suffix, vocabulary)) return problem;
  if (f.sample) {
    if (auto problem = bad_token("sample.tokens", f.sample->tokens, vocabulary)) return problem;
  }
  return f.delimiter ? bad_token("delimiter.tokens", f.delimiter->tokens, vocabulary) : std::nullopt;
}

std::optional<Problem> bad_sample(const Sample& s) {
  if (s.tokens.empty()) return Problem{"sample.tokens", "found an empty list, expected at least one token id"};
  if (s.weights.empty()) return std::nullopt;
  if (s.weights.size() != s.tokens.size()) {
    return Problem{"sample.weights", "found " + std::to_string(s.weights.size()) + " weights for " + std::to_string(s.tokens.size()) +
                                               " tokens, expected one weight a token"};
  }
  const auto usable = [](double w) { return std::isfinite(w) && w >= 0; };
  const bool all_zero = std::all_of(s.weights.begin(), s.weights.end(), [](double w) { return w == 0; });
  if (!std::all_of(s.weights.begin(), s.weights.end(), usable) || all_zero) {
    return Problem{"sample.weights", "found a negative, infinite or NaN weight, or only zeros; expected weights >= 0 with a positive sum"};
  }
  return std::nullopt;
}

std::int64_t tokens_a_step(const Family& f) { return f.sample ? 1 : static_cast<std::int64_t>(f.unit.size()); }

// The longest run of any sequence compared.
std::int64_t longest(const Family& f) { return f.pair == Pair::next ? f.to + 1 : f.to; }

// Reached only when every length fits: the counts below stay far from overflow because to <= max_family_tokens by then.
std::optional<Problem> bad_lengths(const Family& f) {
  if (f.from < 0) return Problem{"lengths.from", "found " + text(f.from) + ", expected at least 0"};
  if (f.to < f.from) return Problem{"lengths.to", "found " + text(f.to) + " below from = " + text(f.from) + ", expected to >= from"};
  if (f.from == 0 && f.prefix.empty() && f.suffix.empty()) {
    return Problem{"lengths.from", "found 0 with an empty prefix and an empty suffix, where S_0 has no token; expected at least 1"};
  }
  const std::string limit = "; every length is evaluated, and one family may take at most " + text(max_family_tokens) + " tokens in all";
  if (f.to >= max_family_tokens) return Problem{"lengths.to", "found " + text(f.to) + limit};
  const auto branch = static_cast<std::int64_t>(f.suffix.size()) + (f.pair == Pair::repeat_last ? 1 : 0);
  const std::size_t delimiter = f.delimiter ? f.delimiter->tokens.size() : 0;
  if (tokens_a_step(f) > max_family_tokens || branch > max_family_tokens || delimiter > static_cast<std::size_t>(max_family_tokens) ||
      static_cast<std::int64_t>(f.prefix.size()) + f.run_length(longest(f)) + (f.to - f.from + 2) * branch > max_family_tokens) {
    return Problem{"lengths.to", "found lengths from " + text(f.from) + " to " + text(f.to) + " that need more" + limit};
  }
  return std::nullopt;
}

// Adds sequences given as trunk[0, length) . tokens, each column only once.
class SharedColumns {
 public:
  explicit SharedColumns(std::vector<Token> trunk) : trunk_(std::move(trunk)), tree_(trunk_) {}

  std::size_t add(std::size_t length, std::vector<Token> tokens) {
    std::size_t shared = 0;  // leading tokens that the trunk goes on with
    while (shared < tokens.size() && length + shared < trunk_.size() && tokens[shared] == trunk_[length + shared]) ++shared;
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(shared));
    length += shared;
    if (tokens.empty()) return tree_.add(length, {});
    std::size_t at = none, known = 0;
    for (; known < tokens.size(); ++known) {
      const auto next = steps_.find({length, at, tokens[known]});
      if (next == steps_.end()) break;
      at = next->second;
    }
    if (known == tokens.size()) return at;
    // A column sees one branch only, so that a branch that leaves a known one is new from its start.
    const std::size_t last = tree_.add(length, tokens);
    std::size_t column = last + 1 - tokens.size();
    at = none;
    for (const Token token : tokens) at = steps_.try_emplace({length, at, token}, column++).first->second;
    return last;
  }

  const std::vector<Token>& trunk() const { return trunk_; }
  const std::vector<Column>& columns() const { return tree_.columns(); }

 private:
  std::vector<Token> trunk_;
  SequenceTree tree_;
  // The column of a branch's next token, from where the branch leaves the trunk, the column of the token before (none for the first) and the token.
  static constexpr std::size_t none = ~std::size_t{0};
  std::map<std::tuple<std::size_t, std::size_t, Token>, std::size_t> steps_;
};

}  // namespace

std::vector<Token> Family::run(std::int64_t n) const {
  std::optional<Sampler> sampler;
  if (sample) sampler.emplace(*sample);
  const std::int64_t count = n * tokens_a_step(*this);
  std::vector<Token> result;
  result.reserve(static_cast<std::size_t>(run_length(n)));
  for (std::int64_t i = 0; i < count; ++i) {
    if (delimiter && i > 0 && i % delimiter->every == 0) result.insert(result.end(), delimiter->tokens.begin(), delimiter->tokens.end());
    result.push_back(sampler ? sampler->next() : unit[static_cast<std::size_t>(i) % unit.size()]);
  }
  return result;
}

std::int64_t Family::run_length(std::int64_t n) const {
  const std::int64_t count = n * tokens_a_step(*this);
  if (!delimiter || count == 0) return count;
  return count + (count - 1) / delimiter->every * static_cast<std::int64_t>(delimiter->tokens.size());
}

std::int64_t Family::kinds() const { return delimiter ? delimiter->every / std::gcd(delimiter->every, tokens_a_step(*this)) : 1; }

std::vector<Token> Family::sequence(std::int64_t n) const {
  std::vector<Token> result = prefix;
  const std::vector<Token> middle = run(n);
  result.insert(result.end(), middle.begin(), middle.end());
  result.insert(result.end(), suffix.begin(), suffix.end());
  return result;
}

std::vector<Token> Family::second(std::int64_t n) const {
  if (pair == Pair::next) return sequence(n + 1);
  std::vector<Token> result = sequence(n);
  result.push_back(result.back());
  return result;
}

std::optional<Problem> problem_of(const Family& f) {
  if (f.sample && !f.unit.empty()) return Problem{"unit", "found both a unit and a sample, expected one of them"};
  if (!f.sample && f.unit.empty()) return Problem{"unit", "found no run token, expected a unit of at least one token or a sample"};
  if (f.sample) {
    if (auto problem = bad_sample(*f.sample)) return problem;
  }
  if (f.delimiter && f.delimiter->every < 1) return Problem{"delimiter.every", "found " + text(f.delimiter->every) + ", expected at least 1"};
  if (f.delimiter && f.delimiter->tokens.empty()) return Problem{"delimiter.tokens", "found an empty list, expected at least one token id"};
  if (auto problem = bad_tokens(f, std::nullopt)) return problem;
  return bad_lengths(f);
}

std::optional<Problem> problem_of(const Family& f, const Model& model) {
  if (auto problem = problem_of(f)) return problem;
  if (auto problem = bad_tokens(f, model.vocabulary)) return problem;
  if (const auto* learned = std::get_if<LearnedPositions>(&model.positions)) {
    const auto positions = static_cast<std::int64_t>(learned->table->rows());
    const auto extra = static_cast<std::int64_t>(f.prefix.size() + f.suffix.size()) + (f.pair == Pair::repeat_last ? 1 : 0);
    const std::int64_t tokens = extra + f.run_length(longest(f));
    if (tokens > positions) {
      return Problem{"lengths.to", "found " + text(f.to) + ", whose longest sequence has " + text(tokens) + " tokens, expected at most the " +
                                             text(positions) + " of the model's learned table of positions"};
    }
  }
  return std::nullopt;
}

FamilyBlock family_block(const Family& family) {
  if (const auto problem = problem_of(family)) throw InputError("family." + problem->key, problem->description);
  std::vector<Token> trunk = family.prefix;
  const std::vector<Token> run = family.run(longest(family));
  trunk.insert(trunk.end(), run.begin(), run.end());
  SharedColumns columns(std::move(trunk));
  const auto length = [&](std::int64_t n) { return family.prefix.size() + static_cast<std::size_t>(family.run_length(n)); };

  FamilyBlock block;
  for (std::int64_t n = family.from; n <= family.to; ++n) {
    std::vector<Token> tail = family.suffix;
    if (family.pair == Pair::next) {
      block.first.push_back(columns.add(length(n), tail));
      block.second.push_back(columns.add(length(n + 1), tail));
    } else {
      // The longer sequence first: the shorter one is then a column of its branch.
      tail.push_back(tail.empty() ? columns.trunk()[length(n) - 1] : tail.back());
      block.second.push_back(columns.add(length(n), tail));
      tail.pop_back();
      block.first.push_back(columns.add(length(n), tail));
    }
  }
  block.columns = columns.columns();
  return block;
}

}  // namespace snellen
