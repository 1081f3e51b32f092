// JSON of any kind: what was read must be written and read again as the same.
#include "lib/files/json.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const nlohmann::json value = parse_json(text_of(input), "input");
  check(parse_json(value.dump(), "written") == value, "JSON changes when it is written and read again");
}

const Registered registered({"json", run});

}  // namespace
}  // namespace snellen::fuzz
