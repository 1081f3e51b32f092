#include "proofs/checker/pairs.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/sequences.hpp"
#include "proofs/checker/work.hpp"

namespace snellen::check {

bool asks_tokens(const Certificate& c) {
  return std::any_of(c.claims.begin(), c.claims.end(), [](const CertificateClaim& claim) {
    const auto criterion = claim.numbers.find("criterion");
    return fact_of(claim.id) == "tokens" || (criterion != claim.numbers.end() && criterion->second == "argmax");
  });
}

double products_of_pairs(const Model& model, const Certificate& c, std::int64_t from, std::int64_t to) {
  const Pairs pairs = seat_pairs(*c.sequences, from, to);
  const std::vector<Seat>& seats = pairs.seating.seats();
  double seen = 0;
  for (std::size_t i = 0; i < seats.size(); ++i) seen += static_cast<double>(seats[i].trunk + (i - seats[i].branch) + 1);
  const double tokens = asks_tokens(c) ? 2 * static_cast<double>(pairs.first.size()) * products_of_logits(model) : 0;
  return static_cast<double>(seats.size()) * products_of_layers(model) + seen * products_of_attention(model) + tokens;
}

PairVectors::PairVectors(const Model& model, const Certificate& c, std::int64_t from, std::int64_t to, const std::optional<std::vector<Token>>& limit, long bits)
    : c_(c), from_(from), to_(to), forward_(model, bits) {
  Pairs pairs = seat_pairs(*c.sequences, from, to);
  const std::size_t limit_seat = limit ? pairs.seating.add(0, *limit) : 0;
  Forward::States states = forward_.run(pairs.seating.seats());
  std::vector<bool> wanted(states.hidden.size());
  for (const auto* list : {&pairs.first, &pairs.second})
    for (const std::size_t seat : *list) wanted[seat] = true;
  if (limit) wanted[limit_seat] = true;
  vectors_.resize(states.hidden.size()), tokens_.resize(states.hidden.size());
  std::vector<Vector> finals;
  std::vector<std::size_t> seats;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    Vector final = forward_.final(states.hidden[i]);
    vectors_[i] = c.at == "final" ? final : std::move(states.hidden[i]);
    finals.push_back(std::move(final)), seats.push_back(i);
  }
  if (asks_tokens(c)) {
    const std::vector<Vector> logits = forward_.logits(finals);
    for (std::size_t k = 0; k < seats.size(); ++k) tokens_[seats[k]] = argmax(logits[k]);
  }
  first_ = std::move(pairs.first), second_ = std::move(pairs.second);
  if (limit) limit_ = vectors_[limit_seat];
}

Number PairVectors::distance_at(std::int64_t n, const std::string& norm) const { return distance(arithmetic(), norm, vectors_[first_[index(n)]], vectors_[second_[index(n)]]); }

std::optional<Number> PairVectors::distance_from_limit(std::int64_t n, const std::string& norm) const {
  return limit_.empty() ? std::nullopt : std::optional(distance_from(n, limit_, norm));
}

Letter PairVectors::verdict_at(std::int64_t n, const ClaimNumbers& numbers) const {
  const std::string& criterion = numbers.at("criterion");
  const std::size_t x = first_[index(n)], y = second_[index(n)];
  if (criterion == "tolerance") return tolerance(distance(arithmetic(), numbers.at("norm"), vectors_[x], vectors_[y]), *parse_exact(numbers.at("eps")));
  if (criterion == "argmax") return same_token(tokens_[x], tokens_[y]);
  return RoundedVector(format_of(c_, numbers), vectors_[x]).compared_with(RoundedVector(format_of(c_, numbers), vectors_[y]));
}

Letter PairVectors::of_one_vector(std::int64_t n, const ClaimNumbers& numbers) const {
  const std::string& criterion = numbers.at("criterion");
  if (criterion == "tolerance") return 'C';
  if (criterion == "argmax") return token_at(n) ? 'C' : 'U';
  const RoundedVector x(format_of(c_, numbers), vectors_[first_[index(n)]]);
  return x.overflows() ? 'O' : x.may_overflow() ? 'U' : 'C';
}

std::string PairVectors::place_of(std::int64_t n, const ClaimNumbers& numbers) const {
  const Vector &x = vectors_[first_[index(n)]], &y = vectors_[second_[index(n)]];
  const std::string& criterion = numbers.at("criterion");
  if (criterion == "tolerance") return fmt::format("n = {}: D_{} lies in {}", n, numbers.at("norm"), shown(distance_at(n, numbers.at("norm"))));
  if (criterion == "argmax") {
    const auto text = [](const std::optional<std::int64_t>& token) { return token ? std::to_string(*token) : "not certain"; };
    return fmt::format("n = {}: the next tokens are {} and {}", n, text(tokens_[first_[index(n)]]), text(tokens_[second_[index(n)]]));
  }
  for (std::size_t i = 0; i < x.size(); ++i)
    if (RoundedVector(format_of(c_, numbers), {x[i]}).compared_with(RoundedVector(format_of(c_, numbers), {y[i]})) != 'C')
      return fmt::format("n = {}, coordinate {}: {} and {}", n, i, shown(x[i]), shown(y[i]));
  return fmt::format("n = {}: all coordinates round to the same values", n);
}

}  // namespace snellen::check
