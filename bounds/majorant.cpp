#include "bounds/majorant.hpp"

#include <stdexcept>

namespace snellen {

MajorantRun::MajorantRun(const Model& model, const Family& family, Place place, std::int64_t copies, long bits)
    : model_(model), place_(place), shape_{family.prefix.size(), family.unit.size(), family.suffix.size(), static_cast<std::size_t>(copies)},
      balls_(std::make_shared<const BallWorld>(bits)) {
  if (copies < 1) throw std::logic_error("MajorantRun: at least one explicit copy of the unit");
  std::vector<Token> tokens = family.prefix;
  for (std::int64_t i = 0; i < copies; ++i) tokens.insert(tokens.end(), family.unit.begin(), family.unit.end());
  const Decoder<BallWorld> decoder(model, *balls_);
  Decoder<BallWorld>::Memory memory;
  decoder.hidden(SequenceTree(tokens).columns(), memory);
  for (BallWorld::Memory& layer : memory) memory_.push_back(MajorantWorld::prepare(std::move(layer), bits));
  for (const Token token : family.unit) abstract_.push_back({token, 0, 0, 0});
  for (const Token token : family.suffix) abstract_.push_back({token, 0, 0, 0});
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
