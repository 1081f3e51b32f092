#include "lib/world/rounded_memory.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/number/exponential.hpp"
#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/rough.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t lanes = RoundedMemory::lanes;
constexpr std::size_t block_tiles = 256;
constexpr double largest_exponent = 600;     // of a weight, so that near_exp_within's bound and sums of 2^40 of them hold
constexpr std::size_t columns_together = 32; // that meet a block while it is in the cache

// In the processor's vectors, whatever their size.
constexpr std::size_t vector_lanes = 8;
typedef double Doubles __attribute__((vector_size(64)));
typedef std::uint64_t Integers __attribute__((vector_size(64)));
typedef double Loose __attribute__((vector_size(64), aligned(8), may_alias));
SNELLEN_INLINE const Loose& vector_at(const double* address) { return *reinterpret_cast<const Loose*>(address); }
SNELLEN_INLINE Loose& vector_at(double* address) { return *reinterpret_cast<Loose*>(address); }

// One query against one head's keys and values.
struct Query {
  std::vector<double> query, own;  // own: the token's value
  double shift;                    // of all scores
  double error;                    // of each output; infinite: nothing is known
  std::vector<double> sums;        // [size + 1]: of the weights times v_k - own_k; of the weights
};

// One head's tiles: the first, of rows of `lanes` numbers; how many rows; how far from one tile to the next.
struct Tiles {
  const double* first;
  std::size_t rows, stride;
};

// Of `count` tiles, of which the last has `last` entries: into sums[k] the weights e^(q.k - shift) times v_k - own_k, into sums[values.rows] the weights.
SNELLEN_MULTIVERSION void add_tiles(const Tiles& keys, const Tiles& values, std::size_t count, std::size_t last, const double* q, double shift, const double* own, double* lane_sums, double* sums) {
  constexpr std::size_t vectors = lanes / vector_lanes;
  const std::size_t size = values.rows;
  std::fill(lane_sums, lane_sums + (size + 1) * lanes, 0.0);
  for (std::size_t t = 0; t < count; ++t) {
    const double *const key = keys.first + t * keys.stride, *const value = values.first + t * values.stride;
    Doubles weight[vectors];
    for (std::size_t u = 0; u < vectors; ++u) {
      Doubles score = {};
      for (std::size_t i = 0; i < keys.rows; ++i) score += q[i] * vector_at(key + i * lanes + u * vector_lanes);
      score -= shift;
      near_exp_within<Doubles, Integers>(score);
      weight[u] = score;
    }
    if (t + 1 == count)
      for (std::size_t l = last; l < lanes; ++l) weight[l / vector_lanes][l % vector_lanes] = 0;
    for (std::size_t k = 0; k <= size; ++k)
      for (std::size_t u = 0; u < vectors; ++u) {
        Loose& sum = vector_at(lane_sums + k * lanes + u * vector_lanes);
        if (k < size) sum += weight[u] * (vector_at(value + k * lanes + u * vector_lanes) - own[k]);
        else sum += weight[u];
      }
  }
  for (std::size_t k = 0; k <= size; ++k) {
    double sum = 0;
    for (std::size_t l = 0; l < lanes; ++l) sum += lane_sums[k * lanes + l];
    sums[k] += sum;
  }
}

// Rows of one head.
struct Rows {
  std::size_t first, size;
};

// q, k and v of column c and of one head; `count` tokens come before.
Query prepare(const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, std::size_t c, std::size_t query_row, Rows keys, Rows values, const Ball& scale, std::size_t count, const RoundedMemory& memory,
              long bits) {
  Query result{std::vector<double>(keys.size), std::vector<double>(values.size), 0, infinite_bound, std::vector<double>(values.size + 1)};
  double query_size = 0, query_error = 0, key_error = memory.key_error(), value_error = memory.value_error(), largest_key = memory.largest_key(), largest_value = memory.largest_value();
  Ball t;
  for (std::size_t i = 0; i < keys.size; ++i) {
    arb_mul(t, q(query_row + i, c), scale, bits);
    const Rough query = rough(t), key = rough(k(keys.first + i, c));
    result.query[i] = query.middle;
    query_size += std::fabs(query.middle), query_error += query.radius;
    key_error = std::max(key_error, key.radius), largest_key = std::max(largest_key, std::fabs(key.middle));
    result.shift += query.middle * key.middle;
  }
  for (std::size_t i = 0; i < values.size; ++i) {
    const Rough value = rough(v(values.first + i, c));
    result.own[i] = value.middle;
    value_error = std::max(value_error, value.radius), largest_value = std::max(largest_value, std::fabs(value.middle));
  }
  result.sums[values.size] = 1;  // itself: e^0, and no deviation
  const double scores = upward(query_size * largest_key);
  const double eta = upward(query_size * key_error + query_error * (largest_key + key_error) + static_cast<double>(keys.size + 4) * 0x1p-53 * scores), omega = 2 * eta + 0x1p-45;
  if (!(eta < 0x1p-20 && 2 * scores < largest_exponent && is_moderate(largest_value))) return result;
  const double apart = upward(2 * largest_value + 2 * value_error);  // D
  const double summed = static_cast<double>(count / (block_tiles * lanes) + block_tiles + lanes + 8) * 0x1p-53;
  // The weights; the sums of the numerator and of the mass; the differences of values and the quotient; the values.
  result.error = upward(apart * (4 * omega + 4 * summed + 0x1p-50) + 2 * value_error);
  return result;
}

}  // namespace

