#include "bounds/far_run.hpp"

#include <algorithm>
#include <stdexcept>

#include "bounds/next_token.hpp"
#include "lib/world/second_layer.hpp"

namespace snellen {
namespace {

constexpr std::int64_t at_once = 4096;  // tokens of the run

// The ball world of tokens that are remembered, and whose own vectors nobody asks for: what they mix is not computed, and may be anything.
class RememberingWorld : public BallWorld {
 public:
  struct Memory {
    RoundedMemory* rounded;
    BallMemory* balls;  // or none
  };
  using BallWorld::BallWorld;
  BallMatrix attend(const Attention& attention, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, std::span<const Column>, Memory& memory) const {
    memory.rounded->append(k, v);
    if (memory.balls) memory.balls->append(k, v, attention.kv_heads, bits());
    BallMatrix anything(q.rows(), q.columns());
    for (std::size_t i = 0; i < anything.rows(); ++i)
      for (std::size_t c = 0; c < anything.columns(); ++c) arb_zero_pm_inf(anything(i, c));
    return anything;
  }
};

static_assert(CertifiedWorld<RememberingWorld>);

// Up to its keys and values.
Layer without_mlp(Layer layer) {
  layer.gate.reset(), layer.up.reset(), layer.down.reset();
  return layer;
}

}  // namespace

FarRun::FarRun(const Model& model, const Family& family, Place place, bool next_tokens, std::int64_t tokens, long bits, Keep keep, Progress& progress)
    : model_(model), place_(place), next_tokens_(next_tokens), last_(family.unit[0]), before_(static_cast<std::int64_t>(family.prefix.size())), tokens_(tokens),
      world_(bits, {family.prefix.size(), 0}, {}), balls_(bits), keep_(keep) {
  RememberingWorld::Memory memory{&rounded_, keep == Keep::balls ? &memory_ : nullptr};
  std::vector<Column> columns, known;
  for (const Token token : family.prefix) columns.push_back({token, static_cast<std::int64_t>(columns.size()), 0, 0});
  const Decoder<BallWorld> decoder(model_, balls_);
  BallMemory prefix;
  const BallMatrix x = decoder.layer(model_.layers[0], decoder.embed(columns), columns, prefix);
  const RememberingWorld remembering(bits);
  const Decoder<RememberingWorld> remember(model_, remembering);
  const Layer second = without_mlp(model_.layers[1]);
  remember.layer(second, x, columns, memory);

  for (const Column& column : columns) known.push_back({column.token, 0, 0, 0});
  known.push_back({last_, 0, 0, 0});
  const Decoder<RotaryWorld> closed(model_, world_);
  closed.layer(model_.layers[0], closed.embed(known), known, below_);
  for (std::size_t h = 0; h < below_->heads(); ++h) below_->mass(h).extend(tokens);
  for (std::int64_t begin = 1; begin <= tokens; begin += at_once) {
    std::vector<std::int64_t> lengths;
    columns.clear();
    for (std::int64_t n = begin; n <= tokens && n < begin + at_once; ++n) lengths.push_back(n), columns.push_back({last_, before_ + n - 1, 0, 0});
    remember.layer(second, first_layer(lengths), columns, memory);
    progress.step();
  }
}

BallMatrix FarRun::first_layer(const std::vector<std::int64_t>& lengths) {
  std::vector<Column> columns;
  for (const std::int64_t n : lengths) columns.push_back({last_, n, 0, 0});
  const Decoder<RotaryWorld> closed(model_, world_);
  return closed.layer(model_.layers[0], closed.embed(columns), columns, below_);
}

RotaryLengths::Vectors FarRun::vectors_of(const BallMatrix& x, const BallMatrix& y) const {
  RotaryLengths::Vectors result;
  for (std::size_t c = 0; c < x.columns(); ++c) result.vectors.push_back(certified_column(balls_, place_ == Place::final ? y : x, c));
  result.next_tokens.resize(x.columns());
  if (next_tokens_) result.next_tokens = certified_next_tokens(model_, balls_, y);
  return result;
}

RotaryLengths::Vectors FarRun::near(const std::vector<std::int64_t>& lengths) {
  std::vector<Column> columns;
  for (const std::int64_t n : lengths) columns.push_back({last_, before_ + n - 1, 0, 0});
  const RoundedMemoryWorld world(balls_.bits());
  const BallMatrix x = Decoder<RoundedMemoryWorld>(model_, world).layer(model_.layers[1], first_layer(lengths), columns, rounded_), y = final(x);
  return vectors_of(x, y);
}

RotaryLengths::Vectors FarRun::at(const std::vector<std::int64_t>& lengths) {
  if (keep_ != Keep::balls) throw std::logic_error("FarRun: balls were not kept");
  std::vector<Column> columns;
  for (const std::int64_t n : lengths) {
    const auto seen = static_cast<std::size_t>(before_ + n - 1);  // all before it; it comes again at the end of the memory
    columns.push_back({last_, before_ + n - 1, seen, memory_.entries + columns.size()});
  }
  const BallMatrix x = Decoder<BallWorld>(model_, balls_).layer(model_.layers[1], first_layer(lengths), columns, memory_), y = final(x);
  return vectors_of(x, y);
}

RotaryLengths::Vectors FarRun::given(const std::vector<std::int64_t>& lengths, BallMatrix outputs, const RotaryLengths::Frame& frame) {
  const std::size_t variables = outputs.rows(), before = frame.slopes.columns() - variables;
  std::vector<Magnitude> radii;  // [length * variables + k]
  for (std::size_t c = 0; c < lengths.size(); ++c)
    for (std::size_t k = 0; k < variables; ++k) {
      radii.push_back(Magnitude::radius_of(outputs(k, c)));
      mag_zero(arb_radref(outputs(k, c)));
    }
  const std::vector<Column> columns(lengths.size(), Column{last_, 0, 0, 0});
  const GivenOutputsWorld world(balls_.bits());
  BallMatrix x = Decoder<GivenOutputsWorld>(model_, world).layer(model_.layers[1], first_layer(lengths), columns, outputs), y = final(x);
  const auto widen = [&](BallMatrix& vectors, const BallMatrix& slopes) {
    for (std::size_t i = 0; i < vectors.rows(); ++i) {
      std::vector<Magnitude> row;
      for (std::size_t k = 0; k < variables; ++k) row.push_back(Magnitude::of(slopes(i, before + k)));
      for (std::size_t c = 0; c < lengths.size(); ++c) {
        Magnitude apart;
        for (std::size_t k = 0; k < variables; ++k) apart += row[k] * radii[c * variables + k];
        arb_add_error_mag(vectors(i, c), apart.get());
      }
    }
  };
  widen(y, frame.final_slopes);
  if (place_ == Place::hidden) widen(x, frame.slopes);
  return vectors_of(x, y);
}

}  // namespace snellen
