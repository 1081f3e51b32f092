// A .gguf as a model, and as a tokenizer.
#include "lib/files/gguf_model.hpp"
#include "tests/fuzz/targets/tensors.hpp"
#include "tests/fuzz/targets/tokenizers.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const std::filesystem::path path = scratch.file("model.gguf", text_of(input));
  bool read = false;
  try {
    check_model(load_gguf(path));
    read = true;
  } catch (const InputError&) {
  }
  try {
    check_tokenizer(load_tokenizer(path), "a b");
  } catch (const InputError&) {
    if (!read) throw;
  }
}

const Registered registered({"gguf_model", run});

}  // namespace
}  // namespace snellen::fuzz
