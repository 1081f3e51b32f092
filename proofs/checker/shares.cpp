// All n of P . U^n . Q in one layer, under rotary positions or none (proofs/rope.md). From some length on n times the vector's distance from its limit is, up to what falls with n, a function
// of one phase: cells of the circle of phases in which it is too large for the claimed length are halved, and the pairs whose phases lie in what is left are evaluated one by one.
#include <cmath>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/share_run.hpp"

namespace snellen::check {
namespace {

constexpr int attempts = 2, first_level = 6, last_level = 46;
constexpr std::int64_t fewest_explicit = 512, most_explicit = 65536;
constexpr std::int64_t farthest = std::int64_t{1} << 60;
constexpr std::int64_t most_scanned = 400'000'000, most_evaluated = 50'000;  // lengths of one claim
constexpr std::size_t most_cells = 4096;                                     // that are left of one claim
constexpr long margin = 60;                                                  // phases of n < 2^60 are known up to less than 2^-60 turns

using Phase = unsigned __int128;  // in 2^-128 turns

// 1 / (2 pi whole), rounded: n times it errs by less than n 2^-127.
Phase turn_of_a_token(std::int64_t whole) {
  const IntervalArithmetic a(256);
  Number turns = a.zero();
  a.pi(turns);
  a.mul(turns, turns, 2.0 * static_cast<double>(whole));
  a.div(turns, a.of(1), turns);
  mpfi_mul_2si(IntervalArithmetic::raw(turns), IntervalArithmetic::raw(turns), 64);
  Phase result = 0;
  for (int half = 0; half < 2; ++half) {
    const std::uint64_t word = mpfr_get_ui(lower(turns), MPFR_RNDZ);
    result = result << 64 | word;
    mpfi_sub_ui(IntervalArithmetic::raw(turns), IntervalArithmetic::raw(turns), word);
    mpfi_mul_2si(IntervalArithmetic::raw(turns), IntervalArithmetic::raw(turns), 64);
  }
  return result;
}

class ShareJudge {
 public:
  ShareJudge(const Certificate& c, const ShareRun& run, std::int64_t explicit_lengths)
      : c_(c), run_(run), a_(run.arithmetic()), limit_(run.limit()), explicit_(run.first(explicit_lengths + 1)), step_(turn_of_a_token(run.whole())) {}

  Finding judge(const CertificateClaim& claim) {
    const ClaimNumbers& numbers = claim.numbers;
    if (fact_of(claim.id) == "limit") return from_limit(numbers);
    near_ = fact_of(claim.id) == "limit.tail";
    if ((numbers.contains("status") && numbers.at("status") == "never") || numbers.contains("overflow from"))
      return settled("that such a run never collapses, or always overflows, is of a kind that this program does not know");
    Finding result = numbers.contains("from") ? every_from(numbers) : verified();
    for (const char* name : {"distinct at", "distinct at or after"})
      if (result.status == Status::verified && numbers.contains(name)) result = distinct_at(numbers, name);
    return result;
  }

 private:
  using Two = ShareRun::Two;
  // What holds of the shares of all n >= first.
  struct Beyond {
    std::int64_t first;
    Vector per_mass, later_per_mass, growth;  // of each head: n / T_n; n / T_(n+1); n (T_(n+1) - T_n) / (T_n T_(n+1)), T all weights together
    std::vector<Vector> slopes;               // of the vector by the shares
  };
  struct Cell { std::uint64_t index; std::int64_t from; };  // all n >= from with such a phase are as claimed

  bool final() const { return c_.at == "final"; }
  const Vector& at_place(const Two& two) const { return final() ? two.final : two.hidden; }
  bool of_step(const ClaimNumbers& numbers) const { return !near_ && numbers.at("criterion") == "tolerance"; }
  const CertificateFormat& format(const ClaimNumbers& numbers) const {
    return *std::find_if(c_.formats.begin(), c_.formats.end(), [&](const CertificateFormat& f) { return f.name == numbers.at("format"); });
  }
  std::optional<std::int64_t> token(const Vector& final) const { return argmax(run_.forward().logits({final})[0]); }
  // Of the places's vector, or the final one where next tokens are asked for.
  const Vector& asked(const Two& two, const ClaimNumbers& numbers) const { return !near_ && numbers.at("criterion") == "argmax" ? two.final : at_place(two); }

  const Two& vectors(std::int64_t n) {
    if (n <= static_cast<std::int64_t>(explicit_.size())) return explicit_[static_cast<std::size_t>(n - 1)];
    const auto found = later_.find(n);
    return found != later_.end() ? found->second : later_.emplace(n, run_.at(n)).first->second;
  }

