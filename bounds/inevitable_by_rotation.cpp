#include "bounds/inevitable_by_rotation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bounds/inevitable_pairs.hpp"
#include "bounds/next_token.hpp"
#include "bounds/rotary_lengths.hpp"

namespace snellen {
namespace {

constexpr std::int64_t most_direct = 2048;          // lengths that are evaluated whatever the bounds say
constexpr std::size_t most_shares = 1024;
constexpr std::size_t most_weights = 8'000'000;     // as by majorants
constexpr std::size_t rough_cells = 60'000, fine_cells = 400'000;
constexpr long rough_accuracy = 3, fine_accuracy = 20;
constexpr std::int64_t most_bounded = 500'000;    // lengths of one row that are bounded one by one, where the phases do not lie on a circle
constexpr std::int64_t most_work = 20'000;          // of one row, in pairs that are examined by few modes
constexpr std::int64_t most_undecided = 200;
constexpr std::size_t pairs_at_once = 32;
constexpr std::size_t few_modes = 200, all_modes = std::numeric_limits<std::size_t>::max();  // of the masses that are followed
constexpr long rungs = 40;                          // derivatives for shares up to 2^-0, ..., 2^-40
constexpr unsigned longest = 62;                    // log2 of the largest length that is examined

std::size_t weights_of(const Model& model) {
  std::size_t count = 0;
  const auto add = [&](const std::optional<Linear>& map) { count += map ? map->weight->rows() * map->weight->columns() : 0; };
  for (const Layer& l : model.layers) add(l.query), add(l.key), add(l.value), add(l.output), add(l.gate), add(l.up), add(l.down);
  return count;
}

Length ceiling(const Magnitude& x) {
  fmpz_t integer;
  fmpz_init(integer);
  mag_get_fmpz(integer, x.get());
  Length result;
  fmpz_get_mpz(result.backend().data(), integer);
  fmpz_clear(integer);
  return result;
}

// One row: an upper end for all n, and the pairs below it from the largest n on.
class Search {
 public:
  // `closely`: the work of a pair that is examined by all modes.
  Search(const InevitableTask& task, const InevitableQuestion& question, RotaryLengths& lengths, const std::vector<Verdict>& direct, std::int64_t closely, Progress& progress)
      : question_(question), lengths_(lengths), direct_(direct), closely_(closely), progress_(progress) {
    const RotaryLengths::Frame limit = lengths.frame(Magnitude());
    for (long rung = 0; rung <= rungs; ++rung) {
      const Magnitude largest = shifted(Magnitude::of(1UL), -rung);
      const RotaryLengths::Frame frame = lengths.frame(largest);
      auto gauge = Gauge::of(question, task.model, lengths.balls(), {limit.vector, frame.slopes}, {limit.final, frame.final_slopes});
      if (gauge) ladder_.rungs.push_back({largest, std::move(*gauge)});
    }
    hopeless_ = ladder_.rungs.empty();
  }

  InevitableRow answer() {
    const auto count = static_cast<std::int64_t>(direct_.size());
    InevitableRow row;
    const auto end = hopeless_ ? std::nullopt : upper_end(count + 1);
    proved_ = end.has_value(), upper_ = end.value_or(0);
    if (end) row.numbers["upper end of the supremum"] = end->str();
    bool whole = false;  // everything between the direct lengths and the upper end was looked at
    if (end && *end <= (Length(1) << longest)) whole = descend(static_cast<std::int64_t>(*end), count + 1);
    if (!lower_) {
      if (!whole) proved_ = false;
      for (std::int64_t n = count; n >= 1 && !lower_; --n) note(n, direct_[static_cast<std::size_t>(n - 1)]);
    }
    const Length lower = lower_.value_or(1);
    row.undecided = undecided_;
    row.answer = {lower.str(), std::nullopt, Scope::all, Status::unknown};
    if (end) row.answer.upper = upper_.str(), row.answer.status = upper_ == lower ? Status::exact : Status::bracket;
    if (examined_ > 0) row.numbers["pairs examined one by one"] = std::to_string(examined_);
    if (!row.decided()) row.open = why_open(end);
    if (row.answer.status == Status::bracket) row.open += fmt::format("; the ends are a factor {:.3g} apart", static_cast<double>(upper_) / static_cast<double>(lower));
    return row;
  }

 private:
  std::string why_open(const std::optional<Length>& end) const {
    if (hopeless_) return fmt::format("at {} bits the limit itself cannot be judged: it lies on a boundary, or too near to one", lengths_.balls().bits());
    if (!end) return "the mass of the run is not known well enough";
    if (undecided_ > 0) return fmt::format("{} pairs stayed undecided at {} bits: {}", undecided_, lengths_.balls().bits(), mass_in_words());
    return fmt::format("the supremum over {} independent phases gives an upper end of {}; too many pairs lie below it", lengths_.run().frequencies().classes(), end->str());
  }

