#include "lib/files/stored_tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

class MappedTensor final : public Tensor {
 public:
  MappedTensor(const StoredTensor& stored, std::size_t rows, std::size_t columns)
      : Tensor(rows, columns), file_(stored.file), storage_(*stored.storage), bytes_(stored.bytes),
        row_bytes_(columns / storage_.values * storage_.bytes) {}

  void read_row(std::size_t row, std::span<double> values) const override {
    if (row >= rows() || values.size() != columns()) throw std::out_of_range("MappedTensor::read_row");
    storage_.decode(bytes_.subspan(row * row_bytes_, row_bytes_), values.data());
  }
  std::string_view storage() const override { return storage_.name; }

 private:
  std::shared_ptr<const MappedFile> file_;  // keeps bytes_ mapped
  Storage storage_;
  std::span<const std::byte> bytes_;
  std::size_t row_bytes_;
};

}  // namespace

std::string shape_text(std::span<const std::size_t> shape) { return printable(fmt::format("[{}]", fmt::join(shape, ", "))); }

std::optional<std::size_t> stored_size(const Storage& storage, std::span<const std::size_t> shape) {
  std::size_t values = 1;
  for (const std::size_t dimension : shape) {
    if (__builtin_mul_overflow(values, dimension, &values)) return std::nullopt;
  }
  if (storage.values > 1 && (shape.empty() || shape.back() % storage.values != 0)) return std::nullopt;
  std::size_t bytes;
  if (__builtin_mul_overflow(values / storage.values, storage.bytes, &bytes)) return std::nullopt;
  return bytes;
}

TensorPtr StoredTensor::tensor(std::string_view name) const {
  if (!storage->decode) {
    throw InputError(file->name(), fmt::format("tensor {} has type {}, expected a type that weights are read from (F64, F32, "
                                               "F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K)",
                                               in_quotes(name), storage->name));
  }
  if (shape.size() != 1 && shape.size() != 2) {
    throw InputError(file->name(), fmt::format("tensor {} has shape {}, expected one or two dimensions", in_quotes(name),
                                               shape_text(shape)));
  }
  const std::size_t rows = shape.size() == 2 ? shape[0] : 1, columns = shape.back();
  if (const auto at = storage->first_non_finite(bytes)) {
    throw InputError(file->name(), fmt::format("tensor {} at [{}, {}]: {} is NaN or infinite, expected a finite number",
                                               in_quotes(name), *at / columns, *at % columns,
                                               storage->values > 1 ? "the scale of the block there" : "the value"));
  }
  return std::make_shared<MappedTensor>(*this, rows, columns);
}

const StoredTensor& Weights::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw InputError(place_, fmt::format("tensor {} is missing", in_quotes(name)));
  return found->second;
}

std::size_t Weights::rows_of(std::string_view name) const {
  const StoredTensor& stored = find(name);
  return stored.shape.empty() ? 1 : stored.shape[0];
}

TensorPtr Weights::take(const std::string& name, const std::vector<std::size_t>& shape) {
  if (!contains(name)) {
    throw InputError(place_, fmt::format("tensor {} is missing, expected with shape {}", in_quotes(name), shape_text(shape)));
  }
  const StoredTensor& stored = find(name);
  if (stored.shape != shape) {
    throw InputError(stored.file->name(), fmt::format("tensor {} has shape {}, expected {}", in_quotes(name),
                                                      shape_text(stored.shape), shape_text(shape)));
  }
  taken_.insert(name);
  return stored.tensor(name);
}

TensorPtr Weights::take_if_present(const std::string& name, const std::vector<std::size_t>& shape) {
  return contains(name) ? take(name, shape) : nullptr;
}

void Weights::take_copy(const std::string& name, const Tensor& original, std::string_view original_name) {
  const TensorPtr copy = take(name, {original.rows(), original.columns()});
  std::vector<double> expected(original.columns()), found(original.columns());
  for (std::size_t row = 0; row < original.rows(); ++row) {
    original.read_row(row, expected);
    copy->read_row(row, found);
    if (found != expected) {
      throw InputError(find(name).file->name(), fmt::format("tensor {} differs in row {} from {}, which it is tied to",
                                                            in_quotes(name), row, in_quotes(original_name)));
    }
  }
}

void Weights::refuse_others(const std::function<bool(std::string_view)>& harmless) const {
  std::vector<std::string_view> others;
  for (const auto& [name, stored] : tensors_) {
    if (!taken_.contains(name) && !harmless(name)) others.push_back(name);
  }
  if (others.empty()) return;
  throw InputError(find(others[0]).file->name(),
                   fmt::format("tensor {} is not part of this architecture ({} such tensor{}), expected none", in_quotes(others[0]),
                               others.size(), others.size() == 1 ? "" : "s"));
}

}  // namespace snellen
