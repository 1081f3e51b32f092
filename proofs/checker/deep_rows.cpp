#include "proofs/checker/deep_rows.hpp"

namespace snellen::check {

DeepRows::DeepRows(const TwoLayers& run, const std::vector<DeepClaim*>& rows, Affords affords)
    : run_(run), rows_(rows), affords_(std::move(affords)), least_(rows.size()), failures_(rows.size()), failed_(rows.size(), std::vector<char>(run.points(), 0)) {}

std::size_t DeepRows::stride_of(std::size_t i, const Vector& off) const { return rows_[i]->stride(run_.arithmetic(), run_.limit(), off, later_, least_[i]); }

void DeepRows::settle_for(std::size_t i, std::size_t stride) {
  for (std::size_t now = least_[i]; now < stride && !least_[i].compare_exchange_weak(now, stride);) {}
}

bool DeepRows::any_row(const std::function<void(std::size_t)>& judge) {
  bool some = false;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (least_[i] < hopeless) judge(i);
    some = some || least_[i] < hopeless;
  }
  return some;
}

bool DeepRows::point(const Vector& off, std::size_t c) {
  return any_row([&](std::size_t i) {
    const std::size_t stride = stride_of(i, off);
    if (stride < hopeless) return settle_for(i, stride);
    failed_[i][c] = 1;
    if (++failures_[i] > run_.points() / most_refined) settle_for(i, hopeless);
  });
}

std::optional<std::vector<std::size_t>> DeepRows::refined() {
  std::vector<std::size_t> result;
  for (std::size_t c = 0; c < run_.points(); ++c) {
    bool some = false;
    for (std::size_t i = 0; i < rows_.size(); ++i) some = some || (least_[i] < hopeless && failed_[i][c] != 0);
    if (some) result.push_back(c);
  }
  if (!affords_(run_.unknown(result))) return std::nullopt;
  return result;
}

bool DeepRows::fine(const Vector& off, std::size_t) {
  return any_row([&](std::size_t i) { settle_for(i, stride_of(i, off)); });
}

void DeepRows::settle(std::int64_t start) {
  for (std::size_t i = 0; i < rows_.size(); ++i)
    if (least_[i] < hopeless) rows_[i]->settle(start, DeepClaim::strides[least_[i]]);
}

}  // namespace snellen::check