  Letter pair(std::int64_t n, const ClaimNumbers& numbers) {
    const Vector x = asked(vectors(n), numbers), y = asked(vectors(n + 1), numbers);
    const std::string& criterion = numbers.at("criterion");
    if (criterion == "tolerance") return tolerance(distance(a_, numbers.at("norm"), x, y), *parse_exact(numbers.at("eps")));
    if (criterion == "argmax") return same_token(token(x), token(y));
    return RoundedVector(format(numbers), x).compared_with(RoundedVector(format(numbers), y));
  }
  Finding single(std::int64_t n, const ClaimNumbers& numbers) {
    if (near_) {
      const Number d = distance(a_, numbers.at("norm"), at_place(vectors(n)), at_place(limit_));
      if (is_finite(d) && mpfr_lessequal_p(upper(d), parse_exact(numbers.at("upper"))->get())) return verified();
      return open(fmt::format("the distance from the limit at n = {} lies in {}", n, shown(d)));
    }
    const Letter found = pair(n, numbers);
    if (found == 'C') return verified();
    return found == 'U' ? open(fmt::format("the pair at n = {} is not decided", n)) : refuted(fmt::format("at n = {} the pair does not collapse{}", n, found == 'O' ? ": it overflows" : ""));
  }
  Finding from_limit(const ClaimNumbers& numbers) {
    if (c_.to < 1) return settled("lengths begin at 1");
    const Number d = distance(a_, numbers.at("norm"), at_place(vectors(c_.to)), at_place(limit_));
    const Dyadic low = *parse_exact(numbers.at("lower")), high = *parse_exact(numbers.at("upper"));
    if (is_finite(d) && mpfr_lessequal_p(low.get(), lower(d)) && mpfr_lessequal_p(upper(d), high.get())) return verified();
    const std::string what = fmt::format("the distance from the limit at n = {} lies in {}", c_.to, shown(d));
    return is_finite(d) && (mpfr_less_p(upper(d), low.get()) || mpfr_less_p(high.get(), lower(d))) ? refuted(what) : open(what);
  }
  Finding distinct_at(const ClaimNumbers& numbers, const char* name) {
    const Length n = *parse_length(numbers.at(name));
    if (n < 1 || n >= farthest) return settled("a length below 1, or beyond what this program evaluates");
    const Letter found = pair(static_cast<std::int64_t>(n), numbers);
    if (found == 'D') return verified();
    if (found == 'U' || std::string_view(name) != "distinct at") return open(fmt::format("the pair at n = {} is not proved to be distinct", n.str()));
    return refuted(fmt::format("at n = {} the pair is not distinct", n.str()));
  }

  Number integer(std::int64_t n) const {
    Number x = a_.zero();
    mpfi_set_si(IntervalArithmetic::raw(x), n);
    return x;
  }

  // Nothing where the mass is not known to be positive.
  std::optional<Beyond> beyond(std::int64_t first, bool of_final) const {
    Beyond b{first, {}, {}, {}, {}};
    const Vector largest = run_.largest_weights(), densities = run_.densities(first);
    const Number length = integer(first);
    for (std::size_t h = 0; h < run_.heads(); ++h) {
      // T_(n+1) - T_n is one weight of the run and what single ones move by.
      Number growth = run_.largest_of_run(h);
      unite(growth, a_.zero());
      for (std::size_t s = h; s < run_.shares(); s += run_.heads())
        if (run_.turns(s)) widen(growth, Upper::magnitude(largest[s]));
      const Number& density = densities[h];
      if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(density))) return std::nullopt;
      Number inverse = a_.zero(), next = length, less = a_.zero();
      a_.div(inverse, a_.of(1), density);
      mpfi_add_ui(IntervalArithmetic::raw(next), IntervalArithmetic::raw(next), 1);
      a_.div(less, length, next);  // n / (n + 1), at least
      unite(less, a_.of(1));
      a_.mul(less, less, inverse);
      a_.mul(growth, growth, inverse);
      a_.mul(growth, growth, less);
      a_.div(growth, growth, length);
      unite(growth, a_.zero());  // it falls with n
      b.per_mass.push_back(std::move(inverse)), b.later_per_mass.push_back(std::move(less)), b.growth.push_back(std::move(growth));
    }
    Vector most = largest;
    for (std::size_t s = 0; s < most.size(); ++s) {
      a_.mul(most[s], most[s], b.per_mass[s % run_.heads()]);
      a_.div(most[s], most[s], length);
    }
    b.slopes = run_.slopes(most, of_final);
    return b;
  }

