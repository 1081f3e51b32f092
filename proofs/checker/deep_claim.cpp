#include "proofs/checker/deep_claim.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace snellen::check {

DeepClaim::DeepClaim(const Certificate& c, const CertificateClaim& claim) : c_(c), numbers_(claim.numbers) {
  const auto refuse = [&](const char* why) { result_ = settled(why); };
  const std::string& criterion = numbers_.at("criterion");
  if ((numbers_.contains("status") && numbers_.at("status") == "never") || numbers_.contains("overflow from"))
    refuse("that such a run never collapses, or always overflows, is of a kind that this program does not know");
  if (criterion != "bitwise" && criterion != "tolerance") refuse("next tokens are not asked for in two layers under rotary positions");
  if (numbers_.contains("from")) from_ = length("from");
  for (const char* const name : {"distinct at", "distinct at or after"})
    if (numbers_.contains(name)) distinct_.push_back(length(name));
  if (std::max(from_, distinct_.empty() ? 0 : *std::max_element(distinct_.begin(), distinct_.end())) >= farthest || from_ < 0) refuse("a length below 1, or beyond what this program evaluates");
  beyond_ = from_ == 0;
}

std::int64_t DeepClaim::length(const char* name) const {
  const Length n = *parse_length(numbers_.at(name));
  return n < 1 ? -1 : n >= farthest ? farthest : static_cast<std::int64_t>(n);
}

void DeepClaim::give_up(std::string why) {
  if (open()) result_ = settled(std::move(why));
}

void DeepClaim::conclude() {
  if (open() && beyond_ && distinct_.empty()) done_ = true, result_ = verified();
}

std::int64_t DeepClaim::least_end() const {
  std::int64_t end = beyond_ ? 0 : from_ > far ? from_ : from_ - from_ / 4;
  for (const std::int64_t d : distinct_) end = std::max(end, d + 1);
  return end;
}

bool DeepClaim::asks(std::int64_t n) const {
  return open() && (must_collapse(n) || std::any_of(distinct_.begin(), distinct_.end(), [&](std::int64_t d) { return n == d || n == d + 1; }));
}

void DeepClaim::see_pair(const IntervalArithmetic& a, std::int64_t n, const Vector& x, const Vector& y, const Vector& limit) {
  if (!open()) return;
  const bool must_differ = std::find(distinct_.begin(), distinct_.end(), n) != distinct_.end(), must_collapse = this->must_collapse(n);
  if (!must_differ && !must_collapse) return;
  const Letter found = numbers_.at("criterion") == "tolerance" ? tolerance(distance(a, numbers_.at("norm"), x, y), *parse_exact(numbers_.at("eps")))
                                                               : RoundedVector(format_of(c_, numbers_), x).compared_with(RoundedVector(format_of(c_, numbers_), y));
  if (must_collapse && found != 'C') result_ = found == 'U' ? settled(fmt::format("the pair at n = {} is not decided", n)) : refuted(fmt::format("at n = {} the pair does not collapse{}", n, found == 'O' ? ": it overflows" : ""));
  if (!must_differ) return;
  if (found == 'D' || differs_from(limit, x)) std::erase(distinct_, n);
  else if (found == 'U' || !numbers_.contains("distinct at")) result_ = settled(fmt::format("the pair at n = {} is not proved to be distinct", n));
  else result_ = refuted(fmt::format("at n = {} the pair is not distinct", n));
  conclude();
}

bool DeepClaim::differs_from(const Vector& limit, const Vector& x) const {
  return numbers_.contains("distinct at or after") && from_ > 0 && numbers_.at("criterion") == "bitwise" &&
         RoundedVector(format_of(c_, numbers_), x).compared_with(RoundedVector(format_of(c_, numbers_), limit)) == 'D';
}

bool DeepClaim::near(const IntervalArithmetic& a, const Vector& limit, const Vector& off) const {
  if (numbers_.at("criterion") == "tolerance") {
    Number d = norm_of(a, numbers_.at("norm"), off);
    a.mul(d, d, 2.0);
    return tolerance(d, *parse_exact(numbers_.at("eps"))) == 'C';
  }
  const RoundedVector cell(format_of(c_, numbers_), limit);
  Vector moved = limit;
  for (std::size_t i = 0; i < moved.size(); ++i) a.add(moved[i], moved[i], off[i]);
  return is_finite(moved) && cell.compared_with(RoundedVector(format_of(c_, numbers_), moved)) == 'C';
}

std::size_t DeepClaim::stride(const IntervalArithmetic& a, const Vector& limit, const Vector& d, const Vector& g, std::size_t from) const {
  if (!near(a, limit, d)) return strides.size();
  for (; from < strides.size(); ++from) {
    Vector mixed = d;
    Number term = a.zero();
    for (std::size_t i = 0; i < d.size(); ++i) {
      a.mul(mixed[i], mixed[i], strides[from]);
      a.mul(term, g[i], 1 - strides[from]);  // exact
      a.add(mixed[i], mixed[i], term);
    }
    if (near(a, limit, mixed)) return from;
  }
  return from;
}

void DeepClaim::settle(std::int64_t start, double stride) {
  if (stride == 0) beyond_ = true;
  else settled_ = static_cast<std::int64_t>(std::floor(static_cast<double>(start) / stride * (1 - 0x1p-40)));
  conclude();
}

}  // namespace snellen::check
