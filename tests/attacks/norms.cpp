// Norms of matrices and of Jacobians, bounded in doubles (lib/number/operator_norm, lib/world/mlp_norm): is there a vector that is stretched more?
#include <cmath>

#include "lib/number/operator_norm.hpp"
#include "lib/world/mlp_norm.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr std::size_t n = 4, m = 3;

// Entries of all sizes: a number of size 1 scales all of them by 2^+-scale.
void rescale(std::vector<double>& values, double number, double scale) {
  const double factor = std::exp2(std::round(scale * number));
  for (double& x : values) x *= factor;
}

Ball from(double bound) {
  Ball result;
  arb_set_d(result, bound);
  return result;
}

Attempt stretched(const std::vector<Ball>& y, const std::vector<Ball>& x, double norm_bound) {
  if (!std::isfinite(norm_bound)) return nothing_tested();
  Ball reached, size;
  euclidean(reached, y), euclidean(size, x);
  arb_mul(size, size, from(norm_bound), bits);
  return compare(reached, size);
}

std::vector<double> product(std::span<const double> a, std::span<const double> b, std::size_t inner) {
  const std::size_t rows = a.size() / inner, columns = b.size() / inner;
  std::vector<double> c(rows * columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < inner; ++k)
      for (std::size_t j = 0; j < columns; ++j) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  return c;
}

// |A B|_2, A [m, n], B [n, m].
Attempt product_of_two(Point point) {
  Reader read(point);
  std::vector<double> a = read.numbers(m * n), b = read.numbers(n * m), x = read.numbers(m);
  rescale(a, read.number(), 200), rescale(b, read.number(), 200);
  const double bound = product_norm(gram_of_columns(a.data(), m, n, n), gram_of_rows(b.data(), n, m, m));
  const std::vector<Ball> at = exact(stretched_most(product(a, b, n), x, 12));
  return stretched(image(a, image(b, at)), at, bound);
}

// |A|_2 as |A A^T|_2 with B = A^T: rank one and ties of singular values are what powers of traces treat worst.
Attempt gram_of_itself(Point point) {
  Reader read(point);
  std::vector<double> a = read.numbers(m * n), x = read.numbers(m), t(n * m);
  rescale(a, read.number(), 100);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) t[j * m + i] = a[i * n + j];
  const Gram gram = gram_of_columns(a.data(), m, n, n);
  const double bound = product_norm(gram, gram_of_rows(t.data(), n, m, m));
  const std::vector<Ball> at = exact(stretched_most(product(a, t, n), x, 12));
  return stretched(image(a, image(t, at)), at, bound);
}

// x^T G x <= (|L x| + rest |x|)^2 for G = A A^T.
Attempt root(Point point) {
  Reader read(point);
  std::vector<double> a = read.numbers(n * m), x = read.numbers(n), t(m * n);
  rescale(a, read.number(), 100);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < m; ++j) t[j * n + i] = a[i * m + j];
  const SquareRoot root = square_root(gram_of_rows(a.data(), n, m, m));
  if (root.rows.size() != n * n || !std::isfinite(root.rest)) return nothing_tested();
  const std::vector<Ball> at = exact(x);
  Ball reached, bound, size;
  euclidean(reached, image(t, at)), euclidean(bound, image(root.rows, at)), euclidean(size, at);
  arb_addmul(bound, size, from(root.rest), bits);
  return compare(reached, bound);
}

constexpr std::size_t hidden = 5, tokens = 3;

// |D (diag(a) G + diag(b) U)|_2 of several tokens, one of which may be the reference of the others.
Attempt mlp(Point point) {
  Reader read(point);
  std::vector<double> down = read.numbers(n * hidden), gate = read.numbers(hidden * n), up = read.numbers(hidden * n), a = read.numbers(tokens * hidden),
                      b = read.numbers(tokens * hidden), x = read.numbers(n);
  rescale(down, read.number(), 20), rescale(gate, read.number(), 20), rescale(up, read.number(), 20), rescale(a, read.number(), 10), rescale(b, read.number(), 10);
  // The later tokens are near the first: there the bound by a reference decides.
  const double near = std::exp2(-20 * std::fabs(read.number()));
  for (std::size_t t = 1; t < tokens; ++t)
    for (std::size_t k = 0; k < hidden; ++k) a[t * hidden + k] = a[k] + near * a[t * hidden + k], b[t * hidden + k] = b[k] + near * b[t * hidden + k];
  const DenseTensor down_tensor(n, hidden, down);
  const MlpNorm norm(down_tensor, std::make_shared<DenseTensor>(hidden, n, gate), std::make_shared<DenseTensor>(hidden, n, up), {});
  const std::vector<double> importance{1, 1, 1}, bounds = norm.norms(a, b, importance), frobenius = norm.frobenius_norms(a, b, tokens);
  Attempt best = nothing_tested();
  for (std::size_t t = 0; t < tokens; ++t) {
    std::vector<double> inner(hidden * n);
    for (std::size_t k = 0; k < hidden; ++k)
      for (std::size_t j = 0; j < n; ++j) inner[k * n + j] = a[t * hidden + k] * gate[k * n + j] + b[t * hidden + k] * up[k * n + j];
    const std::vector<Ball> at = exact(stretched_most(product(down, inner, hidden), x, 12));
    std::vector<Ball> by_gate = image(gate, at), by_up = image(up, at), h(hidden);
    for (std::size_t k = 0; k < hidden; ++k) {
      arb_mul(h[k], by_gate[k], from(a[t * hidden + k]), bits);
      arb_addmul(h[k], by_up[k], from(b[t * hidden + k]), bits);
    }
    const std::vector<Ball> y = image(down, h);
    for (const double bound : {bounds[t], frobenius[t], norm.operator_norm(std::span(a).subspan(t * hidden, hidden), std::span(b).subspan(t * hidden, hidden))}) {
      const Attempt one = stretched(y, at, bound);
      if (one.broken) return one;
      best.closeness = std::max(best.closeness, one.closeness);
    }
  }
  return best;
}

const Registered r1({"norm-product", "product_norm: |A B|_2", 2 * m * n + m + 2, product_of_two});
const Registered r2({"norm-gram", "product_norm: |A A^T|_2", m * n + m + 1, gram_of_itself});
const Registered r3({"norm-root", "square_root: x^T G x <= (|L x| + rest |x|)^2", n * m + n + 1, root});
const Registered r4({"norm-mlp", "MlpNorm: the 2-norm of an MLP's Jacobian, three ways", 3 * n * hidden + 2 * tokens * hidden + n + 6, mlp, 4});

}  // namespace
}  // namespace snellen::attacks
