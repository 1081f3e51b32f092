// Every pair of a periodic family's copies and tails against direct evaluation of its sequences.
#pragma once

#include "bounds/distance.hpp"
#include "bounds/period.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

namespace snellen::testing {

// Slopes of 1/4, 1/8, ...: tails close within a hundred tokens where those of the reference take a thousand.
inline Model steep(const RandomModel& description) {
  Model model = synthetic_model(description);
  for (Layer& layer : model.layers)
    for (std::size_t h = 0; h < layer.attention.alibi.size(); ++h) layer.attention.alibi[h] = {2 + static_cast<std::int64_t>(h) % 3, 1};
  return model;
}

inline bool overlap(const Enclosure& a, const Enclosure& b) { return !(a.upper < b.lower) && !(b.upper < a.lower); }
// upper - lower, rounded up.
inline double width(const Enclosure& a) {
  Dyadic difference(64);
  mpfr_sub(difference.get(), a.upper.get(), a.lower.get(), MPFR_RNDU);
  return mpfr_get_d(difference.get(), MPFR_RNDU);
}

struct PeriodCheck {
  std::size_t compared = 0;  // coordinates of pairs evaluated
  std::size_t in_tails = 0;  // coordinates within finite tails
  double first_finite = INFINITY, last = INFINITY;  // the widest entry of the first finite and of the last tail
};

// For each pair n up to `last` and each coordinate of both vectors: the copies' enclosures and those of every tail that begins at n or before overlap with
// direct evaluation at twice the bits. Copies' are within `tolerance`, so that an enclosure of everything is a failure.
inline PeriodCheck check_against_direct(const Model& model, Family family, Place place, const PeriodSettings& settings, std::int64_t last, double tolerance) {
  PeriodEvaluation run(model, family, place, settings);
  struct Tail { std::int64_t from; std::vector<PeriodEvaluation::Two> of_kinds; };
  std::vector<Tail> tails;
  for (std::int64_t steps = 0; run.copies() * run.kinds() <= last; ++steps) {
    if (steps % 8 == 0) tails.push_back({run.copies() * run.kinds() + 1, run.tail()});
    run.extend();
  }
  family.from = 1, family.to = last;
  SilentProgress silent;
  const Evaluation direct = evaluate(model, family_block(family), place, false, 2 * settings.bits, silent);

  PeriodCheck check;
  for (std::int64_t n = 1; n <= last; ++n) {
    const PeriodEvaluation::Two two = run.pair(n);
    const auto compare = [&](const CertifiedVector& found, const CertifiedVector& exact, bool narrow) {
      bool finite = true;
      for (std::size_t i = 0; i < model.width; ++i) {
        INFO("n " << n << " coordinate " << i);
        REQUIRE(exact[i].is_finite());
        REQUIRE(width(exact[i]) < 0x1p-60);
        if (narrow) REQUIRE(found[i].is_finite());
        if (found[i].is_finite()) REQUIRE(overlap(found[i], exact[i]));
        else finite = false;
        if (narrow) REQUIRE(width(found[i]) <= tolerance);
      }
      return finite ? model.width : 0;
    };
    const auto i = static_cast<std::size_t>(n - 1);
    check.compared += compare(two.first, direct.vectors[direct.first[i]], true) + compare(two.second, direct.vectors[direct.second[i]], true);
    for (const Tail& tail : tails) {
      if (n < tail.from) continue;
      const PeriodEvaluation::Two& all = tail.of_kinds[static_cast<std::size_t>((n - 1) % run.kinds())];
      check.in_tails += compare(all.first, direct.vectors[direct.first[i]], false) + compare(all.second, direct.vectors[direct.second[i]], false);
    }
  }
  for (const Tail& tail : tails) {
    double widest = 0;
    for (const PeriodEvaluation::Two& two : tail.of_kinds)
      for (const CertifiedVector* v : {&two.first, &two.second})
        for (const Enclosure& entry : *v) widest = std::max(widest, entry.is_finite() ? width(entry) : INFINITY);
    if (!std::isfinite(check.first_finite)) check.first_finite = widest;
    check.last = widest;
  }
  return check;
}

}  // namespace snellen::testing
