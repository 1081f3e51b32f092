// Integers by their residues modulo the largest primes below 5.93 10^6 (22.5 bits), and back: the Chinese remainder theorem.
//
// With the first n moduli q_p, M their product, and residues s_p of an integer S with |S| < M / 4: let e_p be an inverse of M / q_p modulo q_p and c_p a
// residue of s_p e_p. Then T = sum_p c_p M / q_p is S modulo every q_p, so T - S is a multiple kappa M of M, and T / M = kappa + S / M
// lies within 1/4 of kappa; so kappa = floor(sum_p c_p / q_p + 1/2), however that sum is rounded, as long as its error is below 1/4. Hence
//
//   S = sum_p c_p (M / q_p) - kappa M,
//
// one more sum of products once M / q_p and M are cut into digits of 24 bits: a digit's sum is at most n residue_bound 2^24 + (n + 2) 2^24 < 2^53 for n <= 64.
// An integer in digits m = +-sum_d m_d 2^(24 d) has the residues sum_d m_d (2^(24 d) mod q_p): below 2^53 for up to 88 digits.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/number/exact_product/residue_kernels.hpp"

namespace snellen {

inline constexpr int residue_digit_bits = 24;
inline constexpr std::size_t most_moduli = 64;
static_assert(static_cast<double>(most_moduli) * residue_bound * 0x1p24 + 0x1p31 < 0x1p53);

struct ResidueSystem {
  std::vector<Modulus> moduli;
  std::vector<double> inverses;  // e_p
  std::size_t digits;            // of M
  std::vector<double> table;     // [n + 1][digits]: the digits of M / q_p, and those of M
  std::size_t block_digits;      // of any integer m with |m| < M
  std::vector<double> powers;    // [block_digits][n]: 2^(24 d) mod q_p

  // How many moduli integers S, |S| < 2^bits, ask for: M >= 2^(bits + 2). 0: more than most_moduli.
  static std::size_t moduli_for(long bits);
  // The system of the first n, 0 < n <= most_moduli. Made once; safe to call from several threads.
  static const ResidueSystem& first(std::size_t n);
};

}  // namespace snellen
