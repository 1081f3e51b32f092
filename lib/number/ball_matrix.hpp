// A matrix of Arb balls as a value. Large ones are copied and cleared by all threads: a ball of many bits is a piece of memory of its own.
#pragma once

#include <cstddef>
#include <utility>

#include "lib/number/flint.hpp"

namespace snellen {

class BallMatrix {
 public:
  BallMatrix() : BallMatrix(0, 0) {}
  BallMatrix(std::size_t rows, std::size_t columns) { arb_mat_init(matrix_, static_cast<slong>(rows), static_cast<slong>(columns)); }
  BallMatrix(const BallMatrix& other);
  BallMatrix(BallMatrix&& other) noexcept : BallMatrix() { arb_mat_swap(matrix_, other.matrix_); }
  BallMatrix& operator=(BallMatrix other) noexcept { return arb_mat_swap(matrix_, other.matrix_), *this; }
  ~BallMatrix();

  std::size_t rows() const { return static_cast<std::size_t>(arb_mat_nrows(matrix_)); }
  std::size_t columns() const { return static_cast<std::size_t>(arb_mat_ncols(matrix_)); }
  arb_ptr operator()(std::size_t row, std::size_t column) {
    return arb_mat_entry(matrix_, static_cast<slong>(row), static_cast<slong>(column));
  }
  arb_srcptr operator()(std::size_t row, std::size_t column) const {
    return arb_mat_entry(matrix_, static_cast<slong>(row), static_cast<slong>(column));
  }
  // The entries of a row are contiguous.
  arb_ptr row(std::size_t i) { return (*this)(i, 0); }
  arb_srcptr row(std::size_t i) const { return (*this)(i, 0); }
  arb_mat_struct* get() { return matrix_; }
  const arb_mat_struct* get() const { return matrix_; }

 private:
  arb_mat_t matrix_;
};

// One ball as a value: a temporary of a thread.
class Ball {
 public:
  Ball() { arb_init(ball_); }
  Ball(const Ball& other) : Ball() { arb_set(ball_, other.ball_); }
  Ball(Ball&& other) noexcept : Ball() { arb_swap(ball_, other.ball_); }
  Ball& operator=(Ball other) noexcept { return arb_swap(ball_, other.ball_), *this; }
  ~Ball() { arb_clear(ball_); }
  operator arb_ptr() { return ball_; }
  operator arb_srcptr() const { return ball_; }

 private:
  arb_t ball_;
};

// A contiguous vector of balls as a value.
class BallVector {
 public:
  BallVector() : BallVector(0) {}
  explicit BallVector(std::size_t size) : size_(size), entries_(_arb_vec_init(static_cast<slong>(size))) {}
  BallVector(const BallVector&) = delete;
  BallVector(BallVector&& other) noexcept : size_(std::exchange(other.size_, 0)), entries_(std::exchange(other.entries_, nullptr)) {}
  BallVector& operator=(BallVector other) noexcept { return std::swap(size_, other.size_), std::swap(entries_, other.entries_), *this; }
  ~BallVector() { _arb_vec_clear(entries_, static_cast<slong>(size_)); }
  std::size_t size() const { return size_; }
  arb_ptr operator[](std::size_t i) { return entries_ + i; }
  arb_srcptr operator[](std::size_t i) const { return entries_ + i; }

 private:
  std::size_t size_;
  arb_ptr entries_;
};

}  // namespace snellen
