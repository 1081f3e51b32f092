#include "lib/world/profile.hpp"

#include <set>
#include <stdexcept>

#include "lib/world/rounded.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("profile: the shipped ones can be found, described and run", "[profile]") {
  std::set<std::string> names;
  for (const Profile& profile : shipped_profiles()) {
    INFO(profile.name);
    names.insert(profile.name);
    CHECK(find_profile(profile.name)->description == profile.description);
    CHECK(profile.description.size() > 20);
    CHECK(RoundedWorld(profile).profile().name == profile.name);
  }
  CHECK(names == std::set<std::string>{"fp64", "fp32", "fp16-acc32", "bf16", "bf16-acc32", "fp8-e4m3-acc32", "fp8-e5m2-acc32", "fp8-e4m3-acc32-token",
                                       "fp8-e5m2-acc32-token"});
  CHECK_FALSE(find_profile("fp4"));
}

TEST_CASE("profile: formats where engines put them", "[profile]") {
  const Profile bf16 = *find_profile("bf16"), mixed = *find_profile("bf16-acc32"), fp8 = *find_profile("fp8-e4m3-acc32");
  const Format narrow = *find_format("bf16"), single = *find_format("fp32");
  for (const Format* f : {&bf16.storage, &bf16.operand, &bf16.accumulator, &bf16.softmax, &bf16.probability, &bf16.cache, &bf16.norm, &bf16.function, &bf16.rope_table,
                          &mixed.storage, &mixed.operand, &mixed.probability, &mixed.cache, &fp8.storage, &fp8.probability, &fp8.cache})
    CHECK(*f == narrow);
  for (const Format* f : {&mixed.accumulator, &mixed.softmax, &mixed.norm, &mixed.function, &mixed.rope_table, &fp8.accumulator, &fp8.softmax, &fp8.rescale})
    CHECK(*f == single);
  CHECK(fp8.operand == *find_format("e4m3-saturating"));
  CHECK(find_profile("fp8-e5m2-acc32")->operand == *find_format("e5m2-saturating"));
  CHECK((fp8.couples_tokens() && find_profile("fp8-e5m2-acc32")->couples_tokens()));
  CHECK_FALSE((mixed.couples_tokens() || find_profile("fp8-e4m3-acc32-token")->couples_tokens()));
}

TEST_CASE("profile: one that cannot be emulated exactly is refused", "[profile]") {
  const auto refused = [](auto change) {
    Profile p = *find_profile("fp32");
    change(p);
    CHECK_THROWS_AS(RoundedWorld(p), std::invalid_argument);
  };
  refused([](Profile& p) { p.norm = *find_format("p26:-100:100"); });
  refused([](Profile& p) { p.norm = *find_format("p20:-600:100"); });
  refused([](Profile& p) { p.softmax = *find_format("p113:-16382:16383"); });
  refused([](Profile& p) { p.storage = *find_format("fp64"); });  // a product of fp64 values is not exact in double
  refused([](Profile& p) { p.softmax = *find_format("e4m3-saturating"); });
  Profile wide = *find_profile("fp32");
  wide.accumulator = *find_format("fp64");
  CHECK(RoundedWorld(wide).profile().accumulator.precision == 53);
}
