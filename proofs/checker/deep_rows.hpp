// Claims about every n of a run in two layers, which of them are settled from some length on: all at once, or in strides. Where a claim's boxes say too little at few points of the circle alone, these are refined.
#pragma once

#include <atomic>

#include "proofs/checker/deep_claim.hpp"
#include "proofs/checker/two_layers.hpp"

namespace snellen::check {

class DeepRows : public TwoLayers::Judge {
 public:
  using Affords = std::function<bool(std::size_t sums)>;                // may that many more sums over all tokens be taken?
  static constexpr std::size_t most_refined = 16;                       // one point in so many: where a claim's boxes fail at more of them, the run must be followed further
  // What is referred to outlives this object; all claims start at the length that `beyond` is asked for.
  DeepRows(const TwoLayers& run, const std::vector<DeepClaim*>& rows, Affords affords);

  void later(const Vector& g) override { later_ = g; }
  bool point(const Vector& off, std::size_t c) override;
  std::optional<std::vector<std::size_t>> refined() override;
  bool fine(const Vector& off, std::size_t c) override;

  // All points were judged.
  void settle(std::int64_t start);

 private:
  static constexpr std::size_t hopeless = DeepClaim::strides.size();

  std::size_t stride_of(std::size_t i, const Vector& off) const;
  void settle_for(std::size_t i, std::size_t stride);                   // for no smaller one
  bool any_row(const std::function<void(std::size_t)>& judge);          // of those that may hold; whether one still may

  const TwoLayers& run_;
  const std::vector<DeepClaim*>& rows_;
  Affords affords_;
  Vector later_;                                                        // g
  std::vector<std::atomic<std::size_t>> least_;                         // the first stride that may hold
  std::vector<std::atomic<std::size_t>> failures_;
  std::vector<std::vector<char>> failed_;                               // [row][point]
};

}  // namespace snellen::check
