// Weights as they are stored. A tensor is a matrix [rows, columns] whose entries are read row by row, exactly: every stored type
// (bf16, fp16, fp32, fp64 and what a GGUF block type's reference dequantiser returns in fp32) is a subset of the doubles.
// Worlds prepare from it what they need.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "lib/model/derived.hpp"

namespace snellen {

class Tensor {
 public:
  virtual ~Tensor() = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  // Writes row `row` (of rows()) to `values`, whose size is columns(). Exact. Safe to call from several threads.
  virtual void read_row(std::size_t row, std::span<double> values) const = 0;
  // The type its entries are stored in, as its file names it ("BF16", "Q8_0"); for people.
  virtual std::string_view storage() const { return "memory"; }
  // What worlds have computed from it.
  const Derived& derived() const { return derived_; }

 protected:
  Tensor(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {}

 private:
  std::size_t rows_, columns_;
  Derived derived_;
};

using TensorPtr = std::shared_ptr<const Tensor>;

// A tensor held in memory, row-major: synthetic models and small vectors.
class DenseTensor final : public Tensor {
 public:
  DenseTensor(std::size_t rows, std::size_t columns, std::vector<double> values);  // values.size() == rows * columns
  void read_row(std::size_t row, std::span<double> values) const override;

 private:
  std::vector<double> values_;
};

// Rows chosen, reordered or repeated from another tensor: row i is base's row indices[i]. Serves slices of fused weights, and GGUF's permuted Q and K.
class RowsOfTensor final : public Tensor {
 public:
  RowsOfTensor(TensorPtr base, std::vector<std::size_t> indices);
  std::string_view storage() const override { return base_->storage(); }
  void read_row(std::size_t row, std::span<double> values) const override;

 private:
  TensorPtr base_;
  std::vector<std::size_t> indices_;
};

// All entries, row-major.
std::vector<double> read_all(const Tensor& tensor);
// The transposed matrix, held in memory (GPT-2 stores its linear maps [in, out]).
TensorPtr transposed(const Tensor& tensor);

}  // namespace snellen
