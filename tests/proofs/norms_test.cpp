// Upper ends by norms alone, again: singular values, how far a run's vectors are from their limit, and claims of two layers under rotary positions.
#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "proofs/certificate/claim.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/run_norms.hpp"
#include "proofs/checker/sequences.hpp"
#include "proofs/checker/singular_value.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"

using namespace snellen;
using namespace snellen::check;

namespace {

double above(const Upper& x) { return mpfr_get_d(x.get(), MPFR_RNDU); }

// |A^T v| / |v| for v, improved by the power method: from below the largest singular value.
double from_below(const std::vector<double>& a, std::size_t rows, std::size_t steps) {
  const std::size_t columns = a.size() / rows;
  std::vector<double> v(rows, 1), w(columns);
  v[0] = 1.5;
  double norm = 0;
  for (std::size_t step = 0; step < steps; ++step) {
    double of_v = 0, of_w = 0;
    for (const double x : v) of_v += x * x;
    for (double& x : v) x /= std::sqrt(of_v);
    std::fill(w.begin(), w.end(), 0);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t k = 0; k < columns; ++k) w[k] += a[i * columns + k] * v[i];
    for (const double x : w) of_w += x * x;
    norm = std::sqrt(of_w);
    for (std::size_t i = 0; i < rows; ++i) {
      v[i] = 0;
      for (std::size_t k = 0; k < columns; ++k) v[i] += a[i * columns + k] * w[k];
    }
  }
  return norm;
}

testing::Example by_norms(double gain) {
  RandomModel description = testing::tiny(PositionKind::rope);
  description.layers = 3, description.gain = gain;
  CertifyRequest request = testing::small_request(6, {"e4m3", "bf16"}, true);
  request.family.prefix = {1, 4};
  return testing::norms_example(description, request);
}

}  // namespace

TEST_CASE("the largest singular value is met from above, and nearly") {
  SplitMix64 random(1);
  const auto entry = [&] { return (static_cast<double>(random.below(2001)) - 1000) / 1024; };
  for (int round = 0; round < 12; ++round) {
    const std::size_t rows = 1 + random.below(8), columns = 1 + random.below(40);
    std::vector<double> a(rows * columns);
    for (double& x : a) x = entry();
    const double scale = std::ldexp(1.0, static_cast<int>(random.below(40)) - 20);
    for (double& x : a) x *= scale;
    const double below = from_below(a, rows, 3000), bound = above(spectral_norm(a, rows)), frobenius = above(frobenius_norm(a));
    CAPTURE(round, rows, columns, below, bound, frobenius);
    CHECK(below <= bound * (1 + 1e-12));
    CHECK(bound <= below * (1 + 1e-6));
    CHECK(bound <= frobenius);
  }
  const std::vector<double> diagonal{3, 0, 0, 0, -5, 0, 0, 0, 5};  // twice the same
  CHECK((above(spectral_norm(diagonal, 3)) >= 5 && above(spectral_norm(diagonal, 3)) < 5 + 1e-6));
  // Two values so near to one another that what is guessed is a mean of both: of three sizes tried only the last is above.
  const double c = std::sqrt(0.5), d = std::sqrt(1 - 1e-8);
  CHECK(above(spectral_norm(std::vector<double>{c, -c * d, c, c * d}, 2)) >= 1 - 1e-12);
  CHECK(above(frobenius_norm(diagonal)) >= std::sqrt(59.0));
  CHECK(above(spectral_norm(std::vector<double>(4, 0), 2)) < 1e-100);
  CHECK(std::isinf(above(spectral_norm(std::vector<double>{1, 1e200}, 1))));
}

TEST_CASE("every vector of a run is as near to the limit as norms say") {
  for (const bool layer_norm : {false, true}) {
    RandomModel description = testing::tiny(PositionKind::rope);
    description.layers = 2, description.heads = 2, description.kv_heads = 1, description.gain = 0.25;
    if (layer_norm) description.norm = NormKind::layer, description.bias = true, description.activation = Activation::gelu_tanh, description.gated = false;
    const Model model = synthetic_model(description);
    const std::vector<Token> prefix{1, 4, 3};
    const RunNorms norms(model, prefix, 2, 160);
    std::vector<Token> trunk = prefix;
    trunk.insert(trunk.end(), 60, 2);
    const Forward& forward = norms.forward();
    const std::vector<Vector> hidden = forward.run(Seating(trunk).seats()).hidden;
    const IntervalArithmetic& a = forward.operations().arithmetic();
    for (std::int64_t n = 1; n <= 60; ++n) {
      CAPTURE(layer_norm, n);
      const Vector& x = hidden[prefix.size() + static_cast<std::size_t>(n) - 1];
      const double off = above(norms.hidden_off().from(n)), final_off = above(norms.final_off().from(n));
      CHECK(mpfr_cmp_d(lower(distance(a, "l2", x, norms.hidden())), off) <= 0);
      CHECK(mpfr_cmp_d(lower(distance(a, "l2", forward.final(x), norms.final())), final_off) <= 0);
      CHECK((std::isfinite(off) && std::isfinite(final_off)));
    }
    // Falls, but not as 1/n: the second layer averages what the first one left, a logarithm.
    const Upper far = norms.hidden_off().from(Length(1) << 100).scaled(100), farther = norms.hidden_off().from(Length(1) << 200).scaled(200);
    CHECK((above(farther) > 1.2 * above(far) && above(farther) < 2.1 * above(far)));
  }
  // Scores near zero and one head without an MLP: the first token of the run sees 24 others of the same weight, and no bound that forgets them holds.
  RandomModel description = testing::tiny(PositionKind::rope);
  description.gain = 0x1p-8, description.hidden = 0;
  const Model model = synthetic_model(description);
  const std::vector<Token> prefix(24, 1);
  const RunNorms norms(model, prefix, 2, 160);
  std::vector<Token> trunk = prefix;
  trunk.insert(trunk.end(), 40, 2);
  const Vector x = norms.forward().run(Seating(trunk).seats()).hidden.back();
  const double off = mpfr_get_d(lower(distance(norms.forward().operations().arithmetic(), "l2", x, norms.hidden())), MPFR_RNDD), bound = above(norms.hidden_off().from(40));
  CAPTURE(off, bound);
  CHECK(off <= bound);
  CHECK(off > 0.06 * bound);  // more than one of 24 tokens could make
}

TEST_CASE("claims by norms are verified; earlier lengths, other criteria's lengths and other models are not") {
  for (const double gain : {0.5, 8.0}) {
    const testing::Example example = by_norms(gain);
    const Certificate c = certificate_from(example.certificate, "certificate");
    const std::vector<Finding> found = testing::findings(example.model, c);
    std::size_t for_all = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(gain, c.claims[i].statement, found[i].reason);
      CHECK(found[i].status == check::Status::verified);
      for_all += *fact_of(c.claims[i].id) == "inevitable";
    }
    REQUIRE(for_all >= 5);
    // An upper end brought down to a thousandth is beyond what norms show, and no other way is known.
    std::size_t tried = 0;
    for (std::size_t i = 0; i < c.claims.size(); ++i) {
      if (*fact_of(c.claims[i].id) != "inevitable" || !c.claims[i].numbers.contains("from")) continue;
      Certificate changed = c;
      ClaimNumbers& numbers = changed.claims[i].numbers;
      const Length from = Length(numbers.at("from")) / 1000;
      if (from < 100) continue;
      numbers["from"] = from.str();
      CAPTURE(gain, numbers["from"]);
      CHECK(testing::findings(example.model, changed)[i].status != check::Status::verified);
      ++tried;
    }
    CHECK(tried >= 3);
  }
}