void RoundedMemory::append(std::vector<double>& tiles, const BallMatrix& x, double& error, double& largest) const {
  tiles.resize((entries_ + x.columns() + lanes - 1) / lanes * lanes * x.rows());
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.rows(); ++i) {
      const Rough here = rough(x(i, c));
      const std::size_t e = entries_ + c;
      tiles[(e / lanes * x.rows() + i) * lanes + e % lanes] = here.middle;
      error = std::max(error, here.radius), largest = std::max(largest, std::fabs(here.middle));
    }
}

void RoundedMemory::append(const BallMatrix& k, const BallMatrix& v) {
  if (entries_ > 0 && (k.rows() != key_width_ || v.rows() != value_width_)) throw std::logic_error("RoundedMemory: keys or values of another width");
  key_width_ = k.rows(), value_width_ = v.rows();
  append(keys_, k, key_error_, largest_key_);
  append(values_, v, value_error_, largest_value_);
  entries_ += k.columns();
}

void RoundedMemory::set_key(arb_ptr x, std::size_t e, std::size_t i) const {
  arb_set_d(x, key_tile(e / lanes, i)[e % lanes]);
  arb_add_error_mag(x, magnitude_of(key_error_).get());
}

void RoundedMemory::set_value(arb_ptr x, std::size_t e, std::size_t i) const {
  arb_set_d(x, value_tile(e / lanes, i)[e % lanes]);
  arb_add_error_mag(x, magnitude_of(value_error_).get());
}

BallMatrix attend_rounded(const Attention& attention, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, std::span<const Column> columns, const RoundedMemory& memory, long bits) {
  const std::size_t key_size = attention.head_size, value_size = v.rows() / attention.kv_heads, group = attention.heads / attention.kv_heads;
  const std::size_t groups = (columns.size() + columns_together - 1) / columns_together;
  BallMatrix result(attention.heads * value_size, columns.size());
  Ball scale;
  set_root(scale, attention.scale, bits);
  for (const Column& column : columns)
    if (column.position < 0 || static_cast<std::size_t>(column.position) > memory.entries()) throw std::logic_error("attend_rounded: a token beyond the memory");
  if (memory.entries() > 0 && memory.value_width() != v.rows()) throw std::logic_error("attend_rounded: values of another width");
  parallel_for(groups * attention.heads, [&](std::size_t item) {
    const std::size_t h = item % attention.heads, g = h / group, first = item / attention.heads * columns_together, last = std::min(columns.size(), first + columns_together);
    const Rows key_rows{g * key_size, key_size}, value_rows{g * value_size, value_size};
    std::vector<Query> queries;
    std::size_t most = 0;
    for (std::size_t c = first; c < last; ++c) {
      const auto count = static_cast<std::size_t>(columns[c].position);
      most = std::max(most, count);
      queries.push_back(prepare(q, k, v, c, h * key_size, key_rows, value_rows, scale, count, memory, bits));
    }
    std::vector<double> lane_sums((value_size + 1) * lanes);
    for (std::size_t begin = 0; begin < most; begin += block_tiles * lanes) {
      const Tiles keys{memory.key_tile(begin / lanes, key_rows.first), key_size, memory.key_width() * lanes};
      const Tiles values{memory.value_tile(begin / lanes, value_rows.first), value_size, memory.value_width() * lanes};
      for (std::size_t c = first; c < last; ++c) {
        const std::size_t end = std::min(static_cast<std::size_t>(columns[c].position), begin + block_tiles * lanes);
        Query& query = queries[c - first];
        if (end <= begin || query.error == infinite_bound) continue;
        const std::size_t tiles = (end - begin + lanes - 1) / lanes;
        add_tiles(keys, values, tiles, end - begin - (tiles - 1) * lanes, query.query.data(), query.shift, query.own.data(), lane_sums.data(), query.sums.data());
      }
    }
    Ball t;
    for (std::size_t c = first; c < last; ++c)
      for (std::size_t j = 0; j < value_size; ++j) {
        const Query& query = queries[c - first];
        arb_ptr x = result(h * value_size + j, c);
        if (query.error == infinite_bound) {
          arb_indeterminate(x);
          continue;
        }
        arb_set_d(x, query.sums[j] / query.sums[value_size]);
        arb_set_d(t, query.own[j]);
        arb_add(x, x, t, bits);
        arb_add_error_mag(x, magnitude_of(query.error).get());
      }
  });
  return result;
}

}  // namespace snellen