  // n (y_n - limit), or n (y_(n+1) - y_n), for all n >= b.first with a phase in the cell.
  Vector scaled_by_length(const Beyond& b, std::uint64_t index, int level, bool of_step) const {
    Number phase = a_.zero(), two_pi = a_.zero();
    mpfr_set_ui_2exp(lower(phase), index, -level, MPFR_RNDD), mpfr_set_ui_2exp(upper(phase), index + 1, -level, MPFR_RNDU);
    widen(phase, Upper(1).scaled(-margin));
    a_.pi(two_pi);
    a_.mul(two_pi, two_pi, 2);
    a_.mul(phase, phase, two_pi);
    Vector moved = run_.weights(phase, false), later = of_step ? run_.weights(phase, true) : Vector();
    Number grown = a_.zero();
    for (std::size_t s = 0; s < moved.size(); ++s) {
      const std::size_t h = s % run_.heads();
      if (!of_step) {
        a_.mul(moved[s], moved[s], b.per_mass[h]);
        continue;
      }
      a_.mul(grown, moved[s], b.growth[h]);
      if (run_.turns(s)) a_.sub(moved[s], later[s], moved[s]);
      else moved[s] = a_.zero();
      a_.mul(moved[s], moved[s], b.later_per_mass[h]);
      a_.sub(moved[s], moved[s], grown);
    }
    Vector result = run_.forward().operations().zeros(limit_.final.size());
    Number term = a_.zero();
    for (std::size_t s = 0; s < moved.size(); ++s)
      for (std::size_t i = 0; i < result.size(); ++i) {
        a_.mul(term, b.slopes[s][i], moved[s]);
        a_.add(result[i], result[i], term);
      }
    return result;
  }

  // x: n times a difference. Whether it is small enough for all lengths from n on.
  bool small_enough(const Vector& x, std::int64_t n, const ClaimNumbers& numbers) const {
    Number inverse = a_.zero();
    a_.div(inverse, a_.of(1), integer(n));
    if (near_ || of_step(numbers)) {
      Number d = norm_of(a_, numbers.at("norm"), x);
      a_.mul(d, d, inverse);
      return tolerance(d, *parse_exact(numbers.at(near_ ? "upper" : "eps"))) == 'C';
    }
    unite(inverse, a_.zero());
    Vector box = asked(limit_, numbers);
    Number term = a_.zero();
    for (std::size_t i = 0; i < box.size(); ++i) {
      a_.mul(term, x[i], inverse);
      a_.add(box[i], box[i], term);
    }
    if (numbers.at("criterion") == "argmax") return token(box).has_value();
    return is_finite(box) && RoundedVector(format(numbers), box).is_one_value();
  }

  // The first of first, first + 1, first + 2, first + 4, ... that is known to be large enough.
  std::int64_t enough_from(const Beyond& b, std::uint64_t index, int level, const ClaimNumbers& numbers) const {
    const Vector x = scaled_by_length(b, index, level, of_step(numbers));
    if (!is_finite(x)) return farthest;
    const auto length = [&](int j) { return j == 0 ? b.first : b.first + (std::int64_t{1} << (j - 1)); };
    int low = 0, high = 60;
    if (!small_enough(x, length(high), numbers)) return farthest;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (small_enough(x, length(middle), numbers)) high = middle;
      else low = middle + 1;
    }
    return length(high);
  }

  Finding every_from(const ClaimNumbers& numbers) {
    const Length claimed = *parse_length(numbers.at("from"));
    if (claimed < 1 || claimed >= farthest) return settled("a length below 1, or beyond what this program evaluates");
    const auto from = static_cast<std::int64_t>(claimed);
    const std::int64_t beginning = std::max(from, static_cast<std::int64_t>(explicit_.size()));
    for (std::int64_t n = from; n < beginning; ++n)
      if (Finding f = single(n, numbers); f.status != Status::verified) return f;
    const std::optional<Beyond> b = beyond(beginning, asked(limit_, numbers).data() == limit_.final.data());
    if (!b) return open("the mass of the run is not known to be positive");
    int level = first_level;
    std::vector<Cell> cells;
    for (std::uint64_t i = 0; i < std::uint64_t{1} << level; ++i) cells.push_back({i, 0});
    for (;; ++level) {
      for_each_index(cells.size(), true, [&](std::size_t i) { cells[i].from = enough_from(*b, cells[i].index, level, numbers); });
      std::erase_if(cells, [&](const Cell& cell) { return cell.from <= beginning; });
      double lengths = 0;
      for (const Cell& cell : cells) lengths += std::ldexp(static_cast<double>(cell.from - beginning), -level);
      if (lengths < 4 || cells.size() > most_cells || level == last_level) break;
      std::vector<Cell> halves;
      for (const Cell& cell : cells) halves.push_back({2 * cell.index, 0}), halves.push_back({2 * cell.index + 1, 0});
      cells = std::move(halves);
    }
    return all_in(cells, level, beginning, numbers);
  }

  // Every n >= beginning whose phase lies in a cell from which it is too small.
  Finding all_in(const std::vector<Cell>& cells, int level, std::int64_t beginning, const ClaimNumbers& numbers) {
    std::unordered_map<std::uint64_t, std::int64_t> by_index;
    std::int64_t end = beginning, evaluated = 0;
    for (const Cell& cell : cells) by_index[cell.index] = cell.from, end = std::max(end, cell.from);
    if (end - beginning > most_scanned) return open(fmt::format("what is proved of all phases begins at n = {} only", end));
    const auto left = [&](std::int64_t n) {
      const auto found = by_index.find(static_cast<std::uint64_t>((step_ * static_cast<Phase>(n)) >> (128 - level)));
      return found != by_index.end() && n < found->second;
    };
    const bool both = !near_ && !of_step(numbers);  // a pair of vectors, each near the limit
    for (std::int64_t n = beginning; n < end; ++n) {
      if (!left(n) && !(both && left(n + 1))) continue;
      if (++evaluated > most_evaluated) return open(fmt::format("more than {} pairs would have to be evaluated one by one", most_evaluated));
      if (Finding one = single(n, numbers); one.status != Status::verified) return one;
    }
    return verified();
  }

  const Certificate& c_;
  const ShareRun& run_;
  const IntervalArithmetic& a_;
  Two limit_;
  std::vector<Two> explicit_;
  Phase step_;
  std::map<std::int64_t, Two> later_;
  bool near_ = false;  // the claim is about the distance from the limit
};

