// An engine's dump: an .npz where the bytes begin as a zip archive's do, else an .npy.
#include "lib/files/array_file.hpp"
#include "tests/fuzz/targets/tensors.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const std::string_view content = text_of(input);
  const StoredTensors arrays = read_arrays(scratch.file(content.starts_with("PK") ? "a.npz" : "a.npy", content));
  check_tensors(arrays);
  for (const auto& [name, stored] : arrays) {
    std::size_t values = 1;
    for (const std::size_t dimension : stored.shape) values *= dimension;
    check(values_of(stored, name).size() == values, "an array's values do not fit its shape");
  }
}

const Registered registered({"array", run});

}  // namespace
}  // namespace snellen::fuzz
