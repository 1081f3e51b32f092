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
  std::vector<TriedSpacing> tried;  // larger ones, in falling order; those with no delimiter in the pair at fails_without are left out: see proofs/README.md
};

struct GlassesResult {
  std::vector<Glasses> rows;  // one a format and metric
  long precision_bits = 0;    // the largest that was used
};

// For each format and norm of the request (or its eps). The family has a delimiter, whose tokens are used and whose spacing is not. Both sequences of a
// pair end in a run token, as Family has it. Every spacing that can differ from none is evaluated, from the largest down, since nothing is assumed of how D depends on
// it; but many at once, as branches of one trunk (without a suffix, for pairs of neighbours), and only for the first groups where it fails there. InputError as certify().
GlassesResult glasses(const Model& model, const CertifyRequest& request, Progress& progress);

}  // namespace snellen
