// All n of P . a^n in two layers under rotary positions ("Again, two layers", proofs/rope.md): pairs one by one as far as the run is followed, and everything beyond by the circle of phases.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/two_layers.hpp"

namespace snellen::check {
namespace {

constexpr std::int64_t first_end = 1 << 13, last_end = 1 << 21;  // to which the run is followed
constexpr std::int64_t far = 1 << 18;                            // a claim from which on is met with as many tokens as it leaves to be judged pair by pair: none
// Of two boxes d and g (`two_layers_again`): from n on all up to n / sigma are settled at once where d and sigma d + (1 - sigma) g are near the limit; 0: all.
constexpr double strides[] = {0, 0.125, 0.25, 0.5, 0.625, 0.75, 0.85, 0.92, 0.96, 0.98};
constexpr int most_steps = 40;
constexpr std::int64_t farthest = std::int64_t{1} << 40;
constexpr long bits = 96, smallest_mode = 40;  // sums over the tokens are good to some 40 bits
constexpr double score_product = 0.02;         // of a token that a query meets, beside a product of two intervals
constexpr std::int64_t growing = 2;

// Its states (two_layers.hpp), and beside these turns and weights; and of a phase, for which all is judged at once.
double products_of_token(const Model& model, const TwoLayers& run) {
  return (run.runs_in_doubles() ? 0.05 : 0.3) * products_of_layers(model) + 1000 + 800 * static_cast<double>(model.layers[1].attention.heads);
}
double products_of_phase(const Model& model, const TwoLayers& run) {
  const Attention& attention = model.layers[1].attention;
  return 2 * static_cast<double>(run.limit().size() * attention.heads * attention.head_size) + 1000 * static_cast<double>(attention.heads);
}

// sigma d + (1 - sigma) g.
Vector mixed(const IntervalArithmetic& a, double sigma, const Vector& d, const Vector& g) {
  Vector result = d;
  Number term = a.zero();
  for (std::size_t i = 0; i < d.size(); ++i) {
    a.mul(result[i], result[i], sigma);
    a.mul(term, g[i], 1 - sigma);
    a.add(result[i], result[i], term);
  }
  return result;
}

// One claim, as far as it is proved.
class Claimed {
 public:
  Claimed(const Certificate& c, const CertificateClaim& claim) : c_(c), numbers_(claim.numbers) {
    const auto refuse = [&](const char* why) { result_ = settled(why); };
    const std::string& criterion = numbers_.at("criterion");
    if ((numbers_.contains("status") && numbers_.at("status") == "never") || numbers_.contains("overflow from"))
      refuse("that such a run never collapses, or always overflows, is of a kind that this program does not know");
    if (criterion != "bitwise" && criterion != "tolerance") refuse("next tokens are not asked for in two layers under rotary positions");
    if (numbers_.contains("from")) from_ = length("from", 1);
    for (const char* const name : {"distinct at", "distinct at or after"})
      if (numbers_.contains(name)) distinct_.push_back(length(name, 1));
    if (std::max(from_, distinct_.empty() ? 0 : *std::max_element(distinct_.begin(), distinct_.end())) >= farthest || from_ < 0) refuse("a length below 1, or beyond what this program evaluates");
    beyond_ = from_ == 0;
  }
  const Finding& result() const { return result_; }
  bool open() const { return !done_ && !result_.settled && result_.status != Status::refuted; }
  std::int64_t from() const { return from_; }
  bool wants_beyond() const { return open() && !beyond_; }
  // A length to follow the run to, after `end`.
  std::int64_t end_after(std::int64_t end) const { return open() && !beyond_ && from_ > far && from_ > end ? std::min(from_, end * growing) : end * growing; }
  // As far as the run must be followed in any case.
  std::int64_t least_end() const {
    std::int64_t end = beyond_ ? 0 : from_ > far ? from_ : from_ - from_ / 4;
    for (const std::int64_t d : distinct_) end = std::max(end, d + 1);
    return end;
  }
  // The vector of n is asked for, as far as the run will be followed.
  bool asks(std::int64_t n) const {
    return open() && (must_collapse(n) || std::any_of(distinct_.begin(), distinct_.end(), [&](std::int64_t d) { return n == d || n == d + 1; }));
  }