  // How well the mass of the head that is known least is known, for people.
  std::string mass_in_words() const {
    double excess = 0, drift = 0;
    for (std::size_t h = 0; h < lengths_.run().heads(); ++h) {
      const RotaryMass& mass = lengths_.run().mass(h);
      const double mean = Magnitude::of(static_cast<arb_srcptr>(mass.mu())).log2();
      excess = std::max(excess, std::exp2(mass.excess().log2() - mean)), drift = std::max(drift, std::exp2(mass.drift().log2() - mean));
    }
    return fmt::format("what turns in a head's mass adds up to as much as {:.2g} mean tokens, and {:.2g} of the mean is not followed", excess, drift);
  }

  // G with n kappa <= G for every n >= from; infinite where the mass is not known to be positive.
  Magnitude largest(const Length& from, long accuracy, std::size_t most_cells) const {
    return PhaseBound(lengths_.run(), ladder_, from).supremum(accuracy, most_cells);
  }

  // Collapse at every n >= max(from, G(from)). G falls with `from`, so that the best choice is near its limit for large `from`, which says where to look.
  std::optional<Length> upper_end(const Length& least) {
    const Length far = Length(1) << static_cast<unsigned>(lengths_.balls().bits() / 2);
    const Magnitude limit = largest(far, rough_accuracy, rough_cells);
    if (!limit.is_finite()) return std::nullopt;
    const Length guess = ceiling(limit);
    std::optional<Length> best;
    for (Length from = std::max(least, Length(guess - guess / 8)); from < far; from *= 2) {
      const Magnitude found = largest(from, fine_accuracy, fine_cells);
      if (!found.is_finite()) continue;
      best = std::max(from, ceiling(found));
      // Below the rough guess: once more where it is sharper.
      if (*best > from || from == least) break;
      from = std::max(least, Length(from / 2));
      const Magnitude again = largest(from, fine_accuracy, fine_cells);
      if (again.is_finite()) best = std::min(*best, std::max(from, ceiling(again)));
      break;
    }
    return best;
  }

  // Pairs below `end`, in windows that grow. True where all from `least` on were looked at, or a distinct one was found.
  bool descend(std::int64_t end, std::int64_t least) {
    std::int64_t width = std::max<std::int64_t>(64, end >> 8), bounded = 0;
    while (end > least) {
      const std::int64_t from = std::max(least, end - width);
      std::vector<std::int64_t> waiting;
      const PhaseBound bound(lengths_.run(), ladder_, from);
      const bool enough = visit_large(bound, lengths_.run().frequencies(), question_.criterion == Criterion::tolerance, from, end, most_bounded - bounded, [&](std::int64_t n) {
        waiting.push_back(n);
        return waiting.size() == pairs_at_once && examine(waiting);
      });
      if (!enough) return false;
      if (!stopped_) examine(waiting);
      if (lower_) return true;
      if (stopped_) return false;
      if (proved_) upper_ = from;
      if (lengths_.run().frequencies().classes() > 1) bounded += end - from;
      end = from;
      width = std::min(4 * width, std::max<std::int64_t>(64, end / 2));
    }
    return true;
  }

  // Pairs by decreasing n; true where the search is over.
  bool examine(std::vector<std::int64_t>& pairs) {
    if (pairs.empty()) return false;
    std::vector<std::int64_t> needed;
    for (auto n = pairs.rbegin(); n != pairs.rend(); ++n)
      for (const std::int64_t length : {*n, *n + 1})
        if (needed.empty() || needed.back() < length) needed.push_back(length);
    const auto verdict_at = [&](const RotaryLengths::Vectors& found, std::size_t a) {
      return judge(question_, found.vectors[a], found.vectors[a + 1], found.next_tokens[a], found.next_tokens[a + 1], lengths_.balls().bits() + 32);
    };
    const RotaryLengths::Vectors found = lengths_.at(needed, few_modes);
    for (const std::int64_t n : pairs) {
      const auto a = static_cast<std::size_t>(std::lower_bound(needed.begin(), needed.end(), n) - needed.begin());
      ++examined_;
      work(1);
      Verdict verdict = verdict_at(found, a);
      if (verdict == Verdict::undecided && worked_ < most_work) {
        work(closely_);
        verdict = verdict_at(lengths_.at({n, n + 1}, all_modes), 0);
      }
      note(n, verdict);
      if (lower_) break;
    }
    pairs.clear();
    stopped_ = lower_ || undecided_ >= most_undecided || worked_ >= most_work;
    return stopped_;
  }

  void work(std::int64_t units) {
    worked_ += units;
    while (units-- > 0) progress_.step();
  }

  void note(std::int64_t n, Verdict verdict) {
    if (verdict == Verdict::distinct) {
      lower_ = n + 1;
      if (proved_) upper_ = n + 1;
    } else if (verdict == Verdict::collapsed) {
      if (proved_) upper_ = n;
    } else {
      if (proved_) upper_ = n + 1;
      proved_ = false;
      if (verdict == Verdict::undecided) ++undecided_;
    }
  }

