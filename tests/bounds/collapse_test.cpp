#include "bounds/collapse.hpp"

#include <cmath>

#include "tests/bounds/vectors.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

Format format(std::string_view name) { return find_format(name).value(); }

Verdict rounded(std::string_view name, const CertifiedVector& a, const CertifiedVector& b) {
  return bitwise(RoundedHull(format(name), a), RoundedHull(format(name), b));
}

CollapseRow row(std::vector<Verdict> verdicts) {
  CollapseRow result;
  result.verdicts = std::move(verdicts);
  return result;
}

constexpr auto C = Verdict::collapsed, D = Verdict::distinct, U = Verdict::undecided, O = Verdict::overflow;

}  // namespace

TEST_CASE("a rounding cell is closed where its value is even, open where it is odd") {
  // bf16 around 1: neighbours 1 (even) and 1 + 2^-7 (odd), midpoint 1 + 2^-8, which rounds to 1.
  const double middle = 1 + std::ldexp(1, -8), above = std::nextafter(middle, 2), below = std::nextafter(middle, 0);
  REQUIRE(rounded("bf16", point({1}), point({middle})) == C);
  REQUIRE(rounded("bf16", point({1}), point({above})) == D);
  REQUIRE(rounded("bf16", point({1}), point({below})) == C);
  REQUIRE(rounded("bf16", certified({{1, middle}}), point({1})) == C);
  REQUIRE(rounded("bf16", certified({{1, above}}), point({1})) == U);
  // The next cell, of the odd value 1 + 2^-7, is open at both ends; its upper end 1 + 3 2^-8 belongs to the even 1 + 2^-6.
  const double odd = 1 + std::ldexp(1, -7), top = 1 + 3 * std::ldexp(1, -8);
  REQUIRE(rounded("bf16", point({odd}), point({above})) == C);
  REQUIRE(rounded("bf16", point({odd}), point({top})) == D);
  REQUIRE(rounded("bf16", point({top}), point({1 + std::ldexp(1, -6)})) == C);
}

TEST_CASE("verdicts are three-valued, entry by entry") {
  REQUIRE(rounded("bf16", point({1, 2}), point({1, 2})) == C);
  REQUIRE(rounded("bf16", point({1, 2}), point({1, 2.5})) == D);
  REQUIRE(rounded("bf16", certified({{1, 1.5}, {2, 2}}), point({1, 2})) == U);
  // One entry proved different is enough, whatever else is unknown.
  REQUIRE(rounded("bf16", certified({{1, 1.5}, {2, 2}}), point({1, 3})) == D);
  // Two wide enclosures that are equal as sets prove nothing.
  REQUIRE(rounded("bf16", certified({{1, 1.5}}), certified({{1, 1.5}})) == U);
  // Hulls that touch in one value are not disjoint.
  REQUIRE(rounded("bf16", certified({{1, 1.5}}), certified({{1.5, 2}})) == U);
  REQUIRE(rounded("bf16", certified({{1, 1.5}}), certified({{1.51, 2}})) == D);
  REQUIRE(rounded("bf16", certified({{-INFINITY, INFINITY}}), point({1})) == U);
}

TEST_CASE("zero has no sign, subnormals have cells") {
  REQUIRE(rounded("fp16", point({0.0}), point({-0.0})) == C);
  REQUIRE(rounded("fp16", point({std::ldexp(1, -25)}), point({std::ldexp(-1, -25)})) == C);   // half the least subnormal: to 0
  REQUIRE(rounded("fp16", certified({{-1e-9, 1e-9}}), point({0})) == C);
  REQUIRE(rounded("fp16", point({std::ldexp(1, -24)}), point({0})) == D);
}

TEST_CASE("overflow is neither collapse nor distinctness") {
  REQUIRE(rounded("e4m3", point({464}), point({448})) == C);    // the tie above the largest value rounds down
  REQUIRE(rounded("e4m3", point({465}), point({448})) == O);
  REQUIRE(rounded("e4m3", point({465}), point({500})) == O);
  REQUIRE(rounded("e4m3-saturating", point({500}), point({448})) == O);
  REQUIRE(rounded("e4m3", certified({{460, 470}}), point({448})) == U);
  REQUIRE(rounded("e4m3", certified({{-500, 500}}), point({448})) == U);
  REQUIRE(rounded("e4m3", certified({{470, 500}}), point({448})) == O);
  REQUIRE(rounded("e4m3", certified({{-500, -470}, {1, 1}}), point({1, 2})) == O);
  // One entry may overflow: whatever the others say, the pair may be neither.
  REQUIRE(rounded("e4m3", certified({{460, 470}, {1, 1}}), point({448, 2})) == U);
  REQUIRE(rounded("e4m3", point({448, 2}), certified({{460, 470}, {1, 1}})) == U);
  REQUIRE(rounded("fp16", point({65519.9}), point({65504})) == C);
  REQUIRE(rounded("fp16", point({65520}), point({65504})) == O);
}

TEST_CASE("tolerance: at most eps, or more") {
  const Dyadic eps = Dyadic::power_of_two(-7);
  const auto between = [](double lower, double upper) { return Enclosure{Dyadic::of(lower), Dyadic::of(upper)}; };
  REQUIRE(tolerance(between(0, std::ldexp(1, -7)), eps) == C);
  REQUIRE(tolerance(between(std::nextafter(std::ldexp(1, -7), 1), 1), eps) == D);
  REQUIRE(tolerance(between(std::ldexp(1, -7), 1), eps) == U);
  REQUIRE(tolerance(between(0, INFINITY), eps) == U);
}

TEST_CASE("argmax: both proved, or undecided") {
  REQUIRE(argmax(Token{3}, Token{3}) == C);
  REQUIRE(argmax(Token{3}, Token{4}) == D);
  REQUIRE(argmax(std::nullopt, Token{4}) == U);
  REQUIRE(argmax(std::nullopt, std::nullopt) == U);
}

TEST_CASE("a row sums up its verdicts") {
  CollapseRow r = row({D, D, C, D, C, C});
  summarise(r, 10);
  REQUIRE((r.first == 12 && r.last_distinct == 13 && r.undecided == 0 && r.overflow == 0));
  REQUIRE((r.inevitable.lower == "14" && r.inevitable.upper == "14" && r.inevitable.status == Status::exact && r.inevitable.scope == Scope::horizon));

  r = row({D, D, C, U, C, C});
  summarise(r, 1);
  REQUIRE((r.inevitable.lower == "3" && r.inevitable.upper == "5" && r.inevitable.status == Status::bracket && r.undecided == 1));

  r = row({C, C, D});
  summarise(r, 1);
  REQUIRE((r.first == 1 && r.last_distinct == 3 && r.inevitable.lower == "4" && !r.inevitable.upper && r.inevitable.status == Status::unknown));

  r = row({C, C, O});
  summarise(r, 1);
  REQUIRE((!r.last_distinct && r.overflow == 1 && !r.inevitable.upper && r.inevitable.status == Status::unknown));

  r = row({C, C});
  summarise(r, 5);
  REQUIRE((r.first == 5 && !r.last_distinct && r.inevitable.lower == "1" && r.inevitable.upper == "5" && r.inevitable.status == Status::bracket));
  summarise(r, 1);
  REQUIRE((r.inevitable.lower == "1" && r.inevitable.upper == "1" && r.inevitable.status == Status::exact));

  r = row({U});
  summarise(r, 5);
  REQUIRE((!r.first && !r.inevitable.upper && r.inevitable.status == Status::unknown && r.undecided == 1));
}
