#include "lib/model/tensor.hpp"

#include <algorithm>
#include <stdexcept>

namespace snellen {

DenseTensor::DenseTensor(std::size_t rows, std::size_t columns, std::vector<double> values)
    : Tensor(rows, columns), values_(std::move(values)) {
  if (values_.size() != rows * columns) throw std::logic_error("DenseTensor: the number of values is not rows * columns");
}

void DenseTensor::read_row(std::size_t row, std::span<double> values) const {
  if (row >= rows() || values.size() != columns()) throw std::out_of_range("DenseTensor::read_row");
  std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(row * columns()), columns(), values.begin());
}

RowsOfTensor::RowsOfTensor(TensorPtr base, std::vector<std::size_t> indices)
    : Tensor(indices.size(), base->columns()), base_(std::move(base)), indices_(std::move(indices)) {
  if (std::any_of(indices_.begin(), indices_.end(), [&](std::size_t i) { return i >= base_->rows(); }))
    throw std::logic_error("RowsOfTensor: no such row");
}

void RowsOfTensor::read_row(std::size_t row, std::span<double> values) const { base_->read_row(indices_[row], values); }

std::vector<double> read_all(const Tensor& tensor) {
  std::vector<double> values(tensor.rows() * tensor.columns());
  for (std::size_t i = 0; i < tensor.rows(); ++i)
    tensor.read_row(i, std::span(values).subspan(i * tensor.columns(), tensor.columns()));
  return values;
}

TensorPtr transposed(const Tensor& tensor) {
  const std::vector<double> values = read_all(tensor);
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < tensor.rows(); ++i)
    for (std::size_t j = 0; j < tensor.columns(); ++j) result[j * tensor.rows() + i] = values[i * tensor.columns() + j];
  return std::make_shared<DenseTensor>(tensor.columns(), tensor.rows(), std::move(result));
}

}  // namespace snellen
