#include "bounds/difference.hpp"

#include <stdexcept>

#include "lib/world/difference.hpp"

namespace snellen {

std::vector<std::optional<CertifiedVector>> evaluate_differences(const Model& model, const FamilyBlock& block, const std::vector<std::size_t>& counterparts, Place place,
                                                                 long bits, Progress& progress) {
  const DifferenceWorld world(bits, counterparts);
  const Decoder<DifferenceWorld> decoder(model, world);
  progress.begin("certified differences at " + std::to_string(bits) + " bits", model.layers.size());
  Decoder<DifferenceWorld>::Memory memory;
  DifferenceWorld::Block x = decoder.hidden(block.columns, memory, [&](std::size_t layer, const DifferenceWorld::Block&) {
    if (layer > 0) progress.step();
  });
  if (place == Place::final) x = decoder.final(x);
  std::vector<std::size_t> pair_of(block.columns.size(), no_column);
  for (std::size_t p = 0; p < x.pairs->first.size(); ++p) pair_of[x.pairs->first[p]] = p;
  std::vector<std::optional<CertifiedVector>> result;
  for (std::size_t i = 0; i < block.first.size(); ++i) {
    const std::size_t p = pair_of[block.first[i]];
    if (p == no_column || x.pairs->second[p] != block.second[i]) result.emplace_back();
    else result.push_back(certified_column(world.balls(), x.d, p));
  }
  return result;
}

long difference_bits(const Model& model) { return 64 + 16 * static_cast<long>(model.layers.size()); }

Enclosure intersection(const Enclosure& x, const Enclosure& y) {
  Enclosure result{x.lower < y.lower ? y.lower : x.lower, y.upper < x.upper ? y.upper : x.upper};
  if (result.upper < result.lower) throw std::logic_error("two enclosures of one number are disjoint");
  return result;
}

bool is_accurate(const Enclosure& distance, long bits) {
  if (!distance.is_finite()) return false;
  Dyadic width(64);
  mpfr_sub(width.get(), distance.upper.get(), distance.lower.get(), MPFR_RNDU);
  mpfr_mul_2si(width.get(), width.get(), bits, MPFR_RNDU);
  return width <= distance.lower;
}

}  // namespace snellen
