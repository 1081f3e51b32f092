// A Hugging Face folder (a bundle): config.json with its weights.
#include "lib/files/huggingface.hpp"
#include "tests/fuzz/targets/tensors.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  check_model(load_huggingface(unpack(text_of(input), scratch)));
}

const Registered registered({"huggingface", run});

}  // namespace
}  // namespace snellen::fuzz
