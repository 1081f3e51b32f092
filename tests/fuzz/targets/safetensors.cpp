// One .safetensors file.
#include "lib/files/safetensors.hpp"
#include "tests/fuzz/targets/tensors.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const SafetensorsSet set = open_safetensors(scratch.file("model.safetensors", text_of(input)));
  check_tensors(set.tensors);
}

const Registered registered({"safetensors", run});

}  // namespace
}  // namespace snellen::fuzz
