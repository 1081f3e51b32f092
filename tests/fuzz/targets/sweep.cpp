// A sweep: a template of a case, and axes.
#include "cases/sweep/sweep.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const Sweep sweep = read_sweep(scratch.file("sweep.toml", text_of(input)));
  std::size_t product = 1;
  for (const SweepAxis& axis : sweep.axes) product *= axis.names.size();
  check(sweep.points.size() == product && product <= max_sweep_points, "a sweep whose points are not its axes' product");
  if (sweep.points.empty()) return;
  check(sweep.points.back().name.size() == 32, "a point's name");
  try {
    case_of(sweep, sweep.points.back());
  } catch (const InputError&) {  // values that do not go together
  }
}

// 2^20 points with their names and places.
const Registered registered({"sweep", run, std::size_t{512} << 20});

}  // namespace
}  // namespace snellen::fuzz
