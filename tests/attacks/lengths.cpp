// What is said of every n (bounds/inevitable_*: eras, tails, majorants, windows, periods): a length beyond the proved end at which the pair is still distinct, or one
// at or above the proved lower end's last distinct pair that is not?
#include <cmath>

#include "bounds/certify.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/progress.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr std::int64_t horizon = 120;

Attempt for_ever(Point point) {
  Reader read(point);
  RandomModel r;
  r.seed = 1 + read.below(1000);
  r.layers = 1 + read.below(2), r.width = 4, r.heads = 1 + read.below(2), r.head_size = 2, r.hidden = read.below(2) == 0 ? 0 : 5, r.vocab = 5;
  r.position = read.below(3) > 0 ? PositionKind::none : PositionKind::alibi;
  if (read.below(3) == 0) r.window = 1 + read.below(6);
  r.norm = read.below(2) == 0 ? NormKind::rms : NormKind::layer;
  r.activation = read.below(2) == 0 ? Activation::silu : Activation::relu;
  r.gain = std::exp2(static_cast<double>(read.below(5)) - 3);
  r.bias = read.below(2) == 0;
  CertifyRequest request;
  request.title = request.case_name = "attack";
  Family& family = request.family;
  family.prefix = {static_cast<Token>(read.below(5))};
  family.unit = {static_cast<Token>(read.below(5))};
  if (read.below(3) == 0) family.unit.push_back(static_cast<Token>(read.below(5)));
  if (read.below(4) == 0) family.suffix = {static_cast<Token>(read.below(5))};
  family.from = 1, family.to = 2;
  for (const char* name : {"e5m2", "e4m3", "p5:-30:31"}) request.formats.push_back(find_format(name).value());
  request.criteria = {Criterion::bitwise, Criterion::tolerance};
  request.metrics = {Metric::linf};
  request.max_bits = 1024;
  request.inevitable = true;
  const Model model = synthetic_model(r);
  SilentProgress silent;
  const Certification claimed = certify(model, request, silent);
  request.inevitable = false, family.to = horizon;
  const Certification seen = certify(model, request, silent);
  Attempt best = nothing_tested();
  for (std::size_t row = 0; row < claimed.rows.size(); ++row) {
    const Inevitable& answer = claimed.rows[row].inevitable;
    if (answer.scope != Scope::all) continue;
    const std::vector<Verdict>& verdicts = seen.rows.at(row).verdicts;
    const double lower = std::stod(answer.lower), upper = answer.upper ? std::stod(*answer.upper) : INFINITY;
    for (std::int64_t n = 1; n <= horizon; ++n) {
      const Verdict verdict = verdicts[static_cast<std::size_t>(n - 1)];
      const auto at = static_cast<double>(n);
      if (at >= upper && verdict == Verdict::distinct) return {2, true};
      if (at + 1 == lower && verdict == Verdict::collapsed) return {2, true};
      if (at + 1 == upper && answer.status == Status::exact && verdict == Verdict::collapsed) return {2, true};
      if (verdict == Verdict::distinct && std::isfinite(upper)) best.closeness = std::max(best.closeness, (at + 1) / upper);
    }
    best.closeness = std::max(best.closeness, 0.0);
  }
  return best;
}

const Registered r1({"for-ever", "inevitable: no distinct pair from `upper` on, a distinct one before `lower`", 19, for_ever, 20});

}  // namespace
}  // namespace snellen::attacks
