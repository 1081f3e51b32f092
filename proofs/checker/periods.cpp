// Claims about all n of a run of several tokens, of a suffix, or of a repeated last token, under ALiBi slopes: pairs one by one, then a tail.
#include <fmt/format.h>

#include <algorithm>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/pairs.hpp"
#include "proofs/checker/period_tail.hpp"

namespace snellen::check {
namespace {

constexpr int attempts = 3;
constexpr std::int64_t most_copies = 20'000, copies_to_spare = 8;

std::string limit_text(const CertificateSequences& s) {
  const std::string copies = fmt::format("infinitely many copies of [{}]", fmt::join(s.unit, ", "));
  return s.suffix.empty() ? copies : copies + fmt::format(" . [{}]", fmt::join(s.suffix, ", "));
}

class Judge {
 public:
  Judge(const Certificate& c, const PairVectors& pairs, const PeriodTail& tail, long bits)
      : c_(c), pairs_(pairs), a_(bits), first_(at_place(tail, tail.first())), second_(at_place(tail, tail.second())), limit_(at_place(tail, tail.limit())) {
    if (!asks_tokens(c)) return;
    first_token_ = tail.token(tail.final(tail.first())), second_token_ = tail.token(tail.final(tail.second()));
  }

  Finding judge(const CertificateClaim& claim) const {
    const ClaimNumbers& numbers = claim.numbers;
    const auto length = [&](const char* name) { return *parse_length(numbers.at(name)); };
    const auto fact = fact_of(claim.id);
    if (fact == "limit" || fact == "limit.tail") return near(*fact, numbers, fact == "limit" ? Length(c_.to) : length("from"));
    if (numbers.at("status") == "never") return forever(numbers) == 'D' ? verified() : open("the two enclosures of the tail are not apart");
    if (numbers.contains("overflow from")) return from(length("overflow from"), 'O', numbers);
    Finding result = numbers.contains("from") ? from(length("from"), 'C', numbers) : verified();
    if (result.status == Status::verified && numbers.contains("distinct at")) result = one(length("distinct at"), 'D', numbers);
    if (result.status == Status::verified && numbers.contains("distinct at or after")) {
      result = open("no pair from there on is proved to be distinct");
      for (Length n = std::max(Length(1), length("distinct at or after")); n <= pairs_.last(); ++n)
        if (letter(n, numbers) == 'D') return verified();
      if (forever(numbers) == 'D') return verified();
    }
    return result;
  }

