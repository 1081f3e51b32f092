#include "lib/number/exact_product/residue_system.hpp"

#include <array>
#include <memory>
#include <mutex>

#include "lib/number/fmpz.hpp"

namespace snellen {
namespace {

using Primes = std::array<ulong, most_moduli>;

const Primes& primes() {
  static const Primes found = [] {
    Primes result{};
    std::size_t count = 0;
    for (auto candidate = static_cast<ulong>(most_modulus); count < result.size(); --candidate)
      if (n_is_prime(candidate)) result[count++] = candidate;
    return result;
  }();
  return found;
}

// bits[n] = floor(log2 of the product of the first n primes).
const std::array<long, most_moduli + 1>& product_bits() {
  static const auto bits = [] {
    std::array<long, most_moduli + 1> result{};
    Fmpz product;
    fmpz_one(product);
    for (std::size_t n = 1; n <= most_moduli; ++n) {
      fmpz_mul_ui(product, product, primes()[n - 1]);
      result[n] = static_cast<long>(fmpz_bits(product)) - 1;
    }
    return result;
  }();
  return bits;
}

void write_digits(const Fmpz& source, double* digits, std::size_t count) {
  Fmpz rest, digit;
  fmpz_set(rest, source);
  for (std::size_t d = 0; d < count; ++d) {
    fmpz_fdiv_r_2exp(digit, rest, residue_digit_bits);
    digits[d] = static_cast<double>(fmpz_get_ui(digit));
    fmpz_fdiv_q_2exp(rest, rest, residue_digit_bits);
  }
}

ResidueSystem make(std::size_t n) {
  ResidueSystem system;
  Fmpz product, part;
  fmpz_one(product);
  for (std::size_t p = 0; p < n; ++p) {
    const ulong q = primes()[p];
    system.moduli.push_back({static_cast<double>(q), 1 / static_cast<double>(q)});
    fmpz_mul_ui(product, product, q);
  }
  system.digits = static_cast<std::size_t>(product_bits()[n]) / residue_digit_bits + 1;
  system.block_digits = system.digits;
  system.table.resize((n + 1) * system.digits);
  system.powers.resize(system.block_digits * n);
  for (std::size_t p = 0; p < n; ++p) {
    const ulong q = primes()[p];
    fmpz_divexact_ui(part, product, q);
    write_digits(part, system.table.data() + p * system.digits, system.digits);
    system.inverses.push_back(static_cast<double>(n_invmod(fmpz_fdiv_ui(part, q), q)));
    ulong power = 1;
    for (std::size_t d = 0; d < system.block_digits; ++d) {
      system.powers[d * n + p] = static_cast<double>(power);
      power = (power << residue_digit_bits) % q;
    }
  }
  write_digits(product, system.table.data() + n * system.digits, system.digits);
  return system;
}

}  // namespace

std::size_t ResidueSystem::moduli_for(long bits) {
  for (std::size_t n = 1; n <= most_moduli; ++n)
    if (product_bits()[n] >= bits + 2) return n;
  return 0;
}

const ResidueSystem& ResidueSystem::first(std::size_t n) {
  static std::array<std::once_flag, most_moduli + 1> made;
  static std::array<std::unique_ptr<const ResidueSystem>, most_moduli + 1> systems;
  std::call_once(made[n], [n] { systems[n] = std::make_unique<const ResidueSystem>(make(n)); });
  return *systems[n];
}

}  // namespace snellen
