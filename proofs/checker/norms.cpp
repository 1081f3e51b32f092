#include <fmt/format.h>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/run_cover.hpp"
#include "proofs/checker/run_norms.hpp"

namespace snellen::check {
namespace {

constexpr int attempts = 2;

class Judge {
 public:
  Judge(const Certificate& c, const RunNorms& norms, const PairVectors* pairs) : c_(c), norms_(norms), pairs_(pairs) {}

  Finding judge(const ClaimNumbers& numbers) const {
    if (numbers.contains("status") && numbers.at("status") == "never") return settled("that such a run is distinct infinitely often is of a kind that this program does not know");
    for (const char* const name : {"from", "overflow from"}) {
      if (!numbers.contains(name)) continue;
      const Length from = *parse_length(numbers.at(name));
      if (from < 1) return settled("lengths begin at 1");
      const bool holds = std::string_view(name) == "from" ? all_collapse(c_, arithmetic(), numbers, box(from), [&] { return token(from); }) : all_overflow(c_, numbers, box(from));
      if (!holds) return open("what norms leave of the vectors of every n from there on is too wide");
    }
    for (const char* const name : {"distinct at", "distinct at or after"})
      if (numbers.contains(name))
        if (Finding f = distinct(*parse_length(numbers.at(name)), numbers); f.status != Status::verified) return f;
    return verified();
  }

 private:
  const IntervalArithmetic& arithmetic() const { return norms_.forward().operations().arithmetic(); }
  static Vector widened(Vector x, const Upper& off) {
    for (Number& entry : x) widen(entry, off);
    return x;
  }
  // All vectors of n >= from.
  Vector box(const Length& from) const { return c_.at == "final" ? widened(norms_.final(), norms_.final_off().from(from)) : widened(norms_.hidden(), norms_.hidden_off().from(from)); }
  std::optional<std::int64_t> token(const Length& from) const { return argmax(norms_.forward().logits({widened(norms_.final(), norms_.final_off().from(from))})[0]); }

  Finding distinct(const Length& n, const ClaimNumbers& numbers) const {
    if (!pairs_ || n < c_.from || n > pairs_->last()) return settled("a distinct pair beyond the lengths that are evaluated");
    const Letter found = pairs_->verdict_at(static_cast<std::int64_t>(n), numbers);
    if (found == 'D') return verified();
    const std::string what = fmt::format("the pair is not distinct: {}", pairs_->place_of(static_cast<std::int64_t>(n), numbers));
    return found == 'U' ? open(what) : numbers.contains("distinct at") ? refuted(what) : open(what);
  }

  const Certificate& c_;
  const RunNorms& norms_;
  const PairVectors* pairs_;
};

}  // namespace

bool check_norms(const Model& model, const Certificate& c, const Options& options, const PairVectors* pairs, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"inevitable"};
  if (!findings.any_open(facts) || !run_refused(model, true) || norms_refused(model, *c.sequences)) return false;  // eras say more
  findings.ask({"limit.tail"}, [](const CertificateClaim&) { return settled("how far from its limit the vector is for every n is not asked of norms"); });
  const double products = 40 * products_of_layers(model);  // the matrices' norms
  for (int attempt = 0; attempt < attempts && findings.any_open(facts); ++attempt) {
    if (!budget.affords(products)) {
      findings.ask(facts, [](const CertificateClaim&) { return settled("it would take more products than are left (--work)"); });
      break;
    }
    budget.spend(products);
    const long bits = std::min<long>(options.max_bits, (128 + 16 * static_cast<long>(model.layers.size())) << attempt);
    options.say(fmt::format("every n by norms, {} bits", bits));
    const RunNorms norms(model, c.sequences->prefix, c.sequences->unit[0], bits);
    const Judge judge(c, norms, pairs);
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge.judge(claim.numbers); });
  }
  return true;
}

}  // namespace snellen::check
