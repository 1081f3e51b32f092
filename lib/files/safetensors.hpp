// The safetensors format: u64 header length, a JSON header {name: {dtype, shape, data_offsets}}, then the data.
// Everything a header claims is checked before it is believed.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "lib/files/mapped_file.hpp"
#include "lib/files/stored_tensor.hpp"

namespace snellen {

// Throws InputError unless the header fits in the file (and in 100 MB), every entry is well formed with a known dtype, and the
// tensors cover the data from its first to its last byte with neither overlap nor hole.
StoredTensors read_safetensors(const std::shared_ptr<const MappedFile>& file);

struct SafetensorsSet {
  StoredTensors tensors;
  std::vector<std::shared_ptr<const MappedFile>> files;  // the index, then its shards by name; or the one file
};

// One file (a path ending in .safetensors), or a sharded checkpoint by its index (model.safetensors.index.json). Shards are plain
// names of files in the index's folder; a link may lead into the blobs of the same Hugging Face cache entry and nowhere else.
// Index and shards must list the same tensors.
SafetensorsSet open_safetensors(const std::filesystem::path& path);
SafetensorsSet open_safetensors_index(const std::filesystem::path& path);

}  // namespace snellen
