// Every instruction set gives the bits of plain loops in the order that the header states.
#include <algorithm>
#include <cstring>
#include <vector>

#include "lib/number/splitmix64.hpp"
#include "lib/world/norm_kernels.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr std::size_t tile = NormKernels::tile, chunk = NormKernels::chunk, block = NormKernels::block;

template <class Number>
std::vector<Number> numbers(SplitMix64& random, std::size_t count) {
  std::vector<Number> result(count);
  for (Number& x : result) x = static_cast<Number>(static_cast<double>(static_cast<std::int64_t>(random.next()) >> 11) * 0x1p-52);
  return result;
}
template <class Number>
bool same_bits(const std::vector<Number>& x, const std::vector<Number>& y) {
  return std::memcmp(x.data(), y.data(), x.size() * sizeof(Number)) == 0;
}

}  // namespace

TEST_CASE("norm kernels give the same bits on every instruction set") {
  SplitMix64 random(7);
  REQUIRE(!available_norm_kernels().empty());
  for (const NormKernels& kernels : available_norm_kernels()) {
    INFO(kernels.name);
    for (const std::size_t length : {0U, 1U, 63U, 64U, 65U, 200U}) {
      const auto x = numbers<float>(random, length * tile), y = numbers<float>(random, length * tile);
      std::vector<float> sums(tile * tile, 9), expected(tile * tile);
      for (std::size_t i = 0; i < tile; ++i)
        for (std::size_t j = 0; j < tile; ++j)
          for (std::size_t begin = 0; begin < length; begin += chunk) {
            float sum = 0;
            for (std::size_t m = begin; m < std::min<std::size_t>(length, begin + chunk); ++m) sum += x[m * tile + i] * y[m * tile + j];
            expected[i * tile + j] += sum;
          }
      kernels.float_tile(sums.data(), x.data(), y.data(), length);
      REQUIRE(same_bits(sums, expected));
    }
    for (const std::size_t count : {16U, 48U}) {
      const auto matrix = numbers<float>(random, tile * tile), x = numbers<float>(random, tile * count), y = numbers<float>(random, tile * count);
      std::vector<float> sums = numbers<float>(random, count), expected = sums;
      for (std::size_t t = 0; t < count; ++t) {
        float total = 0;
        for (std::size_t i = 0; i < tile; ++i) {
          float row = 0;
          for (std::size_t j = 0; j < tile; ++j) row += matrix[i * tile + j] * y[j * count + t];
          total += row * x[i * count + t];
        }
        expected[t] += total;
      }
      kernels.add_forms(sums.data(), matrix.data(), x.data(), y.data(), count);
      REQUIRE(same_bits(sums, expected));
    }
    for (const std::size_t rows : {1U, 8U, 17U, 64U, 83U}) {
      const std::size_t columns = 13;
      const auto a = numbers<double>(random, rows * columns), x = numbers<double>(random, block * columns);
      std::vector<double> y = numbers<double>(random, block * rows), expected = y;
      for (std::size_t b = 0; b < block; ++b)
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j = 0; j < columns; ++j) expected[b * rows + i] += a[j * rows + i] * x[b * columns + j];
      kernels.add_products(y.data(), a.data(), x.data(), rows, columns);
      REQUIRE(same_bits(y, expected));

      const auto u = numbers<double>(random, block * rows), v = numbers<double>(random, block * rows);
      std::vector<double> c = numbers<double>(random, rows * rows), outer = c;
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < rows; ++j)
          for (std::size_t b = 0; b < block; ++b) outer[i * rows + j] += u[b * rows + i] * v[b * rows + j];
      kernels.add_outers(c.data(), u.data(), v.data(), rows);
      REQUIRE(same_bits(c, outer));
    }
  }
}
