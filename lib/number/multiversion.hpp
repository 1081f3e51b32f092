// Functions compiled for several instruction sets, of which the program takes the best at run time. Every version gives the same bits: sums keep
// their order, and multiplications are not fused with additions (-ffp-contract=off), though AVX-512 has the instructions.
#pragma once

// Which version is called is decided before main, and before a sanitizer is there: under one, all are the default. GCC and clang say that there is one in their own ways.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SNELLEN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SNELLEN_SANITIZED 1
#endif
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(SNELLEN_SANITIZED)
#define SNELLEN_CLONES(...) __attribute__((target_clones(__VA_ARGS__)))
#else
#define SNELLEN_CLONES(...)
#endif
#define SNELLEN_MULTIVERSION SNELLEN_CLONES("avx512f", "avx2", "default")
// What a multiversioned function calls must become part of it.
#define SNELLEN_INLINE inline __attribute__((always_inline))
