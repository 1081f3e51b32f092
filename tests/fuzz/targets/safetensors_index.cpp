// A sharded checkpoint (a bundle): an index, its shards, and links. No shard may lie outside the folder or the blobs of its cache entry.
#include "lib/files/safetensors.hpp"
#include "tests/fuzz/targets/tensors.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const Scratch scratch;
  const std::filesystem::path folder = unpack(text_of(input), scratch);
  const SafetensorsSet set = open_safetensors_index(folder / "model.safetensors.index.json");
  check_tensors(set.tensors);
  for (std::size_t i = 1; i < set.files.size(); ++i) {  // the index itself may be anybody's
    const std::filesystem::path lies_in = std::filesystem::canonical(set.files[i]->path()).parent_path();
    check(lies_in == std::filesystem::canonical(folder) || lies_in == std::filesystem::canonical(scratch.path()) / "blobs", "a shard lies outside the checkpoint");
  }
}

const Registered registered({"safetensors_index", run});

}  // namespace
}  // namespace snellen::fuzz
