// One layer under RoPE, every n to 20000: the vectors, summed up token by token without any closed form, against all that the analysis states of them.
#include "bounds/inevitable_by_rotation.hpp"

#include "bounds/distance.hpp"
#include "bounds/inevitable_pairs.hpp"
#include "bounds/rotary_lengths.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr std::int64_t farthest = 20'000;
constexpr long bits = 128;

// The last tokens of P . a^n for n = 1, 2, ...: the definition of attention, read as running sums. A token of the run at distance D has the score of a query at position D and
// an unturned key, so that a longer run has one more distance, and the same values.
class Walk {
 public:
  Walk(const Model& model, std::vector<Token> prefix, Token run) : model_(model), layer_(model.layers[0]), world_(bits), prefix_(prefix.size()) {
    std::vector<Column> columns;
    for (const Token token : prefix) columns.push_back({token, 0, 0, 0});
    columns.push_back({run, 0, 0, 0});
    x_ = world_.embed(model.embedding, columns);
    const BallMatrix h = world_.norm(*layer_.attention_norm, x_, 1);
    q_ = world_.linear(layer_.query, h), k_ = world_.linear(layer_.key, h), v_ = world_.linear(layer_.value, h);
    set_root(scale_, layer_.attention.scale, bits);
    masses_.resize(layer_.attention.heads);
  }

  // y(S_n) at the next `count` n, a column each.
  BallMatrix next(std::int64_t count) {
    const Attention& a = layer_.attention;
    const auto distances = static_cast<std::int64_t>(prefix_) + count;
    const std::vector<std::size_t> last(static_cast<std::size_t>(distances), prefix_);
    std::vector<Column> columns;
    for (std::int64_t d = 0; d < distances; ++d) columns.push_back({0, length_ + d, 0, 0});
    const BallMatrix q = world_.rotate(world_.select(q_, last), *a.rotary, a.heads, columns);  // column d: the query at distance length_ + d
    const auto weight = [&](std::size_t head, std::int64_t distance, std::size_t token) {
      Ball w;
      for (std::size_t i = 0; i < a.head_size; ++i)
        arb_addmul(w, q(head * a.head_size + i, static_cast<std::size_t>(distance - length_)), k_(head * a.head_size + i, token), bits);
      arb_mul(w, w, scale_, bits);
      arb_exp(w, w, bits);
      return w;
    };
    BallMatrix mixed(q.rows(), static_cast<std::size_t>(count));
    Ball total, sum;
    for (std::int64_t c = 0; c < count; ++c)
      for (std::size_t head = 0; head < a.heads; ++head) {
        arb_add(masses_[head], masses_[head], weight(head, length_ + c, prefix_), bits);  // n = length_ + c + 1 sees the distances 0, ..., n - 1
        std::vector<Ball> weights;
        arb_set(total, masses_[head]);
        for (std::size_t s = 0; s < prefix_; ++s) {
          weights.push_back(weight(head, length_ + c + static_cast<std::int64_t>(prefix_ - s), s));
          arb_add(total, total, weights.back(), bits);
        }
        for (std::size_t i = head * a.head_size; i < (head + 1) * a.head_size; ++i) {
          arb_mul(sum, masses_[head], v_(i, prefix_), bits);
          for (std::size_t s = 0; s < prefix_; ++s) arb_addmul(sum, weights[s], v_(i, s), bits);
          arb_div(mixed(i, static_cast<std::size_t>(c)), sum, total, bits);
        }
      }
    length_ += count;
    const BallMatrix z = world_.add(world_.select(x_, std::vector<std::size_t>(static_cast<std::size_t>(count), prefix_)), world_.linear(layer_.output, mixed));
    const BallMatrix h = world_.norm(*layer_.mlp_norm, z, 1);
    const BallMatrix inner = world_.multiply(world_.activate(layer_.activation, world_.linear(*layer_.gate, h)), world_.linear(*layer_.up, h));
    return world_.norm(*model_.final_norm, world_.add(z, world_.linear(*layer_.down, inner)), 1);
  }

  const BallWorld& world() const { return world_; }
  // Z_n of the run, at the last n.
  const Ball& mass(std::size_t head) const { return masses_[head]; }

 private:
  const Model& model_;
  const Layer& layer_;
  BallWorld world_;
  std::size_t prefix_;
  BallMatrix x_, q_, k_, v_;
  Ball scale_;
  std::vector<Ball> masses_;
  std::int64_t length_ = 0;
};

bool overlap(const Enclosure& a, const Enclosure& b) { return mpfr_lessequal_p(a.lower.get(), b.upper.get()) != 0 && mpfr_lessequal_p(b.lower.get(), a.upper.get()) != 0; }

}  // namespace

