// The glasses: how far apart may delimiters stand and still keep the sequences of a run apart?
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bounds/certify.hpp"

namespace snellen {

// A spacing that was tried: with a delimiter after every `every` run tokens D_p(n) > eps is not proved at n = `fails_at`, the first such n.
struct TriedSpacing {
  std::int64_t every = 0, fails_at = 0;
};

struct Glasses {
  std::optional<Format> format;
  Metric metric = Metric::linf;
  Dyadic eps;
  // Without delimiters the first n with from <= n <= to where D_p(n) > eps is not proved; none: no glasses are needed up to the horizon.
  std::optional<std::int64_t> fails_without;
  // The largest m such that with a delimiter after every m run tokens D_p(n) > eps is proved for every n with from <= n <= to. None: not even m = 1.
  std::optional<std::int64_t> largest;
  std::vector<TriedSpacing> tried;  // larger ones, in falling order; those above fails_without are left out: see proofs/README.md
};

struct GlassesResult {
  std::vector<Glasses> rows;  // one a format and metric
  long precision_bits = 0;    // the largest that was used
};

// For each format and norm of the request (or its eps). The family has a delimiter, whose tokens are used and whose spacing is not. Both sequences of a
// pair end in a run token, as Family has it. The cost is that of a certification for each spacing tried, at most fails_without of them. InputError as certify().
GlassesResult glasses(const Model& model, const CertifyRequest& request, Progress& progress);

}  // namespace snellen
