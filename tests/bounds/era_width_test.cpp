// How wide eras become: a matter of speed, but one that once let six layers stand still.
#include "bounds/era_width.hpp"

#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr std::size_t degree = 20;

// Keeps `count` eras of this error, all of the same width.
void keep(EraWidth& width, double error, int count) {
  const unsigned divisor = width.divisor();
  for (int i = 0; i < count; ++i) {
    REQUIRE(width.divisor() == divisor);
    REQUIRE(width.keeps(error));
  }
}

}  // namespace

TEST_CASE("width of eras: one for all where nothing is wanted") {
  EraWidth width(std::nullopt, degree);
  keep(width, 0, 20);
  CHECK(width.divisor() == 4);
}

TEST_CASE("width of eras: narrower where that helps, and wider again by trial") {
  EraWidth width(-50, degree);
  CHECK_FALSE(width.keeps(-20));
  CHECK(width.divisor() == 8);
  keep(width, -60, 4);
  CHECK(width.divisor() == 4);
  SECTION("too wide still: the next trial waits twice as long") {
    CHECK_FALSE(width.keeps(-20));
    keep(width, -60, 8);
    CHECK(width.divisor() == 4);
  }
  SECTION("as good as before") {
    CHECK(width.keeps(-59.5));
    CHECK(width.divisor() == 4);
  }
}

TEST_CASE("width of eras: an error that comes from earlier eras makes none narrower") {
  EraWidth width(-50, degree);
  CHECK_FALSE(width.keeps(-40));
  CHECK(width.divisor() == 8);
  CHECK(width.keeps(-40.5));
  CHECK(width.divisor() == 4);
  keep(width, -40, 3);
}

TEST_CASE("width of eras: the widest has twice its first length as its last") {
  EraWidth width(-50, degree);
  for (int i = 0; i < 100; ++i) REQUIRE(width.keeps(-200));
  CHECK(width.divisor() == 1);
}