TEST_CASE("RoPE, one layer: every n to 20000, summed up token by token, lies within what the analysis states") {
  const Model model = synthetic_model(small(PositionKind::rope));
  const Family family = run_after({1, 4});
  std::vector<CertifiedVector> walked;
  Walk walk(model, family.prefix, family.unit[0]);
  MassSettings settings;
  settings.direct = 256;  // later masses are known by their modes, and nothing is summed up twice
  RotaryLengths lengths(model, family, Place::final, false, bits, settings);
  constexpr std::int64_t stride = 8;  // lengths that do not follow one another are each known for themselves
  std::size_t coordinates = 0, masses = 0;
  while (std::ssize(walked) < farthest + 1) {
    const std::int64_t count = std::min<std::int64_t>(500, farthest + 1 - std::ssize(walked));
    const BallMatrix y = walk.next(count);
    for (std::int64_t c = 0; c < count; ++c) walked.push_back(certified_column(walk.world(), y, static_cast<std::size_t>(c)));
    const std::int64_t n = std::ssize(walked);
    for (std::size_t head = 0; head < lengths.run().heads(); ++head)
      for (const std::int64_t from : {std::int64_t(1), n / 2, n}) {
        Ball mean, density;
        lengths.run().mass(head).mean(mean, from);
        arb_div_si(density, walk.mass(head), n, bits);
        REQUIRE(arb_is_finite(mean));
        REQUIRE(arb_overlaps(mean, density));
        ++masses;
      }
  }
  for (std::int64_t begin = 1; begin <= stride; ++begin) {
    std::vector<std::int64_t> some;
    for (std::int64_t n = begin; n <= farthest; n += stride) some.push_back(n);
    const RotaryLengths::Vectors closed = lengths.at(some, 3000);
    for (std::size_t i = 0; i < some.size(); ++i)
      for (std::size_t k = 0; k < model.width; ++k) {
        INFO("n = " << some[i] << ", coordinate " << k);
        const Enclosure &a = closed.vectors[i][k], &b = walked[static_cast<std::size_t>(some[i] - 1)][k];
        REQUIRE((mpfr_number_p(a.lower.get()) && mpfr_number_p(a.upper.get())));
        REQUIRE(mpfr_get_d(a.upper.get(), MPFR_RNDU) - mpfr_get_d(a.lower.get(), MPFR_RNDD) < 1e-3);
        REQUIRE(overlap(a, b));
        ++coordinates;
      }
  }
  REQUIRE(coordinates == static_cast<std::size_t>(farthest) * model.width);
  REQUIRE(masses >= 200);

  // The lengths: no pair from the upper end on is distinct, and the one before the lower end is.
  SilentProgress silent;
  const auto asked = questions();
  const InevitableTask task{model, family, Place::final, asked, {}};
  const InevitableAnswer answer = by_rotation(task, silent);
  std::size_t below = 0;
  for (std::size_t r = 0; r < asked.size(); ++r) {
    const InevitableQuestion& question = asked[r];
    const Inevitable& found = answer.rows[r].answer;
    if (question.criterion == Criterion::argmax) continue;
    INFO("row " << r << ": " << found.lower << " to " << found.upper.value_or("none"));
    REQUIRE(found.upper);
    for (std::int64_t n = 1; n <= farthest; ++n) {
      const bool bounded = Length(*found.upper) <= n, last = Length(found.lower) == n + 1;
      if (!bounded && !last) continue;
      const auto i = static_cast<std::size_t>(n - 1);
      const Verdict verdict = judge(question, walked[i], walked[i + 1], std::nullopt, std::nullopt, bits + 32);
      INFO("n = " << n);
      REQUIRE(verdict == (last ? Verdict::distinct : Verdict::collapsed));
    }
    if (Length(*found.upper) <= farthest) ++below;
  }
  REQUIRE(below >= 8);
}

TEST_CASE("RoPE, one layer: the supremum over the phases bounds every pair to 20000") {
  const Model model = synthetic_model(small(PositionKind::rope));
  const Family family = run_after({1, 4});
  constexpr std::int64_t from = 2000;
  Walk walk(model, family.prefix, family.unit[0]);
  const BallMatrix y = walk.next(farthest + 1);
  RotaryLengths lengths(model, family, Place::final, false, bits, {});
  const RotaryLengths::Frame limit = lengths.frame(Magnitude());
  for (const Metric metric : {Metric::l1, Metric::linf}) {
    InevitableQuestion question = bitwise_in("bf16");
    question.criterion = Criterion::tolerance, question.metric = metric, question.eps = Dyadic::power_of_two(-7);
    GaugeLadder ladder;
    for (long rung = 0; rung < 24; ++rung) {
      const Magnitude largest = shifted(Magnitude::of(1UL), -rung);
      const RotaryLengths::Frame frame = lengths.frame(largest);
      ladder.rungs.push_back({largest, Gauge::of(question, model, lengths.balls(), {limit.vector, frame.slopes}, {limit.final, frame.final_slopes}).value()});
    }
    const PhaseBound bound(lengths.run(), ladder, from);
    const Magnitude supremum = bound.supremum(10, 100'000);
    REQUIRE(supremum.is_finite());
    double most = 0;
    CertifiedVector before = certified_column(walk.world(), y, static_cast<std::size_t>(from - 1));
    for (std::int64_t n = from; n <= farthest; ++n) {
      CertifiedVector after = certified_column(walk.world(), y, static_cast<std::size_t>(n));
      Dyadic least(200);  // n D / eps
      mpfr_mul_d(least.get(), distance(metric, before, after, bits).lower.get(), 128.0 * static_cast<double>(n), MPFR_RNDD);
      most = std::max(most, least.to_double(MPFR_RNDD));
      before = std::move(after);
    }
    REQUIRE(most <= mag_get_d(supremum.get()));
    REQUIRE(mag_get_d(supremum.get()) <= 2 * most);  // and says something
  }
}
