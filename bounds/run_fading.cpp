#include "bounds/run_fading.hpp"

#include <algorithm>
#include <optional>

#include "bounds/forward_pass.hpp"
#include "lib/number/ball_enclosure.hpp"
#include "lib/world/fading.hpp"
#include "lib/world/norm_slope.hpp"

namespace snellen {
namespace {

constexpr long bits_of_tokens = 64, bits_a_layer = 24;     // of the explicit tokens, of which nothing but bounds is made
constexpr std::size_t fewest_tokens = 128, most_tokens = 256;  // explicit
constexpr double most_bits = 64;                           // of the constant: a larger bound says nothing to anybody
constexpr std::size_t widest = 256;                        // matrices are multiplied in balls, head by head

std::string refusal(const Model& model, const Family& family) {
  if (family.sample || family.unit.size() != 1) return "the sequence is not a run of one token";
  if (!family.suffix.empty() || family.delimiter) return "a suffix, or delimiters";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions: the tokens of a run have no limit";
  for (const Layer& layer : model.layers) {
    if (layer.attention.window) return "a window: what lies before it is out of reach after some layers, exactly";
    if (!layer.attention.alibi.empty()) return "ALiBi: weights do not fall like 1/n, the nearest tokens keep theirs";
    if (layer.query_norm || layer.key_norm) return "norms on queries or keys";
  }
  if (model.width > widest) return "a width of more than " + std::to_string(widest);
  return {};
}

// At least the slope of the norm before attention at every token of a state.
std::vector<Magnitude> slopes(const std::optional<Norm>& n, const BallMatrix& x) {
  std::vector<Magnitude> result(x.columns(), Magnitude::of(1));
  for (std::size_t c = 0; n && c < x.columns(); ++c) result[c] = norm_slope(*n, x, 0, x.rows(), c, Magnitude());
  return result;
}

// The largest of every layer's bounds at the explicit tokens.
Fading of_tokens(const std::vector<std::vector<Magnitude>>& blocks, std::size_t tokens) {
  Fading largest;
  for (const std::vector<Magnitude>& block : blocks)
    for (std::size_t n = 0; n < tokens; ++n)
      for (std::size_t j = 0; j <= n; ++j) {
        const Magnitude& bound = block[n * tokens + j];
        largest.raise_to(j == n ? Fading{bound, Magnitude()} : Fading{Magnitude(), bound * Magnitude::of(n + 1)});
      }
  return largest;
}

struct Attempt {
  Fading layers;     // of all, at every token
  Magnitude output;  // of the later tokens
};

Attempt attempt(const Model& model, const Family& family, Place place, std::size_t copies, Progress& progress) {
  const std::vector<Token> tokens = family.sequence(static_cast<std::int64_t>(copies));
  const SequenceTree tree(tokens);
  const long bits = bits_of_tokens + bits_a_layer * static_cast<long>(model.layers.size());
  const ForwardPass pass = forward_pass(model, tree.columns(), Place::hidden, bits, progress);
  Attempt result{of_tokens(pass.blocks, tokens.size()), Magnitude::of(1)};

  const auto balls = std::make_shared<const BallWorld>(bits);
  Decoder<BallWorld>::Memory past;
  Decoder<BallWorld>(model, *balls).hidden(tree.columns(), past);
  const FadingWorld world(copies + 1, RunShape{family.prefix.size(), 1, 0, copies}, balls);
  const Decoder<FadingWorld> decoder(model, world);
  const std::vector<Column> column = {{family.unit[0], 0, 0, 0}};
  FadingWorld::Block x = decoder.embed(column);
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    FadingWorld::Memory memory{MajorantWorld::prepare(std::move(past[l]), bits), slopes(model.layers[l].attention_norm, pass.states[l])};
    x = decoder.layer(model.layers[l], world.input(std::move(x)), column, memory);
    result.layers.raise_to(x.reach);
  }
  if (place == Place::final) result.output = decoder.final(world.input(std::move(x))).reach.own;
  return result;
}

// C_L of `sensitivity_fades`.
Magnitude constant(const Fading& f, std::size_t layers) {
  Magnitude c, power = Magnitude::of(1);
  for (std::size_t l = 0; l < layers; ++l) c = (f.own + f.other) * c + f.other * power, power *= f.own;
  return c;
}

}  // namespace

Dyadic RunFading::at(std::int64_t t) const {
  Magnitude harmonic, term;
  for (std::int64_t k = t; k >= 1; --k) {
    mag_set_ui(term.get(), static_cast<ulong>(k));
    mag_inv(term.get(), term.get());
    harmonic += term;
  }
  Dyadic factor = upper_of(Magnitude::of(1) + harmonic), result = constant;
  for (std::size_t l = 1; l < layers; ++l) mpfr_mul(result.get(), result.get(), factor.get(), MPFR_RNDU);
  mpfr_div_si(result.get(), result.get(), t, MPFR_RNDU);
  return result;
}

RunFading run_fading(const Model& model, const Family& family, Place place, const Magnitude& reader, Progress& progress) {
  RunFading result;
  result.layers = model.layers.size();
  result.refused = refusal(model, family);
  if (!result.refused.empty()) return result;
  for (std::size_t copies = fewest_tokens; copies <= most_tokens; copies *= 2) {
    const Attempt found = attempt(model, family, place, copies, progress);
    const Magnitude c = found.output * reader * constant(found.layers, result.layers);
    if (!c.is_finite() || c.log2() > most_bits) continue;
    result.from = static_cast<std::int64_t>(family.prefix.size() + copies) + 1;
    result.own = upper_of(found.layers.own), result.other = upper_of(found.layers.other);
    result.output = upper_of(found.output * reader), result.constant = upper_of(c);
    return result;
  }
  result.refused = "after " + std::to_string(most_tokens) + " evaluated tokens the vectors of all later ones are still known too badly for a bound that says anything";
  return result;
}

}  // namespace snellen
