// The parts of the product by residues against integers of any size (fmpz), at the bounds that its proofs name.
#include "lib/number/exact_product/residue_kernels.hpp"

#include <cfenv>
#include <numeric>
#include <vector>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/exact_product/residue_system.hpp"
#include "lib/number/fmpz.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

namespace snellen {
namespace {

std::vector<const ResidueKernels*> kernels() {
  std::vector<const ResidueKernels*> result{&portable_residue_kernels()};
#if defined(__x86_64__)
  if (available(ProductPath::residues_avx2)) result.push_back(&avx2_residue_kernels());
  if (available(ProductPath::residues_avx512)) result.push_back(&avx512_residue_kernels());
#endif
  return result;
}

constexpr int rounding_modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

// Sets a rounding mode until the end of its scope.
class Rounding {
 public:
  explicit Rounding(int mode) { std::fesetround(mode); }
  ~Rounding() { std::fesetround(FE_TONEAREST); }
};

long long integer(double value) {
  REQUIRE(value == static_cast<double>(static_cast<long long>(value)));
  return static_cast<long long>(value);
}

// An integer of at most 53 bits, biased to the ends.
double random_integer(SplitMix64& random, long long largest) {
  switch (random.below(4)) {
    case 0: return static_cast<double>(largest - static_cast<long long>(random.below(3)));
    case 1: return -static_cast<double>(largest - static_cast<long long>(random.below(3)));
    default: return static_cast<double>(static_cast<long long>(random.next() % static_cast<std::uint64_t>(2 * largest + 1)) - largest);
  }
}

}  // namespace

TEST_CASE("the moduli are coprime and as large as the sums allow") {
  const ResidueSystem& system = ResidueSystem::first(most_moduli);
  REQUIRE(system.moduli.size() == most_moduli);
  std::size_t pairs = 0;
  for (std::size_t p = 0; p < most_moduli; ++p) {
    const long long q = integer(system.moduli[p].value);
    CHECK((system.moduli[p].value > least_modulus && system.moduli[p].value <= most_modulus));
    for (std::size_t other = 0; other < p; ++other, ++pairs) REQUIRE(std::gcd(q, integer(system.moduli[other].value)) == 1);
  }
  CHECK(pairs == most_moduli * (most_moduli - 1) / 2);
  // The moduli asked for are enough and not more: 2^(bits + 2) <= M, and not with one less.
  Fmpz product;
  fmpz_one(product);
  std::size_t n = 0, tested = 0;
  for (long bits = 1; bits <= 1436; ++bits, ++tested) {
    while (fmpz_bits(product) < static_cast<flint_bitcnt_t>(bits) + 3) fmpz_mul_si(product, product, static_cast<slong>(integer(system.moduli[n++].value)));
    REQUIRE(ResidueSystem::moduli_for(bits) == n);
  }
  CHECK(tested == 1436);
  CHECK(ResidueSystem::moduli_for(1500) == 0);
}

TEST_CASE("residues of every size are reduced exactly, in every rounding mode") {
  SplitMix64 random(31);
  const ResidueSystem& system = ResidueSystem::first(most_moduli);
  std::size_t tested = 0;
  for (const ResidueKernels* k : kernels())
    for (int mode : rounding_modes)
      for (std::size_t p : {0, 1, 40, 63})
        for (int repeat = 0; repeat < 40; ++repeat) {
          std::vector<double> x(2 * k->rows), y(x.size());
          for (double& value : x) value = random_integer(random, (1LL << 53) - (1LL << 23));
          {
            const Rounding rounding(mode);
            k->reduce(x.data(), x.size(), system.moduli[p], y.data());
          }
          for (std::size_t i = 0; i < x.size(); ++i, ++tested) {
            REQUIRE(std::abs(y[i]) <= residue_bound);
            REQUIRE((integer(x[i]) - integer(y[i])) % integer(system.moduli[p].value) == 0);
          }
        }
  CHECK(tested > 10000);
}

TEST_CASE("sums of the largest residues are exact, in every rounding mode") {
  SplitMix64 random(32);
  std::size_t tested = 0;
  const Modulus modulus = ResidueSystem::first(1).moduli[0];
  for (const ResidueKernels* k : kernels())
    for (int mode : rounding_modes)
      for (int repeat = 0; repeat < 12; ++repeat) {
        const auto largest = static_cast<long long>(residue_bound);
        std::vector<double> a(k->rows * residue_terms), b(k->columns * residue_terms), sums(k->rows * k->columns), before(sums.size());
        for (double& value : a) value = repeat < 2 ? residue_bound : random_integer(random, largest);
        for (double& value : b) value = repeat == 0 ? residue_bound : repeat == 1 ? -residue_bound : random_integer(random, largest);
        for (double& value : before) value = repeat == 0 ? residue_bound : repeat == 1 ? -residue_bound : random_integer(random, largest);
        std::vector<double> residues = before;
        {
          const Rounding rounding(mode);
          k->sums(a.data(), b.data(), residue_terms, sums.data(), k->rows);
          k->residues(a.data(), b.data(), residue_terms, &modulus, 0, true, residues.data(), k->rows);
        }
        for (std::size_t c = 0; c < k->columns; ++c)
          for (std::size_t r = 0; r < k->rows; ++r, ++tested) {
            long long sum = 0;
            for (std::size_t t = 0; t < residue_terms; ++t) sum += integer(a[t * k->rows + r]) * integer(b[t * k->columns + c]);
            const std::size_t place = c * k->rows + r;
            REQUIRE(integer(sums[place]) == sum);
            REQUIRE(std::abs(residues[place]) <= residue_bound);
            REQUIRE((sum + integer(before[place]) - integer(residues[place])) % integer(modulus.value) == 0);
          }
      }
  CHECK(tested > 1000);
}

TEST_CASE("integers come back from their residues, in every rounding mode") {
  SplitMix64 random(33);
  std::size_t tested = 0;
  Fmpz product, bound, value, sum, term;
  for (const ResidueKernels* k : kernels())
    for (int mode : rounding_modes)
      for (std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{20}, most_moduli}) {
        const ResidueSystem& system = ResidueSystem::first(n);
        fmpz_one(product);
        for (const Modulus& m : system.moduli) fmpz_mul_si(product, product, static_cast<slong>(integer(m.value)));
        fmpz_fdiv_q_ui(bound, product, 4);
        std::vector<double> residues((n + 1) * k->rows);
        std::vector<Fmpz> values(k->rows);
        for (std::size_t r = 0; r < k->rows; ++r) {
          // 0, the ends, and anything between.
          fmpz_set_ui(value, random.next()), fmpz_mul(value, value, bound), fmpz_fdiv_q_2exp(value, value, 64);
          if (r == 0) fmpz_zero(value);
          if (r == 1 || r == 2) fmpz_sub_ui(value, bound, 1);
          if (r % 2 == 1) fmpz_neg(value, value);
          fmpz_set(values[r], value);
          for (std::size_t p = 0; p < n; ++p) {
            const long long q = integer(system.moduli[p].value);
            // Any residue that the bound allows.
            residues[p * k->rows + r] = static_cast<double>(static_cast<long long>(fmpz_fdiv_ui(value, static_cast<ulong>(q))) - (random.below(2) == 0 ? q : 0));
          }
        }
        {
          const Rounding rounding(mode);
          k->recombine(residues.data(), n, system.moduli.data(), system.inverses.data());
        }
        for (std::size_t r = 0; r < k->rows; ++r, ++tested) {
          fmpz_zero(sum);
          for (std::size_t d = system.digits; d-- > 0;) {
            long long digit = 0;
            for (std::size_t p = 0; p <= n; ++p) digit += integer(residues[p * k->rows + r]) * integer(system.table[p * system.digits + d]);
            REQUIRE(std::abs(digit) < 1LL << 53);
            fmpz_mul_2exp(sum, sum, residue_digit_bits);
            fmpz_set_si(term, static_cast<slong>(digit));
            fmpz_add(sum, sum, term);
          }
          REQUIRE(fmpz_equal(sum, values[r]));
        }
      }
  CHECK(tested >= 4 * 5 * 8);
}

}  // namespace snellen
