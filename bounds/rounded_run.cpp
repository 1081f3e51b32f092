#include "bounds/rounded_run.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lib/model/decoder.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/rough.hpp"
#include "lib/world/rounded_euclidean.hpp"

namespace snellen {
namespace {

constexpr long bits = 64;
constexpr std::size_t at_once = 1024;  // tokens

}  // namespace

RoundedRun::RoundedRun(const Model& model, std::span<const Token> prefix, Token unit, std::size_t tokens, Progress& progress) : tokens_(tokens) {
  if (!std::holds_alternative<NoPositions>(model.positions)) throw std::logic_error("RoundedRun: positions in the embeddings");
  const std::size_t layers = model.layers.size(), width = model.width, blocks = (tokens + at_once - 1) / at_once;
  const RoundedEuclideanWorld world(bits);
  const Decoder<RoundedEuclideanWorld> decoder(model, world);
  states_.assign(layers + 1, std::vector<double>(tokens * width)), errors_.assign(layers + 1, std::vector<double>(tokens));
  const auto put = [&](std::size_t l, std::size_t first, const EuclideanWorld::Block& x) {
    for (std::size_t c = 0; c < x.balls.columns(); ++c) {
      double squares = 0;
      for (std::size_t i = 0; i < width; ++i) {
        const Rough here = rough(x.balls(i, c));
        states_[l][(first + c) * width + i] = here.middle, squares += here.radius * here.radius;
      }
      errors_[l][first + c] = upward(std::sqrt(squares) + upper_double(x.radii[c]));
    }
  };
  const auto get = [&](std::size_t l, std::size_t first, std::size_t count) {
    EuclideanWorld::Block x{BallMatrix(width, count), std::vector<Magnitude>(count), EuclideanWorld::Stream{}, bits};
    for (std::size_t c = 0; c < count; ++c) {
      for (std::size_t i = 0; i < width; ++i) arb_set_d(x.balls(i, c), states_[l][(first + c) * width + i]);
      x.radii[c] = magnitude_of(errors_[l][first + c]);
    }
    return x;
  };
  for (std::size_t l = 0; l <= layers; ++l) {
    RoundedEuclideanWorld::Memory memory;
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t first = block * at_once, count = std::min(tokens - first, at_once);
      std::vector<Column> columns;
      for (std::size_t j = first; j < first + count; ++j) columns.push_back({j < prefix.size() ? prefix[j] : unit, static_cast<std::int64_t>(j), 0, 0});
      if (l == 0) {
        put(0, first, decoder.embed(columns));
        continue;
      }
      put(l, first, decoder.layer(model.layers[l - 1], get(l - 1, first, count), columns, memory));
      progress.step();
    }
  }
}

double RoundedRun::error(std::size_t l) const { return *std::max_element(errors_[l].begin(), errors_[l].end()); }

}  // namespace snellen
