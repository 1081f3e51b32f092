#include "lib/world/image_replay.hpp"

#include <algorithm>
#include <stdexcept>

namespace snellen {
namespace {

// The terms of a chain side by side, in the type that carries its arithmetic.
template <class Real>
struct Terms {
  std::vector<Real> weights, inputs;
  std::size_t length = 0;
  Terms(const double* w, const double* x, std::size_t stride, std::size_t count, std::size_t begin, std::size_t end, std::size_t step) {
    for (std::size_t i = begin; i < end; i += step, ++length)
      for (std::size_t l = 0; l < image_lanes; ++l) weights.push_back(static_cast<Real>(w[i * image_lanes + l]));
    for (std::size_t t = 0; t < count; ++t)
      for (std::size_t i = begin; i < end; i += step) inputs.push_back(static_cast<Real>(x[t * stride + i]));
  }
};

}  // namespace

ImageReplay::ImageReplay(const EngineProfile& profile, const ImageSum& sum)
    : arithmetic_(sum.arithmetic().points()), blocks_(profile.linear_blocks.value_or(SumBlocks{.fused = profile.fused})) {
  const Format formats[] = {profile.operand, profile.operand};
  single_ = Accumulator<float>::make(profile.accumulator, formats);
  if (!single_) wide_ = Accumulator<double>::make(profile.accumulator, formats);
  if (blocks_.fused && (profile.accumulator.precision != (single_ ? 24 : 53) || profile.operand.precision > profile.accumulator.precision))
    throw std::invalid_argument("profile " + profile.name + ": fused sums are replayed in fp32 and fp64 only");
  if (!single_ && !wide_) throw std::invalid_argument("profile " + profile.name + ": its products cannot be replayed");
}

void ImageReplay::chain(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t begin, std::size_t end, std::size_t step,
                        double* sums) const {
  const auto run = [&]<class Real>(const Accumulator<Real>& accumulator) {
    const Terms<Real> terms(weights, inputs, stride, count, begin, end, step);
    Real chains[image_rows * image_lanes] = {};
    if (blocks_.fused) fused_chains(terms.weights.data(), terms.inputs.data(), terms.length, count, terms.length, chains);
    else accumulator(terms.weights.data(), terms.inputs.data(), terms.length, count, terms.length, chains);
    std::copy_n(chains, count * image_lanes, sums);
  };
  if (single_) run(*single_);
  else run(*wide_);
}

void ImageReplay::operator()(const double* weights, const double* inputs, std::size_t stride, std::size_t count, std::size_t length, double* sums) const {
  const std::size_t block = blocks_.block == 0 ? std::max<std::size_t>(length, 1) : blocks_.block, used = count * image_lanes;
  const auto add = [&](double x, double y) { return arithmetic_.add(x, y); };
  std::vector<double> chains(blocks_.lanes * used), partial(blocks_.lanes);
  for (std::size_t begin = 0; begin < std::max<std::size_t>(length, 1); begin += block) {
    const std::size_t end = std::min(length, begin + block);
    for (std::size_t lane = 0; lane < blocks_.lanes; ++lane) chain(weights, inputs, stride, count, begin + lane, end, blocks_.lanes, chains.data() + lane * used);
    for (std::size_t i = 0; i < used; ++i) {
      for (std::size_t lane = 0; lane < blocks_.lanes; ++lane) partial[lane] = chains[lane * used + i];
      const double sum = combined(partial, blocks_.combination, add);
      sums[i] = begin == 0 ? sum : add(sums[i], sum);
    }
  }
}

}  // namespace snellen
