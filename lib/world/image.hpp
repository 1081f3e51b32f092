// The world of everything that the engines of a profile may produce: each operation's interval image, from inputs that are known exactly or up to an interval.
//
// After each operation an observer is shown the image and may put in its place what an engine really produced, so that the next operation starts from the
// engine's own numbers and its image stays tight (bounds/validation). Without an observer the images are carried on: an envelope of the whole run.
// Every entry of a block contains what any engine of the profile computes from any entries within the operands' blocks, unless an end is infinite: then it may
// have overflowed, and may be NaN. Why: proofs/validation.md.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/model/operations.hpp"
#include "lib/world/engine_profile.hpp"
#include "lib/world/image_arithmetic.hpp"
#include "lib/world/image_sum.hpp"
#include "lib/world/world.hpp"

namespace snellen {

// [width, tokens], column after column.
struct ImageBlock {
  std::size_t width = 0, tokens = 0;
  std::vector<double> lower, upper;
  ImageBlock() = default;
  ImageBlock(std::size_t w, std::size_t t) : width(w), tokens(t), lower(w * t), upper(w * t) {}
  Range at(std::size_t row, std::size_t column) const { return {lower[column * width + row], upper[column * width + row]}; }
  void set(std::size_t row, std::size_t column, const Range& x) { lower[column * width + row] = x.lower, upper[column * width + row] = x.upper; }
  bool is_exact() const { return lower == upper; }
};

// Told of every operation of a decoder in program order: in a layer as lib/model/decoder.hpp has them, attention as scores, probabilities, mix.
class ImageObserver {
 public:
  virtual ~ImageObserver() = default;
  // Scores and probabilities are [heads * entries, tokens]; those that a token does not see are at most `masked_score` and exactly 0.
  virtual void settle(OperationKind operation, ImageBlock& image) = 0;
};

// Engines mask with -infinity or the lowest number of their format; no score of a sensible model is as low.
inline constexpr double masked_score = -30000;

class ImageWorld {
 public:
  static constexpr bool certified = false;  // of an engine's numbers, not of the real function
  using Block = ImageBlock;
  struct Memory {
    std::size_t entries = 0;
    ImageBlock keys, values;  // [kv_heads * head_size, entries], in the cache format
  };

  // `observer` may be null and must outlive the world. std::invalid_argument if a format cannot be emulated (FormatArithmetic).
  ImageWorld(const EngineProfile& profile, ImageObserver* observer);

  const EngineProfile& profile() const { return profile_; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  // The columns are one sequence: std::invalid_argument for branches.
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.width; }
  std::size_t tokens(const Block& x) const { return x.tokens; }

 private:
  struct Turn {
    Range cos, sin;
  };
  Block settled(OperationKind operation, Block image) const;
  void widen_to_cells(OperationKind operation, Block& image) const;
  Range stored(const Range& direct, const Range& wide) const;
  std::vector<Range> stored_vector(const Tensor& tensor) const;
  Range activated(Activation activation, const ImageArithmetic& f, const Range& x) const;
  const std::vector<Turn>& turns(const Rotary& rotary, std::int64_t position) const;
  void norm_part(const Norm& n, std::span<const Range> weight, std::span<const Range> bias, std::span<const Range> in, std::span<Range> out) const;
  ImageBlock scores(const Attention& a, const Block& q, std::span<const Column> columns, const Memory& memory) const;
  ImageBlock probabilities(const Attention& a, const ImageBlock& scores, std::span<const Column> columns) const;
  double softmax_growth(std::size_t count) const;
  ImageBlock mix(const Attention& a, const ImageBlock& probabilities, std::span<const Column> columns, const Memory& memory) const;

  EngineProfile profile_;
  ImageObserver* observer_;
  ImageArithmetic storage_, operand_, score_, alibi_, scalar_, embedding_scale_, softmax_, probability_, cache_, norm_, angle_, table_, rotation_;
  std::vector<ImageArithmetic> functions_;
  ImageSum linear_sum_, score_sum_, mix_sum_, softmax_sum_, norm_sum_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<const void*, std::int64_t>, std::vector<Turn>> turns_;
};

static_assert(World<ImageWorld>);

}  // namespace snellen
