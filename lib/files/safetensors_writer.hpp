// The safetensors format, written: tensors of doubles under their names. (Reading: lib/files/safetensors.hpp.)
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace snellen {

struct NamedArray {
  std::string name;
  std::vector<std::size_t> shape;  // slowest dimension first
  std::vector<double> values;      // as many as the shape says
};

// The content of a .safetensors file with these tensors in this order, dtype F64. The data begin at a multiple of eight bytes.
// std::invalid_argument where a shape and its values disagree or a name comes twice.
std::string safetensors_content(const std::vector<NamedArray>& arrays);

}  // namespace snellen
