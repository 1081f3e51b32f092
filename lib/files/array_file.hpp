// Arrays that engines write down: .safetensors, .npy, .npz, or raw little-endian numbers. Values may be NaN or infinite. Untrusted input, checked.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/files/stored_tensor.hpp"

namespace snellen {

// The arrays of a file by their names: of a .safetensors; of an .npz (uncompressed members, as numpy.savez writes them), each without its ".npy"; the one of an
// .npy under the file's stem. Numbers in C order, of type F64, F32, F16, BF16 (npy: <f8, <f4, <f2, and <V2 or bfloat16's |V2). A folder: all such files in it.
// InputError names the file, and what was found and expected.
StoredTensors read_arrays(const std::filesystem::path& path);

// One file of raw little-endian numbers of this type ("F32") and shape.
StoredTensor read_raw_array(const std::filesystem::path& path, const std::string& dtype, const std::vector<std::size_t>& shape);

// All values, exactly. InputError where the type is no number's.
std::vector<double> values_of(const StoredTensor& tensor, const std::string& name);

}  // namespace snellen