// Lengths to evaluate one by one, so that the run's mass is known to a quarter beyond.
std::optional<std::int64_t> explicit_lengths(const ShareRun& run) {
  for (std::int64_t n = fewest_explicit; n <= most_explicit; n *= 2) {
    bool known = true;
    for (std::size_t h = 0; h < run.heads(); ++h) {
      Dyadic quarter(64);
      mpfr_mul_si(quarter.get(), lower(run.mass().mean(h)), static_cast<long>(n / 4), MPFR_RNDD);
      known = known && mpfr_lessequal_p(run.mass().excess(h).get(), quarter.get());
    }
    if (known) return n;
  }
  return std::nullopt;
}

}  // namespace

bool check_shares(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const CertificateSequences& s = *c.sequences;
  if (share_run_refused(model, s)) return false;
  const bool turns = model.layers[0].attention.rotary.has_value();
  if (!turns && s.unit.size() == 1 && s.suffix.empty()) return false;  // runs.cpp
  const std::initializer_list<std::string_view> facts = {"inevitable", "limit.tail", "limit"};
  const bool alone = s.unit.size() == 1 && s.suffix.empty();
  const std::string list = fmt::format("[{}]", fmt::join(s.unit, ", ")), endless = list + "^n" + (s.suffix.empty() ? "" : fmt::format(" . [{}]", fmt::join(s.suffix, ", ")));
  findings.ask({"limit.tail", "limit"}, [&](const CertificateClaim& claim) {
    const std::string& limit = claim.numbers.at("limit");
    const bool own = alone ? limit == list : limit == endless + " for n to infinity" || limit == endless + ", n without end";
    return own ? Finding() : settled("the limit is of a kind that this program does not know");
  });
  for (int attempt = 0; attempt < attempts && findings.any_open(facts); ++attempt) {
    const long bits = std::max<long>(160, static_cast<long>(c.precision_bits) + 64) + 64 * attempt;
    const ShareRun run(model, s, std::min(options.max_bits, bits), 56 + 24 * attempt);
    const std::optional<std::int64_t> count = explicit_lengths(run);
    if (!count) return findings.ask(facts, [](const CertificateClaim&) { return open("what turns in the run's mass adds up to too much"); }), true;
    const double products = static_cast<double>(*count) * products_of_layers(model);
    if (!budget.affords(products)) return findings.ask(facts, [](const CertificateClaim&) { return settled("it would take more products than are left (--work)"); }), true;
    budget.spend(products);
    options.say(fmt::format("lengths 1 to {}, and {} later ones, by {} modes", *count, turns ? "all phases of" : "all", run.mass().modes()));
    ShareJudge judge(c, run, std::max(*count, std::min(c.to, most_explicit)));
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge.judge(claim); });
  }
  return true;
}

}  // namespace snellen::check
