// The GGUF container.
#include "lib/files/gguf.hpp"
#include "tests/fuzz/targets/tensors.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const Gguf gguf = read_gguf(MappedFile::open(scratch.file("model.gguf", text_of(input))));
  check_tensors(gguf.tensors);
  for (const auto& [key, value] : gguf.metadata) {
    const auto* array = std::get_if<GgufArray>(&value.value);
    if (!array || array->element != GgufType::string) continue;
    std::size_t size = 0;
    for (const std::string_view text : array->strings()) size += 8 + text.size();
    check(size == array->bytes.size(), "an array of strings is not as long as its strings");
  }
}

const Registered registered({"gguf", run});

}  // namespace
}  // namespace snellen::fuzz
