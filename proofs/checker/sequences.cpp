#include "proofs/checker/sequences.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "lib/error.hpp"

namespace snellen::check {
namespace {

// Seats that one certificate may ask for: what a run of `certify` may evaluate, and as many again.
constexpr std::int64_t most_seats = 2'000'000;

std::int64_t run_tokens(const CertificateSequences& s, std::int64_t n) {
  const auto unit = s.sampled.empty() ? static_cast<std::int64_t>(s.unit.size()) : 1;
  if (n > most_seats / unit) throw InputError("family", fmt::format("found lengths up to {} of {} tokens a unit, more than this program evaluates", n, unit));
  return n * unit;
}

void append(std::vector<Token>& to, const std::vector<Token>& tokens) { to.insert(to.end(), tokens.begin(), tokens.end()); }

}  // namespace

std::int64_t run_length(const CertificateSequences& s, std::int64_t n) {
  const std::int64_t count = run_tokens(s, n);
  if (s.every == 0 || count == 0) return count;
  return count + (count - 1) / s.every * static_cast<std::int64_t>(s.delimiter.size());
}

std::vector<Token> run_of(const CertificateSequences& s, std::int64_t n) {
  const std::int64_t count = run_tokens(s, n);
  if (!s.sampled.empty() && count > static_cast<std::int64_t>(s.sampled.size()))
    throw InputError("family.sampled", fmt::format("found {} tokens, expected one for each n up to {}", s.sampled.size(), n));
  if (run_length(s, n) > most_seats) throw InputError("family", "found more tokens than this program evaluates");
  std::vector<Token> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    if (s.every > 0 && i > 0 && i % s.every == 0) append(tokens, s.delimiter);
    tokens.push_back(s.sampled.empty() ? s.unit[static_cast<std::size_t>(i) % s.unit.size()] : s.sampled[static_cast<std::size_t>(i)]);
  }
  return tokens;
}

std::vector<Token> sequence(const CertificateSequences& s, std::int64_t n) {
  std::vector<Token> tokens = s.prefix;
  append(tokens, run_of(s, n));
  append(tokens, s.suffix);
  return tokens;
}

std::vector<Token> second_sequence(const CertificateSequences& s, std::int64_t n) {
  if (!s.repeat_last) return sequence(s, n + 1);
  std::vector<Token> tokens = sequence(s, n);
  tokens.push_back(tokens.back());
  return tokens;
}

Seating::Seating(std::vector<Token> trunk) : trunk_(trunk.size()) {
  for (const Token token : trunk) seats_.push_back({token, 0, 0});
}

std::size_t Seating::add(std::size_t length, const std::vector<Token>& tokens) {
  if (length > trunk_ || length + tokens.size() == 0) throw std::logic_error("Seating::add: no such sequence");
  if (tokens.empty()) return length - 1;
  const std::size_t branch = seats_.size();
  for (const Token token : tokens) seats_.push_back({token, length, branch});
  return seats_.size() - 1;
}

Pairs seat_pairs(const CertificateSequences& s, std::int64_t from, std::int64_t to) {
  std::vector<Token> trunk = s.prefix;
  append(trunk, run_of(s, s.repeat_last ? to : to + 1));
  const auto branch = static_cast<std::int64_t>(s.suffix.size()) + (s.repeat_last ? 1 : 0);
  if (static_cast<std::int64_t>(trunk.size()) + (to - from + 2) * branch > most_seats) throw InputError("family", "found more tokens than this program evaluates");
  if (from == 0 && s.prefix.empty() && s.suffix.empty()) throw InputError("from", "found 0, where S_0 has no token");
  const std::vector<Token> all = trunk;
  Pairs pairs{Seating(std::move(trunk)), {}, {}};
  const auto length = [&](std::int64_t n) { return s.prefix.size() + static_cast<std::size_t>(run_length(s, n)); };
  for (std::int64_t n = from; n <= to; ++n) {
    if (s.repeat_last) {
      std::vector<Token> tokens = s.suffix;
      tokens.push_back(s.suffix.empty() ? all[length(n) - 1] : s.suffix.back());
      pairs.second.push_back(pairs.seating.add(length(n), tokens));
      pairs.first.push_back(s.suffix.empty() ? length(n) - 1 : pairs.second.back() - 1);
    } else {
      pairs.first.push_back(n == from ? pairs.seating.add(length(n), s.suffix) : pairs.second.back());
      pairs.second.push_back(pairs.seating.add(length(n + 1), s.suffix));
    }
  }
  return pairs;
}

}  // namespace snellen::check
