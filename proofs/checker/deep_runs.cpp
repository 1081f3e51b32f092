// All n of P . a^n in two layers under rotary positions ("Again, two layers", proofs/rope.md): pairs one by one as far as the run is followed, and everything beyond by the circle of phases.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/two_layers.hpp"

namespace snellen::check {
namespace {

constexpr std::int64_t first_end = 1 << 13, last_end = 1 << 21;  // to which the run is followed
constexpr std::int64_t farthest = std::int64_t{1} << 40;
constexpr long bits = 96, smallest_mode = 40;  // sums over the tokens are good to some 40 bits
constexpr double score_product = 0.02;         // of a token that a query meets, beside a product of two intervals
constexpr std::int64_t growing = 2;

// Beside its linear maps: turns, weights, norms and activations.
double products_of_token(const Model& model) { return 4 * products_of_layers(model) + 3000 + 1000 * static_cast<double>(model.layers[1].attention.heads); }

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
  // As far as the run must be followed in any case.
  std::int64_t least_end() const {
    std::int64_t end = beyond_ ? 0 : from_ - from_ / 4;
    for (const std::int64_t d : distinct_) end = std::max(end, d + 1);
    return end;
  }
  // The vector of n is asked for, as far as the run will be followed.
  bool asks(std::int64_t n) const {
    return open() && ((!beyond_ && n >= from_) || std::any_of(distinct_.begin(), distinct_.end(), [&](std::int64_t d) { return n == d || n == d + 1; }));
  }

  void see_pair(const IntervalArithmetic& a, std::int64_t n, const Vector& x, const Vector& y) {
    if (!open()) return;
    const bool must_differ = std::find(distinct_.begin(), distinct_.end(), n) != distinct_.end(), must_collapse = !beyond_ && n >= from_;
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
  void see_beyond() { beyond_ = true, conclude(); }
  void give_up(std::string why) {
    if (open()) result_ = settled(std::move(why));
  }

 private:
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
  bool beyond_ = false, done_ = false;
  Finding result_ = check::open("the run was not followed far enough");
};

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
      while (end < row.least_end()) end *= growing;
      return end > last_end || !budget.affords(static_cast<double>(end - run.tokens()) * products_of_token(model) + tokens_together * static_cast<double>(end));
    };
    for (Claimed& row : rows)
      if (hopeless(row)) row.give_up(fmt::format("the run would have to be followed beyond {} tokens, which would take more products than are left (--work)", row.least_end() - 1));
    for (std::int64_t end = first_end; any([](const Claimed& row) { return row.open(); }); end *= growing) {
      const std::int64_t from = run.tokens();
      const auto length = static_cast<double>(end), more = static_cast<double>(end - from);
      const double cost = more * (products_of_token(model) + score_product * heads * (length + static_cast<double>(from)) / 2) + tokens_together * length;
      if (end > last_end || !budget.affords(cost)) {
        for (Claimed& row : rows) row.give_up(fmt::format("of all n beyond {} too little is known, and to follow the run further would take more products than are left (--work)", from));
        break;
      }
      budget.spend(cost);
      options.say(fmt::format("two layers, token by token to {}", end));
      std::vector<std::int64_t> lengths;
      const std::vector<Vector> vectors = run.follow(end, [&](std::int64_t n) {
        const bool wanted = any([&](const Claimed& row) { return row.asks(n); });
        if (wanted) lengths.push_back(n);
        return wanted;
      });
      for (std::size_t i = 0; i < lengths.size(); ++i) {
        if (seen + 1 == lengths[i])
          for (Claimed& row : rows) row.see_pair(a, seen, last, vectors[i]);
        seen = lengths[i], last = vectors[i];
      }
      std::vector<std::int64_t> starts;  // lengths from which all is asked for at once
      for (const Claimed& row : rows)
        if (const std::int64_t start = std::max(row.from(), end); row.wants_beyond() && 3 * start <= 4 * end && std::find(starts.begin(), starts.end(), start) == starts.end()) starts.push_back(start);
      for (const std::int64_t start : starts) {
        options.say(fmt::format("two layers, every n from {} on", start));
        std::vector<std::size_t> asked;
        for (std::size_t i = 0; i < rows.size(); ++i)
          if (rows[i].wants_beyond() && std::max(rows[i].from(), end) == start) asked.push_back(i);
        std::vector<std::atomic<bool>> holds(asked.size());
        for (auto& one : holds) one = true;
        const bool known = run.beyond(start, [&](const Vector& off, std::size_t) {
          bool some = false;
          for (std::size_t i = 0; i < asked.size(); ++i) {
            if (holds[i] && !rows[asked[i]].near(a, run.limit(), off)) holds[i] = false;
            some = some || holds[i];
          }
          return some;
        });
        for (std::size_t i = 0; known && i < asked.size(); ++i)
          if (holds[i]) {
            rows[asked[i]].see_beyond();
            if (!rows[asked[i]].open()) options.say(claims[asked[i]]->id + ": every n, proved");
          }
      }
    }
  }
  findings.ask(facts, [&](const CertificateClaim& claim) { return rows[static_cast<std::size_t>(std::find(claims.begin(), claims.end(), &claim) - claims.begin())].result(); });
}

}  // namespace snellen::check
