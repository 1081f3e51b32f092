// What an engine may do, for `snellen validate`.
#include "cases/engine_profile.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const EngineProfile p = read_engine_profile(scratch.file("profile.toml", text_of(input)));
  check(!p.function.empty(), "a profile without a format of functions");
  for (const Format* format : {&p.storage, &p.operand, &p.accumulator, &p.score, &p.softmax, &p.cache, &p.rotation})
    check(format->name == "fp64" || (format->precision <= 25 && format->emin >= -450 && format->emax <= 450), "a format that cannot be emulated");
  check(p.ulps.exp >= 0.5 && p.ulps.exp <= 1e6 && p.angle_error >= 0 && p.angle_error <= 1e6, "an error of a library beyond its range");
  check(p.addition != Addition::aligned || (p.aligned_bits >= 8 && p.aligned_block >= 1), "an alignment of nothing");
}

const Registered registered({"engine_profile", run});

}  // namespace
}  // namespace snellen::fuzz
