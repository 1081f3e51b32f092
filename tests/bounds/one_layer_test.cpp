// One layer without positions has a closed form in n: the last token's query does not depend on n, so that with weights e^(s_j) of the tokens of prefix and suffix
// that it sees, and e^s of a run token (value v_a),
//     o_n = v_a + x sum_j e^(s_j) (v_j - v_a) / (e^s + x sum_j e^(s_j)),     x = 1/n,
// for each head. What follows acts on one token, in plain balls. Exact lengths found from it, by halving ranges of x and no Taylor model, are those of the eras.
#include <array>
#include <optional>
#include <string>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "bounds/inevitable.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/number/length.hpp"
#include "tests/catch.hpp"
#include "tests/threads.hpp"

using namespace snellen;

namespace {

constexpr std::array<const char*, 6> formats{"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"};
constexpr long bits = 256;

class ClosedForm {
 public:
  ClosedForm(const Model& model, const Family& family) : model_(model), layer_(model.layers.at(0)), world_(bits) {
    if (model.layers.size() != 1) throw std::logic_error("one layer");
    const Decoder<BallWorld> decoder(model, world_);
    std::vector<Token> tokens = family.prefix;
    const std::size_t run = tokens.size();
    tokens.push_back(family.unit.at(0));
    tokens.insert(tokens.end(), family.suffix.begin(), family.suffix.end());
    const BallMatrix x = decoder.embed(SequenceTree(tokens).columns()), h = world_.norm(*layer_.attention_norm, x, 1);
    const BallMatrix q = world_.linear(layer_.query, h), k = world_.linear(layer_.key, h), v = world_.linear(layer_.value, h);
    const std::vector<std::size_t> last{tokens.size() - 1};
    embedding_ = world_.select(x, last);
    const Attention& a = layer_.attention;
    Ball root, score;
    arb_sqrt_ui(root, a.head_size, bits);
    for (std::size_t head = 0; head < a.heads; ++head) {
      const std::size_t kv = head / (a.heads / a.kv_heads);
      Head form{{}, {}, BallVector(a.head_size), BallVector(a.head_size)};
      for (std::size_t j = 0; j < tokens.size(); ++j) {
        arb_zero(score);
        for (std::size_t i = 0; i < a.head_size; ++i) arb_addmul(score, q(head * a.head_size + i, last[0]), k(kv * a.head_size + i, j), bits);
        arb_div(score, score, root, bits);
        arb_exp(score, score, bits);
        if (j == run) {
          arb_set(form.run_weight, score);
          for (std::size_t i = 0; i < a.head_size; ++i) arb_set(form.run_value[i], v(kv * a.head_size + i, run));
          continue;
        }
        arb_add(form.others, form.others, score, bits);
        Ball difference;
        for (std::size_t i = 0; i < a.head_size; ++i) {
          arb_sub(difference, v(kv * a.head_size + i, j), v(kv * a.head_size + i, run), bits);
          arb_addmul(form.deviation[i], score, difference, bits);
        }
      }
      heads_.push_back(std::move(form));
    }
  }

  // y(S_n) for every n with 1/n in x.
  CertifiedVector at(arb_srcptr x) const {
    BallMatrix mixed(layer_.attention.heads * layer_.attention.head_size, 1);
    Ball share, mass, inverse;
    for (std::size_t head = 0; head < heads_.size(); ++head) {
      const Head& form = heads_[head];
      // x / (e^s + x others) = 1 / (e^s / x + others) grows with x: its values at the ends enclose it.
      Ball lower, upper, end;
      for (const bool low : {true, false}) {
        low ? arb_get_lbound_arf(arb_midref(static_cast<arb_ptr>(end)), x, bits) : arb_get_ubound_arf(arb_midref(static_cast<arb_ptr>(end)), x, bits);
        arb_mul(mass, end, form.others, bits);
        arb_add(mass, mass, form.run_weight, bits);
        arb_div(low ? lower : upper, end, mass, bits);
      }
      arb_union(share, lower, upper, bits);
      for (std::size_t i = 0; i < form.deviation.size(); ++i) {
        arb_ptr entry = mixed(head * form.deviation.size() + i, 0);
        arb_mul(entry, share, form.deviation[i], bits);
        arb_add(entry, entry, form.run_value[i], bits);
      }
    }
    BallMatrix z = world_.add(embedding_, world_.linear(layer_.output, mixed));
    if (layer_.up) {
      const BallMatrix h = world_.norm(*layer_.mlp_norm, z, 1);
      BallMatrix inner = world_.linear(*layer_.up, h);
      inner = world_.multiply(world_.activate(layer_.activation, world_.linear(*layer_.gate, h)), inner);
      z = world_.add(z, world_.linear(*layer_.down, inner));
    }
    return certified_column(world_, world_.norm(*model_.final_norm, z, 1), 0);
  }
  CertifiedVector at(const Length& n) const {
    Ball x;
    set_length(x, n);
    arb_inv(x, x, bits);
    return at(x);
  }

