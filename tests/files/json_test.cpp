// The strict reader of JSON: what it refuses before anything is built, and that its work grows with the text and not with its square.
#include "lib/files/json.hpp"

#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::refusal;

TEST_CASE("JSON is refused for its depth, for keys that come twice, and for what follows a NUL", "[files]") {
  const auto problem = [](const std::string& text, int depth = 32) { return refusal([&] { parse_json(text, "place", depth); }); };
  CHECK(parse_json(std::string(32, '[') + std::string(32, ']'), "place").is_array());
  CHECK(problem(std::string(33, '[') + std::string(33, ']')) == "place: JSON nested more than 32 deep");
  CHECK(problem(std::string(1'000'000, '[')) == "place: JSON nested more than 32 deep");
  CHECK(problem(R"({"a": {"b": {}}})", 2) == "place: JSON nested more than 2 deep");
  CHECK(problem(R"({"a": 1, "\u0061": 2})") == "place: key 'a' occurs twice in one object");
  CHECK(parse_json(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", "place")["b"][1]["a"] == 2);
  CHECK(problem(std::string("[1]\0 [2]", 8)) == "place: is not valid JSON: a NUL at byte 3");
  CHECK(problem("[1, ]").find("place: is not valid JSON: ") == 0);
  CHECK(problem("").find("place: is not valid JSON: ") == 0);
}

// The square of this would be hours.
TEST_CASE("JSON of many small objects is read in time", "[files]") {
  std::string text = "[{}";
  for (int i = 1; i < 1'000'000; ++i) text += ",{}";
  REQUIRE(parse_json(text + "]", "place").size() == 1'000'000);
}
