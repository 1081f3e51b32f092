#include "bounds/majorant.hpp"

#include <algorithm>
#include <stdexcept>

namespace snellen {
namespace {

// Explicit tokens only enter what dies away.
constexpr long bits_of_explicit_tokens = 64, bits_a_layer = 24;
constexpr std::int64_t most_for_scores = 1024;  // copies, for the sake of the scores of later ones

// More explicit copies are worth their cost: scores of later ones are known badly, or what turns in a head's mass is not small beside their mass.
bool wants_more(const MajorantMemory& layer, std::int64_t copies) {
  if (copies < most_for_scores && !(layer.parts.back().spread < Magnitude::of(1UL))) return true;
  return std::any_of(layer.turning.begin(), layer.turning.end(), [&](const auto& head) {
    Magnitude mass;
    arb_get_mag_lower_nonnegative(mass.get(), head->run().mu());
    mag_mul_ui_lower(mass.get(), mass.get(), static_cast<ulong>(copies));
    return mass < shifted(head->run().excess(), 3);
  });
}

}  // namespace


MajorantRun::MajorantRun(const Model& model, const Family& family, Place place, std::int64_t least, std::int64_t most, long bits)
    : model_(model), place_(place), shape_{family.prefix.size(), family.unit.size(), family.suffix.size(), 0},
      balls_(std::make_shared<const BallWorld>(bits)), memory_(model.layers.size()) {
  if (least < 1 || most < least) throw std::logic_error("MajorantRun: at least one explicit copy of the unit");
  for (const Token token : family.unit) abstract_.push_back({token, 0, 0, 0});
  for (const Token token : family.suffix) abstract_.push_back({token, 0, 0, 0});
  for (std::int64_t copies = least;; copies = std::min(most, 2 * copies)) {
    read_copies(family, static_cast<std::size_t>(copies));
    if (copies == most) return;
    stage(copies + 1);
    const bool settled = std::none_of(memory_.begin(), memory_.end(), [&](const MajorantMemory& layer) { return wants_more(layer, copies); });
    for (MajorantMemory& layer : memory_) layer.parts.clear();
    if (settled) return;
  }
}

// Goes on with the explicit tokens up to this copy.
void MajorantRun::read_copies(const Family& family, std::size_t copies) {
  std::vector<Token> tokens = family.prefix;
  for (std::size_t i = 0; i < copies; ++i) tokens.insert(tokens.end(), family.unit.begin(), family.unit.end());
  const SequenceTree tree(tokens);
  const std::size_t known = shape_.copies == 0 ? 0 : shape_.prefix + shape_.copies * shape_.unit;
  const BallWorld world(std::min(balls_->bits(), bits_of_explicit_tokens + bits_a_layer * static_cast<long>(model_.layers.size())));
  const Decoder<BallWorld> decoder(model_, world);
  Decoder<BallWorld>::Memory past;
  for (MajorantMemory& layer : memory_) past.push_back(std::move(layer.tokens));
  decoder.hidden(std::span(tree.columns()).subspan(known), past);
  for (std::size_t l = 0; l < past.size(); ++l) memory_[l] = MajorantWorld::prepare(std::move(past[l]), world.bits());
  shape_.copies = copies;
}

MajorantStage MajorantRun::stage(const Length& first, const Decoder<MajorantWorld>::Observer& observe) {
  MajorantStage stage{first, MajorantWorld(first, shape_, balls_), {}, {}};
  const Decoder<MajorantWorld> decoder(model_, stage.world);
  const std::vector<std::size_t> last{abstract_.size() - 1};
  const MajorantBlock x = stage.world.select(decoder.hidden(abstract_, memory_, observe), last);
  stage.final = decoder.final(x);
  stage.vector = place_ == Place::final ? stage.final : x;
  return stage;
}

}  // namespace snellen
