// All n of P . a^n in two layers under rotary positions ("Again, two layers", proofs/rope.md): pairs one by one as far as the run is followed, and everything beyond by the circle of phases.
#include <fmt/format.h>

#include <algorithm>

#include "proofs/checker/deep_rows.hpp"
#include "proofs/checker/for_all.hpp"

namespace snellen::check {
namespace {

constexpr std::int64_t first_end = 1 << 13, last_end = 1 << 21;  // to which the run is followed
constexpr int most_steps = 40;
constexpr long bits = 96, smallest_mode = 40;  // sums over the tokens are good to some 40 bits
constexpr double score_product = 0.02;         // of a token that a query meets, beside a product of two intervals

// Its states (two_layers.hpp), and beside these turns and weights; and of a phase, for which all is judged at once.
double products_of_token(const Model& model, const TwoLayers& run) {
  return (run.runs_in_doubles() ? 0.05 : 0.3) * products_of_layers(model) + 1000 + 800 * static_cast<double>(model.layers[1].attention.heads);
}
double products_of_phase(const Model& model, const TwoLayers& run) {
  const Attention& attention = model.layers[1].attention;
  return 2 * static_cast<double>(run.limit().size() * attention.heads * attention.head_size) + 1000 * static_cast<double>(attention.heads);
}

}  // namespace

void check_deep_runs(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"inevitable"};
  if (!findings.any_open(facts) || two_layers_refused(model, *c.sequences)) return;
  std::vector<DeepClaim> rows;
  std::vector<const CertificateClaim*> claims;
  findings.ask(facts, [&](const CertificateClaim& claim) {
    rows.emplace_back(c, claim), claims.push_back(&claim);
    return rows.back().result();
  });
  const auto any = [&](const auto& property) { return std::any_of(rows.begin(), rows.end(), property); };
  if (any([](const DeepClaim& row) { return row.open(); })) {
    TwoLayers run(model, *c.sequences, c.at == "final", std::min(options.max_bits, bits), smallest_mode);
    const IntervalArithmetic& a = run.arithmetic();
    const double heads = static_cast<double>(model.layers[1].attention.heads);
    std::int64_t seen = 0;  // whose vector is the last one
    Vector last;
    const double tokens_together = score_product * heads * static_cast<double>(run.points());  // for every phase
    const auto hopeless = [&](const DeepClaim& row) {
      std::int64_t end = first_end;
      while (end < row.least_end()) end = row.end_after(end);
      return end > last_end || !budget.affords(static_cast<double>(end - run.tokens()) * products_of_token(model, run) + tokens_together * static_cast<double>(end));
    };
    for (DeepClaim& row : rows)
      if (hopeless(row)) row.give_up(fmt::format("the run would have to be followed beyond {} tokens, which would take more products than are left (--work)", row.least_end() - 1));
    const auto end_after = [&](std::int64_t end) {
      std::int64_t next = 2 * end;
      for (const DeepClaim& row : rows) next = std::min(next, row.end_after(end));
      return next;
    };
    for (std::int64_t end = first_end; any([](const DeepClaim& row) { return row.open(); }); end = end_after(end)) {
      const std::int64_t from = run.tokens();
      const auto wanted = [&](std::int64_t n) { return any([&](const DeepClaim& row) { return row.asks(n); }); };
      double met = tokens_together * static_cast<double>(end);
      for (std::int64_t n = from + 1; n <= end; ++n)
        if (wanted(n)) met += score_product * heads * static_cast<double>(n);
      const double cost = static_cast<double>(end - from) * products_of_token(model, run) + met;
      if (end > last_end || !budget.affords(cost)) {
        for (DeepClaim& row : rows) row.give_up(fmt::format("of all n beyond {} too little is known, and to follow the run further would take more products than are left (--work)", from));
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
          for (DeepClaim& row : rows) row.see_pair(a, seen, last, vectors[i], run.limit());
        seen = lengths[i], last = vectors[i];
      }
      std::vector<std::size_t> tried;
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].wants_beyond() && rows[i].may_try(end)) tried.push_back(i);
      for (int step = 0; step < most_steps && !tried.empty(); ++step) {
        const double cost = products_of_phase(model, run) * static_cast<double>(run.points());
        if (!budget.affords(cost)) break;
        budget.spend(cost);
        std::int64_t start = DeepClaim::farthest;
        for (const std::size_t i : tried) start = std::min(start, rows[i].start(end));
        options.say(fmt::format("two layers, every n from {} on", start));
        std::vector<DeepClaim*> asked;
        for (const std::size_t i : tried)
          if (rows[i].start(end) == start) asked.push_back(&rows[i]);
        DeepRows judge(run, asked, [&](std::size_t sums) {
          const double more = static_cast<double>(sums) * (score_product * heads * static_cast<double>(run.tokens()) + products_of_phase(model, run));
          if (!budget.affords(more)) return false;
          if (sums > 0) options.say(fmt::format("two layers, {} more phases", sums));
          budget.spend(more);
          return true;
        });
        if (run.beyond(start, judge)) judge.settle(start);
        // What is proved, and what no stride was found for: the run must be followed further.
        std::erase_if(tried, [&](std::size_t i) {
          if (!rows[i].open()) options.say(claims[i]->id + ": every n, proved");
          return !rows[i].wants_beyond() || rows[i].start(end) <= start || rows[i].start(end) >= DeepClaim::farthest;
        });
      }
    }
  }
  findings.ask(facts, [&](const CertificateClaim& claim) { return rows[static_cast<std::size_t>(std::find(claims.begin(), claims.end(), &claim) - claims.begin())].result(); });
}

}  // namespace snellen::check