  const InevitableQuestion& question_;
  RotaryLengths& lengths_;
  GaugeLadder ladder_;
  const std::vector<Verdict>& direct_;
  const std::int64_t closely_;
  Progress& progress_;
  std::optional<Length> lower_;
  Length upper_;
  bool proved_ = false, stopped_ = false, hopeless_ = false;
  std::int64_t undecided_ = 0, examined_ = 0, worked_ = 0;
};

InevitableAnswer attempt(const InevitableTask& task, long bits, const MassSettings& settings, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  progress.begin(fmt::format("lengths under rotary positions, {} bits: the masses of the run", bits), 1);
  RotaryLengths lengths(model, family, place, asks_next_tokens(questions), bits, settings);
  const std::int64_t count = std::max<std::int64_t>(1, std::min(most_direct, static_cast<std::int64_t>(limits.max_tokens)));
  std::vector<std::int64_t> direct;
  for (std::int64_t n = 1; n <= count + 1; ++n) direct.push_back(n);
  const RotaryLengths::Vectors below = lengths.at(direct, all_modes);
  progress.step();

  InevitableAnswer answer;
  InevitableProof proof;
  proof.theorem = "inevitable_by_rotation";
  proof.hypotheses = {
      "The model has one layer, with rotary positions and without a window, a soft-cap or ALiBi; no positions are added to the embeddings, and the run is of one token.",
      "Only finite enclosures are used: where a mass is not bounded away from 0, or a norm's argument is not proved positive, the bound is infinite and proves nothing."};
  const RotaryRun& run = lengths.run();
  proof.numbers = {{"bits", std::to_string(bits)}, {"rank of the frequencies", std::to_string(run.frequencies().classes())}, {"planes", std::to_string(run.frequencies().planes())}};
  std::size_t modes = 0, resonances = 0;
  for (std::size_t h = 0; h < run.heads(); ++h) modes = std::max(modes, run.mass(h).modes()), resonances = std::max(resonances, run.mass(h).resonances());
  proof.numbers["modes of a head"] = std::to_string(2 * modes);
  proof.numbers["resonant modes of a head"] = std::to_string(resonances);
  std::size_t number = 0;
  for (const InevitableQuestion& question : questions) {
    progress.begin(fmt::format("lengths under rotary positions, {} bits: row {} of {}, of at most so many pairs", bits, ++number, questions.size()), most_work);
    std::vector<Verdict> verdicts;
    for (std::size_t i = 0; i + 1 < direct.size(); ++i)
      verdicts.push_back(judge(question, below.vectors[i], below.vectors[i + 1], below.next_tokens[i], below.next_tokens[i + 1], bits + 32));
    const auto closely = static_cast<std::int64_t>(1 + settings.exact_modes / few_modes);
    InevitableRow row = Search(task, question, lengths, verdicts, closely, progress).answer();
    row.theorem = proof.theorem;
    row.numbers.insert(proof.numbers.begin(), proof.numbers.end());
    answer.rows.push_back(std::move(row));
  }
  const RotaryLengths::Frame limit = lengths.frame(Magnitude());
  answer.limit = certified_column(lengths.balls(), limit.vector, 0);
  if (asks_next_tokens(questions)) answer.limit_next_token = certified_next_tokens(model, lengths.balls(), limit.final)[0];
  answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace

std::optional<std::string> rotation_refuses(const InevitableTask& task) {
  const auto& [model, family, place, questions, limits] = task;
  if (model.layers.size() != 1) return "more than one layer";
  const Attention& a = model.layers[0].attention;
  if (!a.rotary || a.rotary->dimensions == 0) return "no rotary positions";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions: the sequences have no limit";
  if (a.window) return "a sliding window";
  if (a.softcap) return "soft-capped scores";
  if (!a.alibi.empty()) return "ALiBi";
  if (family.delimiter) return "delimiters between groups";
  if (family.pair != Pair::next) return "pairs other than (S_n, S_n+1)";
  if (family.unit.size() != 1) return "a unit of several tokens";
  if (a.heads * (family.prefix.size() + family.suffix.size()) > most_shares) return fmt::format("more than {} tokens before and after the run, times heads", most_shares);
  if (weights_of(model) > most_weights) return fmt::format("more than {} weights", most_weights);
  return std::nullopt;
}

InevitableAnswer by_rotation(const InevitableTask& task, Progress& progress) {
  InevitableAnswer answer;
  MassSettings settings;
  for (int i = 0; i < task.limits.attempts && !answer.decided(); ++i) {
    const long bits = std::min(task.limits.max_bits, 128L + 64 * i);
    std::vector<std::size_t> open;  // rows that are asked again
    for (std::size_t r = 0; r < task.questions.size(); ++r)
      if (answer.rows.empty() || !answer.rows[r].decided()) open.push_back(r);
    std::vector<InevitableQuestion> asked;
    for (const std::size_t r : open) asked.push_back(task.questions[r]);
    InevitableAnswer found = attempt({task.model, task.family, task.place, asked, task.limits}, bits, settings, progress);
    std::vector<InevitableRow> rows = answer.rows;
    rows.resize(task.questions.size());
    for (std::size_t k = 0; k < open.size(); ++k) rows[open[k]] = std::move(found.rows[k]);
    found.rows = std::move(rows);
    answer.sharpen(std::move(found));
    settings.exact_modes *= 4;
    if (std::none_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.undecided > 0; })) break;
  }
  return answer;
}

}  // namespace snellen
