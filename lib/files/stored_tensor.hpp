// A tensor as it lies in a mapped file, and the weights of a file set under their names.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/files/mapped_file.hpp"
#include "lib/files/storage.hpp"
#include "lib/model/tensor.hpp"

namespace snellen {

// What a file says about one tensor: shape with the slowest dimension first; `bytes` is exactly as long as type and shape ask.
struct StoredTensor {
  std::shared_ptr<const MappedFile> file;
  const Storage* storage = nullptr;
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;

  // [rows, columns], or [columns] as one row; rows are decoded from the mapping when they are read. Throws InputError when
  // the type cannot be a weight, the shape has another rank, or a value is NaN or infinite. `name` is for the message.
  TensorPtr tensor(std::string_view name) const;
};

// Bytes of a tensor of this type and shape; nothing when the product overflows or a row is not a whole number of blocks.
std::optional<std::size_t> stored_size(const Storage& storage, std::span<const std::size_t> shape);

// "[2, 3]", cut where it is too long for a message.
std::string shape_text(std::span<const std::size_t> shape);

using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;

// Hands out the tensors of a checkpoint, shapes checked, and remembers which, so that what nobody asked for can be refused.
class Weights {
 public:
  Weights(std::string place, StoredTensors tensors) : place_(std::move(place)), tensors_(std::move(tensors)) {}

  const std::string& place() const { return place_; }
  bool contains(std::string_view name) const { return tensors_.contains(name); }
  std::size_t rows_of(std::string_view name) const;  // the first dimension; throws InputError when the tensor is missing
  // Throws InputError naming the tensor, what was found and what was expected.
  TensorPtr take(const std::string& name, const std::vector<std::size_t>& shape);
  TensorPtr take_if_present(const std::string& name, const std::vector<std::size_t>& shape);
  // A tensor that only repeats `original`: throws InputError unless shape and values are the same.
  void take_copy(const std::string& name, const Tensor& original, std::string_view original_name);
  // Throws InputError naming the first tensor that was not taken and is not harmless, and how many there are.
  void refuse_others(const std::function<bool(std::string_view)>& harmless) const;

 private:
  const StoredTensor& find(std::string_view name) const;

  std::string place_;
  StoredTensors tensors_;
  std::set<std::string, std::less<>> taken_;
};

}  // namespace snellen
