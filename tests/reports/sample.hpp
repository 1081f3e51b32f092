// A certification made up for the tests of reports: the shape and size of a real one (one-token unit after a prompt, a NoPE
// model), six formats, three criteria, two metrics, four engine runs of which one overflows. Every number comes from integers,
// the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "bounds/result.hpp"

namespace snellen::sample {

// x rounded outward to `bits` bits and then a few units further: an enclosure of a known width.
inline Enclosure around(double x, int bits) {
  Enclosure result{Dyadic(bits), Dyadic(bits)};
  mpfr_set_d(result.lower.get(), x, MPFR_RNDD);
  mpfr_set_d(result.upper.get(), x, MPFR_RNDU);
  mpfr_nextbelow(result.lower.get());
  mpfr_nextabove(result.upper.get());
  return result;
}

inline Enclosure exactly(double x) { return {Dyadic::of(x), Dyadic::of(x)}; }

inline Enclosure not_finite() { return {Dyadic::of(-INFINITY), Dyadic::of(INFINITY)}; }

// About 9 (1 + log n) / n^2 in L1; logarithm to the base 2 by integers, refined linearly.
inline double distance(std::int64_t n) {
  std::int64_t power = 1;
  int log2 = 0;
  while (2 * power <= n) power *= 2, ++log2;
  const double log = log2 + static_cast<double>(n - power) / static_cast<double>(power);
  return 9.0 * (1 + 0.7 * log) / static_cast<double>(n * n);
}

struct FormatAndStep {
  Format format;
  std::int64_t bitwise_from;  // beyond the horizon: none
};

inline std::vector<FormatAndStep> formats() {
  return {{{"e5m2", 3, -14, 15, Overflow::infinity, false}, 9},
          {{"e4m3", 4, -6, 8, Overflow::nan, true}, 17},
          {{"bf16", 8, -126, 127, Overflow::infinity, false}, 89},
          {{"fp16", 11, -14, 15, Overflow::infinity, false}, 164},
          {{"tf32", 11, -126, 127, Overflow::infinity, false}, 166},
          {{"fp32", 24, -126, 127, Overflow::infinity, false}, 1'000'000'000}};
}

inline void summarise(CollapseRow& row, std::int64_t from, std::int64_t to) {
  std::int64_t collapsed_from = to + 1;
  for (std::int64_t n = from; n <= to; ++n) {
    const Verdict verdict = row.verdicts[static_cast<std::size_t>(n - from)];
    if (verdict == Verdict::collapsed && !row.first) row.first = n;
    if (verdict == Verdict::distinct) row.last_distinct = n;
    row.undecided += verdict == Verdict::undecided;
    row.overflow += verdict == Verdict::overflow;
  }
  while (collapsed_from > from && row.verdicts[static_cast<std::size_t>(collapsed_from - 1 - from)] == Verdict::collapsed)
    --collapsed_from;
  row.inevitable.scope = Scope::horizon;
  row.inevitable.lower = std::to_string(row.last_distinct ? *row.last_distinct + 1 : from);
  if (collapsed_from <= to) {
    row.inevitable.upper = std::to_string(collapsed_from);
    row.inevitable.status = row.inevitable.lower == *row.inevitable.upper ? Status::exact : Status::bracket;
  }
}

inline Certification certification(std::int64_t to = 200) {
  Certification c;
  c.title = "Ones after a prompt";
  c.case_name = "first";
  c.model_source = "random, seed 1";
  c.model_architecture = "llama (NoPE)";
  c.model_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  c.family = "[1] . [2]^n, pairs (S_n, S_n+1)";
  c.at = "final";
  c.from = 1, c.to = to;
  c.layers = 2, c.width = 32;
  c.precision_bits = 128;
  c.metrics = {Metric::l1, Metric::linf};
  const std::vector<double> scale = {1.0, 0.0859375};
  for (std::int64_t n = c.from; n <= to; ++n)
    c.distances.push_back({n, {around(distance(n), 40), around(distance(n) * scale[1], 40)}});

  const std::vector<std::string> profiles = {"fp32", "bf16-acc32", "fp8-e4m3-acc32", "fp16-acc32"};
  const std::vector<std::string> descriptions = {"everything in fp32", "bf16 storage, fp32 accumulation to nearest",
                                                 "e4m3 operands with a scale for each tensor, bf16 storage, fp32 accumulation",
                                                 "fp16 storage, fp32 accumulation to nearest"};
  const std::vector<double> step = {0x1p-22, 0x1p-6, 0x1p-3, 0x1p-9};
  const std::vector<std::int64_t> identical = {1'000'000'000, 71, 23, 1'000'000'000};
  const std::int64_t overflows_at = 120;
  std::uint64_t state = 12345;
  for (std::size_t r = 0; r < profiles.size(); ++r) {
    EngineRun run{profiles[r], descriptions[r], std::nullopt, {}, {}};
    const bool overflows = r == 3 && to >= overflows_at;
    if (overflows) run.trouble = Trouble{"overflow", "layer 2, attention scores", overflows_at};
    for (std::int64_t n = c.from; n <= to; ++n) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const double noise = static_cast<double>(state >> 40) * 0x1p-24;  // in [0, 1)
      PairDistances d{n, {}}, e{n, {}};
      for (const double s : scale) {
        const double seen = n >= identical[r] ? 0 : std::max(1.0, std::round(distance(n) / step[r] + 1.5 * noise)) * step[r] * s;
        const bool broken = overflows && n >= overflows_at;
        d.by_metric.push_back(broken ? not_finite() : exactly(seen));
        e.by_metric.push_back(broken ? not_finite() : around(step[r] * s * (3 + noise), 30));
      }
      run.distances.push_back(std::move(d)), run.errors.push_back(std::move(e));
    }
    c.runs.push_back(std::move(run));
  }

  for (const auto& [format, bitwise_from] : formats()) {
    CollapseRow bitwise;
    bitwise.format = format;
    bitwise.criterion = Criterion::bitwise;
    for (std::int64_t n = c.from; n <= to; ++n) {
      Verdict verdict = n >= bitwise_from || (n > bitwise_from / 2 && n % 3 == 0) ? Verdict::collapsed : Verdict::distinct;
      if (format.name == "fp16" && (n == 164 || n == 165)) verdict = Verdict::undecided;
      if (format.name == "e4m3" && n <= 2) verdict = Verdict::overflow;
      bitwise.verdicts.push_back(verdict);
    }
    summarise(bitwise, c.from, to);
    for (std::size_t r = 0; r < profiles.size(); ++r)
      if (identical[r] <= to)
        bitwise.observed.push_back({profiles[r], 1, identical[r] - 1, identical[r], identical[r], std::nullopt});
      else
        bitwise.observed.push_back({profiles[r], 1, r == 3 ? 119 : to, std::nullopt, std::nullopt, std::nullopt});
    c.rows.push_back(bitwise);
    for (std::size_t m = 0; m < c.metrics.size(); ++m) {
      CollapseRow tolerance;
      tolerance.format = format;
      tolerance.criterion = Criterion::tolerance;
      tolerance.metric = c.metrics[m];
      tolerance.eps = Dyadic::power_of_two(1 - format.precision);
      for (const PairDistances& pair : c.distances)
        tolerance.verdicts.push_back(pair.by_metric[m].upper <= *tolerance.eps  ? Verdict::collapsed
                                     : *tolerance.eps < pair.by_metric[m].lower ? Verdict::distinct
                                                                                : Verdict::undecided);
      summarise(tolerance, c.from, to);
      for (std::size_t r = 0; r < 3; ++r)
        tolerance.observed.push_back({profiles[r], 1, 40, 41,
                                      identical[r] <= to ? std::optional<std::int64_t>(identical[r]) : std::nullopt,
                                      r == 0 ? std::nullopt : std::optional<std::int64_t>(20 / static_cast<std::int64_t>(r))});
      c.rows.push_back(tolerance);
    }
  }
  CollapseRow argmax;
  argmax.criterion = Criterion::argmax;
  for (std::int64_t n = c.from; n <= to; ++n) argmax.verdicts.push_back(n == 3 ? Verdict::distinct : Verdict::collapsed);
  summarise(argmax, c.from, to);
  c.rows.push_back(argmax);

  c.claims = {{"distance.l1.1",
               "D(1) lies in the enclosure given",
               "forward_enclosure",
               Scope::horizon,
               {{"n", "1"}, {"lower", "9.0e+00"}, {"upper", "9.1e+00"}}},
              {"bitwise.bf16",
               "rd_bf16(y(S_n)) = rd_bf16(y(S_{n+1})) for every n from 89 to 200",
               "same_cell",
               Scope::horizon,
               {{"from", "89"}, {"to", "200"}}}};
  c.assumptions = {"The arithmetic of MPFR, GMP and Arb is right.", "Stored weights mean their stored values, exactly."};
  c.warnings = {"fp16-acc32 overflows at n = 120."};
  return c;
}

// The same with proofs for every n, of every kind: exact (of any size), bracket, never, overflow for ever, distinct beyond the horizon, open; and a limit.
inline Certification for_ever(std::int64_t to = 200) {
  Certification c = certification(to);
  c.inevitable = true;
  c.proofs = {{"inevitable_by_eras", {"No layer has a window."}, {{"bits", "160"}, {"eras", "129"}}}};
  for (CollapseRow& row : c.rows) {
    const std::string name = row.format ? row.format->name : "";
    row.basis.theorem = "inevitable_by_eras", row.basis.numbers = {{"bits", "160"}, {"tail from", "12345678901234"}};
    if (name == "e5m2" && row.criterion == Criterion::bitwise) row.inevitable = {"9", "9", Scope::all, Status::exact};
    if (name == "bf16" && row.criterion == Criterion::bitwise) row.inevitable = {"92975821", "92975821", Scope::all, Status::exact};
    if (name == "fp16" && row.criterion == Criterion::bitwise) row.inevitable = {"164", "123456789012345678901234", Scope::all, Status::bracket}, row.basis.open = "12 eras were not enough";
    if (name == "tf32" && row.criterion == Criterion::bitwise) row.inevitable = {"1", std::nullopt, Scope::all, Status::never};
    if (name == "e4m3" && row.criterion == Criterion::bitwise) row.basis.overflow_from = "201", row.inevitable = {"1", std::nullopt, Scope::horizon, Status::unknown};
    if (name == "fp32" && row.criterion == Criterion::bitwise)
      row.inevitable = {"1000000", std::nullopt, Scope::all, Status::unknown}, row.basis.open = "12 eras were not enough";
    if (row.criterion == Criterion::argmax) row.inevitable = {"4", "4", Scope::all, Status::exact};
    if (row.criterion == Criterion::tolerance) row.basis = {"", {}, 0, std::nullopt, "the limit lies on a boundary"};
  }
  c.limit = Limit{"[2]", {}, 7, {around(0.25, 40), around(0.03125, 40)}, "12345678901234", "convex_hull", {Dyadic::of(0x1p-40), Dyadic::of(0x1p-43)}};
  for (int i = 0; i < 32; ++i) c.limit->vector.push_back(around(0.1 * (i - 16), 100));
  return c;
}

}  // namespace snellen::sample
