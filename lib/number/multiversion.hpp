// Functions compiled for several instruction sets, of which the program takes the best at run time. Every version gives the same bits: sums keep
// their order, and multiplications are not fused with additions (-ffp-contract=off), though AVX-512 has the instructions.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SNELLEN_MULTIVERSION __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SNELLEN_MULTIVERSION
#endif
// What a multiversioned function calls must become part of it.
#define SNELLEN_INLINE inline __attribute__((always_inline))