  // All pairs n with from <= n, and n < to (or every n >= from) collapse.
  bool one_value(const Format& format, const Length& from, const std::optional<Length>& to) const {
    Ball x, end;
    set_length(x, from);
    arb_inv(x, x, bits);
    if (to) {
      set_length(end, *to);
      arb_inv(end, end, bits);
    }
    arb_union(x, x, end, bits);
    const RoundedHull hull(format, at(x));
    return bitwise(hull, hull) == Verdict::collapsed;
  }
  Verdict pair(const Format& format, const Length& n) const { return bitwise(RoundedHull(format, at(n)), RoundedHull(format, at(n + 1))); }

  // The least N >= 1 such that all pairs from N on collapse; nothing where a pair is not decided.
  std::optional<Length> exact(const Format& format) const {
    Length tail = 1;
    while (!one_value(format, tail, std::nullopt)) {
      tail *= 2;
      if (tail > Length(1) << 200) return std::nullopt;
    }
    std::vector<std::pair<Length, Length>> open{{1, tail}};
    while (!open.empty()) {
      const auto [first, last] = open.back();
      open.pop_back();
      if (first == last) continue;
      if (last - first == 1) {
        const Verdict verdict = pair(format, first);
        if (verdict == Verdict::distinct) return last;
        if (verdict == Verdict::undecided) return std::nullopt;
      } else if (!one_value(format, first, last)) {
        const Length middle = (first + last) / 2;
        open.push_back({first, middle});
        open.push_back({middle, last});
      }
    }
    return Length(1);
  }

  Verdict within(Metric metric, const Dyadic& eps, const Length& n) const { return tolerance(distance(metric, at(n), at(n + 1), bits), eps); }

 private:
  struct Head {
    Ball run_weight, others;          // e^s; the sum of e^(s_j)
    BallVector deviation, run_value;  // sum_j e^(s_j) (v_j - v_a); v_a
  };
  const Model& model_;
  const Layer& layer_;
  BallWorld world_;
  BallMatrix embedding_;
  std::vector<Head> heads_;
};

}  // namespace

TEST_CASE("one layer: exact lengths by eras are those of the closed form, in all formats") {
  struct Case { std::uint64_t seed; std::size_t heads, kv_heads; double gain; std::vector<Token> prefix, suffix; };
  const Threads one(1);  // blocks of one column: there is nothing to share
  const std::vector<Case> cases{{1, 4, 4, 2, {1}, {}}, {2, 1, 1, 2, {1, 5, 3}, {}}, {3, 4, 2, 1, {4}, {3}}, {4, 4, 1, 2, {7, 2, 6}, {5, 1, 3}}, {5, 2, 2, 4, {1, 3}, {}}};
  std::size_t equal = 0, far = 0, tolerances = 0;
  for (const Case& c : cases) {
    RandomModel m;
    m.seed = c.seed, m.layers = 1, m.width = 16, m.hidden = 24, m.heads = c.heads, m.kv_heads = c.kv_heads, m.gain = c.gain, m.position = PositionKind::none;
    const Model model = synthetic_model(m);
    Family family;
    family.prefix = c.prefix, family.unit = {2}, family.suffix = c.suffix, family.from = family.to = 1;
    std::vector<InevitableQuestion> questions;
    for (const char* name : formats) questions.push_back({find_format(name), Criterion::bitwise, {}, {}});
    for (const char* name : formats)
      for (const Metric metric : {Metric::l1, Metric::linf}) {
        const Format format = find_format(name).value();
        questions.push_back({format, Criterion::tolerance, metric, Dyadic::power_of_two(1 - format.precision)});
      }
    SilentProgress silent;
    const InevitableAnswer answer = inevitable_lengths(model, family, Place::final, questions, {}, silent);
    const ClosedForm form(model, family);
    for (std::size_t r = 0; r < questions.size(); ++r) {
      const Inevitable& found = answer.rows[r].answer;
      INFO("seed " << c.seed << " " << questions[r].format->name << " " << name_of(questions[r].criterion));
      REQUIRE(found.status == Status::exact);
      const Length star(found.lower);
      if (questions[r].criterion == Criterion::bitwise) {
        const auto exact = form.exact(*questions[r].format);
        REQUIRE(exact.has_value());
        REQUIRE(exact->str() == found.lower);
        ++equal;
        if (star > Length(1000000)) ++far;
        continue;
      }
      const auto verdict = [&](const Length& n) { return form.within(*questions[r].metric, *questions[r].eps, n); };
      if (star > 1) REQUIRE(verdict(star - 1) == Verdict::distinct);
      for (Length n = star; n < star * 1000; n += 1 + n / 16) REQUIRE(verdict(n) == Verdict::collapsed);
      ++tolerances;
    }
  }
  REQUIRE(equal == 5 * 6);
  REQUIRE(far >= 8);
  REQUIRE(tolerances == 5 * 12);
}