 private:
  Vector at_place(const PeriodTail& tail, const Vector& x) const { return c_.at == "final" ? tail.final(x) : x; }
  const CertificateFormat& format(const ClaimNumbers& numbers) const {
    return *std::find_if(c_.formats.begin(), c_.formats.end(), [&](const CertificateFormat& f) { return f.name == numbers.at("format"); });
  }
  // Of every n beyond the pairs.
  Letter forever(const ClaimNumbers& numbers) const {
    const std::string& criterion = numbers.at("criterion");
    if (criterion == "argmax") return same_token(first_token_, second_token_);
    if (criterion == "tolerance") return tolerance(distance(a_, numbers.at("norm"), first_, second_), *parse_exact(numbers.at("eps")));
    return is_finite(first_) && is_finite(second_) ? RoundedVector(format(numbers), first_).compared_with(RoundedVector(format(numbers), second_)) : 'U';
  }
  Letter letter(const Length& n, const ClaimNumbers& numbers) const {
    return n > pairs_.last() ? forever(numbers) : pairs_.verdict_at(static_cast<std::int64_t>(n), numbers);
  }
  Finding one(const Length& n, Letter wanted, const ClaimNumbers& numbers) const {
    if (n < 1) return settled("lengths begin at 1");
    const Letter found = letter(n, numbers);
    if (found == wanted) return verified();
    const std::string place = n > pairs_.last() ? fmt::format("every n > {}", pairs_.last()) : pairs_.place_of(static_cast<std::int64_t>(n), numbers);
    const std::string what = fmt::format("claimed {}, found {} at {}", wanted, found, place);
    return found == 'U' ? open(what) : refuted(what);
  }
  Finding from(const Length& first, Letter wanted, const ClaimNumbers& numbers) const {
    if (first < 1) return settled("lengths begin at 1");
    for (Length n = first; n <= pairs_.last(); ++n)
      if (Finding f = one(n, wanted, numbers); f.status != Status::verified) return f;
    return one(std::max(first, Length(pairs_.last()) + 1), wanted, numbers);
  }
  Finding near(const std::string& fact, const ClaimNumbers& numbers, const Length& first) const {
    if (numbers.at("limit") != limit_text(*c_.sequences)) return settled("the limit " + numbers.at("limit") + " is of a kind that this program does not know");
    if (first < 1) return settled("lengths begin at 1");
    const std::string& norm = numbers.at("norm");
    const Dyadic most = *parse_exact(numbers.at("upper"));
    const auto within = [&](const Number& d, const Dyadic& least) {
      return is_finite(d) && mpfr_lessequal_p(upper(d), most.get()) && mpfr_lessequal_p(least.get(), lower(d));
    };
    if (fact == "limit") {
      const Number d = pairs_.distance_from(c_.to, limit_, norm);
      const Dyadic least = *parse_exact(numbers.at("lower"));
      if (within(d, least)) return verified();
      const bool apart = is_finite(d) && (mpfr_less_p(most.get(), lower(d)) || mpfr_less_p(upper(d), least.get()));
      return apart ? refuted("the distance lies in " + shown(d)) : open("the distance lies in " + shown(d));
    }
    for (Length n = first; n <= pairs_.last(); ++n)
      if (const Number d = pairs_.distance_from(static_cast<std::int64_t>(n), limit_, norm); !within(d, Dyadic()))
        return is_finite(d) && mpfr_less_p(most.get(), lower(d)) ? refuted(fmt::format("n = {}: the distance lies in {}", n.str(), shown(d))) : open(fmt::format("n = {}: the distance lies in {}", n.str(), shown(d)));
    const Number d = distance(a_, norm, first_, limit_);
    return within(d, Dyadic()) ? verified() : open("in the tail the distance lies in " + shown(d));
  }

  const Certificate& c_;
  const PairVectors& pairs_;
  IntervalArithmetic a_;
  Vector first_, second_, limit_;
  std::optional<std::int64_t> first_token_, second_token_;
};

}  // namespace

bool check_periods(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const CertificateSequences& s = *c.sequences;
  const std::initializer_list<std::string_view> facts = {"inevitable", "limit.tail", "limit"};
  const bool simple = s.unit.size() == 1 && s.suffix.empty() && !s.repeat_last;  // runs.cpp
  if (period_refused(model, s) || model.layers.empty() || simple || !findings.any_open({"inevitable", "limit.tail"})) return false;
  Length tail_from = std::max<std::int64_t>(c.to, 1);
  for (const CertificateClaim& claim : c.claims)
    for (const char* name : {"tail from", "from"})
      if (claim.scope == "all" && claim.numbers.contains(name)) tail_from = std::max(tail_from, *parse_length(claim.numbers.at(name)));
  const auto give_up = [&](const char* why) { return findings.ask(facts, [&](const CertificateClaim&) { return settled(why); }), true; };
  if (tail_from > most_copies) return give_up("the tail begins beyond what this program evaluates one by one");
  for (int attempt = 0; attempt < attempts && findings.any_open(facts); ++attempt) {
    const std::int64_t copies = static_cast<std::int64_t>(tail_from) * (4 + attempt) / 4 + copies_to_spare;
    const long bits = std::min<long>(options.max_bits, (c.precision_bits + 64) << attempt);
    const double products = 3 * products_of_pairs(model, c, 1, copies);
    if (!budget.affords(products)) return give_up("it would take more products than are left (--work)");
    budget.spend(products);
    options.say(fmt::format("copies 1 to {} at {} bits, for every n", copies, bits));
    const PairVectors pairs(model, c, 1, copies, std::nullopt, bits);
    const PeriodTail tail(model, s, copies, bits);
    const Judge judge(c, pairs, tail, bits);
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge.judge(claim); });
  }
  return true;
}

}  // namespace snellen::check
