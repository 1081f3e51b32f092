// e^(dq(t) . dk(tau)) as a polynomial in t and tau, in fixed point.
#pragma once

#include "proofs/checker/grid.hpp"

namespace snellen::check {

// dq or dk: rows of t or tau, on one grid, and the bounds of each that pairs ask for.
struct Side {
  std::vector<Row> rows;
  std::vector<Upper> constants;   // |row_0|
  std::vector<Majorants> moving;  // of the rest
  std::vector<Grid> grids;        // of each row
  Side(std::vector<Row> r, long bits);
};

// At each pair of points of [-1, 1]: within `error` of factor 2^-fraction sum over a and b of series[a][b] t^a tau^b, the factor a point.
//
// s is known up to radii of its coefficients, rho in sum; s' is a polynomial on a grid within them, and e^s = e^s'_00 e^(s - s'_00). Of this series the terms of total degree above `degree` are left out
// (`exponential_tail`, proofs/era.md, and e^rho for the constant). Two series e^s and e^s' differ, coefficient by coefficient, by no more than e^|s'| (e^|s - s'| - 1), in sum e^(B + rho) (e^rho - 1) with B at
// least the sum of the |s_ij| but for s_00. The recursion a E_a = sum over k of k s'_k E_(a-k) is computed in whole numbers of 2^-fraction, each coefficient rounded once, by less than one unit: errors obey the
// same recursion with |s'_k| for s'_k and one unit more for each coefficient, so that their sum is at most e^(B + rho) times as many units as there are coefficients ("Exponentials in fixed point", proofs/era.md).
struct PairExponential {
  std::size_t in_t = 0, in_tau = 0, degree = 0;  // a < in_t, b < in_tau, a + b <= degree
  std::vector<std::vector<Integer>> series;      // [a][b]
  long fraction = 0;
  Number factor;
  Upper error, supremum;                         // supremum: of the polynomial, with its factor

  // wanted: truncation may cost about 2^wanted. The degree is at most `most`.
  PairExponential(const Operations& o, const Side& query, const Side& key, std::size_t most, long wanted);
  // factor 2^-fraction series[a][b].
  Number coefficient(const IntervalArithmetic& arithmetic, std::size_t a, std::size_t b) const;
};

}  // namespace snellen::check
