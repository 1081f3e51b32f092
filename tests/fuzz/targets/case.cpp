// A case file.
#include "cases/case.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const Case c = read_case(scratch.file("case.toml", text_of(input)));
  if (c.softmax) return;
  check(!c.request.formats.empty() && !c.request.criteria.empty() && !c.request.metrics.empty(), "a case that asks for nothing");
  check(!problem_of(c.request.family), "a family with a problem");
  check(c.request.family.from <= c.request.family.to && c.request.start_bits <= c.request.max_bits, "ends in the wrong order");
  c.place("family.sample.tokens");
}

const Registered registered({"case", run});

}  // namespace
}  // namespace snellen::fuzz
