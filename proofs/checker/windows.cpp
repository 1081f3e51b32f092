#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/horizon.hpp"
#include "proofs/checker/pairs.hpp"
#include "proofs/checker/sequences.hpp"

namespace snellen::check {
namespace {

constexpr std::int64_t longest_reach = 20'000, most_kinds = 3000;

// From `settled` on the last reach + 1 tokens of S_n are of the run and the suffix, the same for all n that are equal modulo `kinds`.
struct Lengths {
  std::int64_t reach = 0, settled = 1, kinds = 1;
  std::int64_t last() const { return settled + kinds - 1; }
  // The length up to last() whose pair is that of n.
  std::int64_t of(const Length& n) const { return static_cast<std::int64_t>(n <= last() ? n : settled + (n - settled) % kinds); }
};

Lengths lengths_of(const CertificateSequences& s, std::int64_t reach) {
  Lengths lengths{reach};
  if (s.every > 0) lengths.kinds = s.every / std::gcd(s.every, static_cast<std::int64_t>(s.unit.size()));
  while (run_length(s, lengths.settled) + static_cast<std::int64_t>(s.suffix.size()) < reach + 1) ++lengths.settled;
  return lengths;
}

// Both sequences of the pair end in the same reach + 1 tokens: their vectors are one.
bool one_vector(const CertificateSequences& s, std::int64_t n, std::int64_t reach) {
  const std::vector<Token> x = sequence(s, n), y = second_sequence(s, n);
  const std::ptrdiff_t tokens = reach + 1;
  return std::ssize(x) >= tokens && std::ssize(y) >= tokens && std::equal(x.end() - tokens, x.end(), y.end() - tokens);
}

class Judge {
 public:
  Judge(const CertificateSequences& s, const Lengths& lengths, const PairVectors& pairs, std::function<bool(const std::string&)> is_limit)
      : lengths_(lengths), pairs_(pairs), is_limit_(std::move(is_limit)) {
    for (std::int64_t n = lengths.settled; n <= lengths.last(); ++n) one_.push_back(one_vector(s, n, lengths.reach));
  }

  Finding judge(const CertificateClaim& claim) const {
    const ClaimNumbers& numbers = claim.numbers;
    const auto length = [&](const char* name) { return *parse_length(numbers.at(name)); };
    if (fact_of(claim.id) == "limit.tail") return tail(numbers, length("from"));
    Finding result = verified();
    if (numbers.at("status") == "never") {
      for (std::int64_t n = lengths_.settled; n <= lengths_.last(); ++n)
        if (letter(n, numbers) == 'D') return verified();
      return open("no kind of pairs is proved to be distinct");
    }
    if (numbers.contains("overflow from")) return from(length("overflow from"), 'O', numbers);
    if (numbers.contains("from")) result = from(length("from"), 'C', numbers);
    if (result.status == Status::verified && numbers.contains("distinct at")) result = one(lengths_.of(length("distinct at")), 'D', numbers);
    if (result.status == Status::verified && numbers.contains("distinct at or after")) {
      result = open("no pair from there on is proved to be distinct");
      const Length first = length("distinct at or after");
      if (first < 1) return settled("lengths begin at 1");
      for (std::int64_t n = static_cast<std::int64_t>(std::min(first, Length(lengths_.settled))); n <= lengths_.last(); ++n)  // each kind comes again
        if (letter(n, numbers) == 'D') return verified();
    }
    return result;
  }

 private:
  Letter letter(std::int64_t n, const ClaimNumbers& numbers) const {
    const bool same = n >= lengths_.settled && one_[static_cast<std::size_t>(n - lengths_.settled)];
    return same ? pairs_.of_one_vector(n, numbers) : pairs_.verdict_at(n, numbers);
  }
  Finding one(std::int64_t n, Letter wanted, const ClaimNumbers& numbers) const {
    if (n < 1) return settled("lengths begin at 1");
    const Letter found = letter(n, numbers);
    if (found == wanted) return verified();
    const std::string what = fmt::format("claimed {}, found {} at {}", wanted, found, pairs_.place_of(n, numbers));
    return found == 'U' ? open(what) : refuted(what);
  }
  // Every later pair is one of the kinds from `settled` on.
  Finding from(const Length& first, Letter wanted, const ClaimNumbers& numbers) const {
    if (first < 1) return settled("lengths begin at 1");
    Finding result = verified();
    for (std::int64_t n = static_cast<std::int64_t>(std::min(first, Length(lengths_.settled))); n <= lengths_.last(); ++n) {
      Finding f = one(n, wanted, numbers);
      if (f.status == Status::refuted) return f;
      if (f.is_open()) result = std::move(f);
    }
    return result;
  }
  Finding tail(const ClaimNumbers& numbers, const Length& first) const {
    if (lengths_.kinds > 1 || first < lengths_.settled) return settled("the vectors are not one from there on");
    const auto d = is_limit_(numbers.at("limit")) ? pairs_.distance_from_limit(lengths_.settled, numbers.at("norm")) : std::nullopt;
    if (!d) return settled("the limit " + numbers.at("limit") + " is of a kind that this program does not know");
    if (is_finite(*d) && mpfr_lessequal_p(upper(*d), parse_exact(numbers.at("upper"))->get())) return verified();
    return open("the distance lies in " + shown(*d));
  }

  const Lengths& lengths_;
  const PairVectors& pairs_;
  std::function<bool(const std::string&)> is_limit_;
  std::vector<bool> one_;  // of each kind
};

}  // namespace

void check_windows(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"inevitable", "limit.tail"};
  const auto reach = window_reach(model);
  if (!reach || !c.sequences->sampled.empty() || !findings.any_open(facts)) return;
  const Lengths lengths = *reach <= longest_reach ? lengths_of(*c.sequences, *reach) : Lengths{};
  if (*reach > longest_reach || lengths.kinds > most_kinds)
    return findings.ask(facts, [](const CertificateClaim&) { return settled("the windows reach farther back, or the delimiters make more kinds of pairs, than this program evaluates"); });
  const std::optional<std::vector<Token>> limit = limit_of_claims(model, c);
  const double products = products_of_pairs(model, c, 1, lengths.last());
  for (long bits = std::min<long>(options.max_bits, c.precision_bits + 64);; bits = std::min(options.max_bits, 2 * bits)) {
    if (!budget.affords(products)) return findings.ask(facts, [](const CertificateClaim&) { return settled("it would take more products than are left (--work)"); });
    budget.spend(products);
    options.say(fmt::format("lengths 1 to {} at {} bits, for every n", lengths.last(), bits));
    const PairVectors pairs(model, c, 1, lengths.last(), limit, bits);
    const Judge judge(*c.sequences, lengths, pairs, [&](const std::string& text) { return limit && limit_tokens(model, *c.sequences, text) == limit; });
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge.judge(claim); });
    if (!findings.any_open(facts) || bits >= options.max_bits) return;
  }
}

}  // namespace snellen::check
