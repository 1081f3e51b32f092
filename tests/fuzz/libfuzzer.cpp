// One target under libFuzzer.
#include <cstdint>

#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  snellen::fuzz::judge(snellen::fuzz::targets().front(), std::as_bytes(std::span(data, size)));
  return 0;
}