  void see_pair(const IntervalArithmetic& a, std::int64_t n, const Vector& x, const Vector& y) {
    if (!open()) return;
    const bool must_differ = std::find(distinct_.begin(), distinct_.end(), n) != distinct_.end(), must_collapse = this->must_collapse(n);
    if (!must_differ && !must_collapse) return;
    const Letter found = numbers_.at("criterion") == "tolerance" ? tolerance(distance(a, numbers_.at("norm"), x, y), *parse_exact(numbers_.at("eps")))
                                                                 : RoundedVector(format_of(c_, numbers_), x).compared_with(RoundedVector(format_of(c_, numbers_), y));
    if (must_collapse && found != 'C') result_ = found == 'U' ? settled(fmt::format("the pair at n = {} is not decided", n)) : refuted(fmt::format("at n = {} the pair does not collapse{}", n, found == 'O' ? ": it overflows" : ""));
    if (!must_differ) return;
    if (found == 'D') std::erase(distinct_, n);
    else if (found == 'U' || !numbers_.contains("distinct at")) result_ = settled(fmt::format("the pair at n = {} is not proved to be distinct", n));
    else result_ = refuted(fmt::format("at n = {} the pair is not distinct", n));
    conclude();
  }
  // Whether the limit and all vectors that are off it by a member of the box collapse with each other; boxes for which this holds may be mixed (`two_layers_again`, proofs/rope.md).
  bool near(const IntervalArithmetic& a, const Vector& limit, const Vector& off) const {
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
  // Every n from start(end) on is to be settled, or as many of them as can be.
  std::int64_t start(std::int64_t end) const { return std::max({from_, end, settled_}); }
  void settle(std::int64_t start, double stride) {
    if (stride == 0) beyond_ = true;
    else settled_ = static_cast<std::int64_t>(std::floor(static_cast<double>(start) / stride * (1 - 0x1p-40)));
    conclude();
  }
  void give_up(std::string why) {
    if (open()) result_ = settled(std::move(why));
  }

 private:
  bool must_collapse(std::int64_t n) const { return !beyond_ && n >= std::max(from_, settled_); }
  std::int64_t length(const char* name, std::int64_t least) const {
    const Length n = *parse_length(numbers_.at(name));
    return n < least ? -1 : n >= farthest ? farthest : static_cast<std::int64_t>(n);
  }
  void conclude() {
    if (open() && beyond_ && distinct_.empty()) done_ = true, result_ = verified();
  }

  const Certificate& c_;
  const ClaimNumbers& numbers_;
  std::int64_t from_ = 0;               // 0: nothing is claimed of all n
  std::vector<std::int64_t> distinct_;  // not yet seen
  std::int64_t settled_ = 0;            // the vectors of n >= from_ up to this one all collapse with each other
  bool beyond_ = false, done_ = false;
  Finding result_ = check::open("the run was not followed far enough");
};

// Settles what it can of the rows that start at the same length: all at once, or strides of it.
void judge_beyond(TwoLayers& run, std::int64_t start, const std::vector<Claimed*>& rows) {
  constexpr std::size_t count = std::size(strides);
  const IntervalArithmetic& a = run.arithmetic();
  Vector later;                                        // g
  std::vector<std::atomic<std::size_t>> least(rows.size());  // the first stride that may hold; count: none
  for (auto& one : least) one = 0;
  const bool known = run.beyond(start, [&](const Vector& off, std::size_t c) {
    if (c == run.points()) {
      later = off;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (!rows[i]->near(a, run.limit(), later)) least[i] = 1;
      return true;
    }
    bool some = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::size_t stride = least[i];
      if (stride < count && !rows[i]->near(a, run.limit(), off)) stride = count;
      while (stride > 0 && stride < count && !rows[i]->near(a, run.limit(), mixed(a, strides[stride], off, later))) ++stride;
      for (std::size_t now = least[i]; now < stride && !least[i].compare_exchange_weak(now, stride);) {}
      some = some || least[i] < count;
    }
    return some;
  });
  for (std::size_t i = 0; known && i < rows.size(); ++i)
    if (least[i] < count) rows[i]->settle(start, strides[least[i]]);
}

}  // namespace

void check_deep_runs(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"inevitable"};
  if (!findings.any_open(facts) || two_layers_refused(model, *c.sequences)) return;
  std::vector<Claimed> rows;
  std::vector<const CertificateClaim*> claims;
  findings.ask(facts, [&](const CertificateClaim& claim) {
    rows.emplace_back(c, claim), claims.push_back(&claim);
    return rows.back().result();
  });
  const auto any = [&](const auto& property) { return std::any_of(rows.begin(), rows.end(), property); };
  if (any([](const Claimed& row) { return row.open(); })) {
    TwoLayers run(model, *c.sequences, c.at == "final", std::min(options.max_bits, bits), smallest_mode);
    const IntervalArithmetic& a = run.arithmetic();
    const double heads = static_cast<double>(model.layers[1].attention.heads);
    std::int64_t seen = 0;  // whose vector is the last one
    Vector last;
    const double tokens_together = score_product * heads * static_cast<double>(run.points());  // for every phase
    const auto hopeless = [&](const Claimed& row) {
      std::int64_t end = first_end;
      while (end < row.least_end()) end = row.end_after(end);
      return end > last_end || !budget.affords(static_cast<double>(end - run.tokens()) * products_of_token(model, run) + tokens_together * static_cast<double>(end));
    };
    for (Claimed& row : rows)
      if (hopeless(row)) row.give_up(fmt::format("the run would have to be followed beyond {} tokens, which would take more products than are left (--work)", row.least_end() - 1));
    const auto end_after = [&](std::int64_t end) {
      std::int64_t next = end * growing;
      for (const Claimed& row : rows) next = std::min(next, row.end_after(end));
      return next;
    };
    for (std::int64_t end = first_end; any([](const Claimed& row) { return row.open(); }); end = end_after(end)) {
      const std::int64_t from = run.tokens();
      const auto wanted = [&](std::int64_t n) { return any([&](const Claimed& row) { return row.asks(n); }); };
      double met = tokens_together * static_cast<double>(end);
      for (std::int64_t n = from + 1; n <= end; ++n)
        if (wanted(n)) met += score_product * heads * static_cast<double>(n);
      const double cost = static_cast<double>(end - from) * products_of_token(model, run) + met;
      if (end > last_end || !budget.affords(cost)) {
        for (Claimed& row : rows) row.give_up(fmt::format("of all n beyond {} too little is known, and to follow the run further would take more products than are left (--work)", from));
        break;
      }
      budget.spend(cost);
      options.say(fmt::format("two layers, token by token to {}", end));
      std::vector<std::int64_t> lengths;
      const std::vector<Vector> vectors = run.follow(end, [&](std::int64_t n) {
        const bool asked = wanted(n);
        if (asked) lengths.push_back(n);
        return asked;
      });
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (seen + 1 == lengths[i])
          for (Claimed& row : rows) row.see_pair(a, seen, last, vectors[i]);
        seen = lengths[i], last = vectors[i];
      }
      std::vector<std::size_t> tried;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].wants_beyond() && 3 * rows[i].start(end) <= 4 * end) tried.push_back(i);
      for (int step = 0; step < most_steps && !tried.empty(); ++step) {
        const double cost = products_of_phase(model, run) * static_cast<double>(run.points());
        if (!budget.affords(cost)) break;
        budget.spend(cost);
        std::int64_t start = farthest;
        for (const std::size_t i : tried) start = std::min(start, rows[i].start(end));
        options.say(fmt::format("two layers, every n from {} on", start));
        std::vector<Claimed*> asked;
        for (const std::size_t i : tried)
          if (rows[i].start(end) == start) asked.push_back(&rows[i]);
        judge_beyond(run, start, asked);
        // What is proved, and what no stride was found for: the run must be followed further.
        std::erase_if(tried, [&](std::size_t i) {
          if (!rows[i].open()) options.say(claims[i]->id + ": every n, proved");
          return !rows[i].wants_beyond() || rows[i].start(end) <= start || rows[i].start(end) >= farthest;
        });
      }
    }
  }
  findings.ask(facts, [&](const CertificateClaim& claim) { return rows[static_cast<std::size_t>(std::find(claims.begin(), claims.end(), &claim) - claims.begin())].result(); });
}

}  // namespace snellen::check
