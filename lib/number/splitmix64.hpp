// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the one generator behind sampled families and synthetic models. Integers only, so that
// a seed means the same on every platform; the standard library's distributions promise no such thing.
#pragma once

#include <cstdint>

namespace snellen {

class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // One of 0, 1, ..., count - 1, count <= 2^32; each has probability 1/count to within 2^-32.
  std::uint64_t below(std::uint64_t count) { return ((next() >> 32) * count) >> 32; }

 private:
  std::uint64_t state_;
};

}  // namespace snellen
