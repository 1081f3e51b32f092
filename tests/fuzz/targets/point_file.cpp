// A point's file of a sweep's folder: whole, or refused. What is refused is a problem in words and no error: the point is computed again.
#include "cases/sweep/point_file.hpp"
#include "lib/error.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const PointRead read = read_point_file(scratch.file("point", text_of(input)), "name");
  check(read.point.has_value() != !read.problem.empty(), "a point with a problem, or neither");
  if (!read.point) throw InputError("point", read.problem);
  const PointRead again = read_point_file(scratch.file("again", point_file_text(*read.point)), "name");
  check(again.point && again.point->body == read.point->body && again.point->commit == read.point->commit, "a point changes when it is written and read again");
}

const Registered registered({"point_file", run});

}  // namespace
}  // namespace snellen::fuzz
