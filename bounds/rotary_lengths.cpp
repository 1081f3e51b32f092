#include "bounds/rotary_lengths.hpp"

#include <algorithm>
#include <bit>

#include "bounds/circle_visits.hpp"
#include "bounds/next_token.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr unsigned finest_level = 29, beyond_window = 4;  // cells are about 2^-beyond_window of the window's mean distance of phases wide, where that is wider
constexpr std::size_t most_cells = 30'000;
constexpr std::int64_t at_once = 4096;  // lengths that are bounded one by one

// The circle in 2^-turn_bits turns.
constexpr unsigned turn_bits = 128;

// The frequency, within 1 unit.
Length turn_of(const RotaryFrequencies& frequencies, std::size_t c) {
  constexpr long bits = turn_bits + 64;
  Ball turns, pi;
  frequencies.set_unit(turns, c, bits);
  arb_const_pi(pi, bits);
  arb_div(turns, turns, pi, bits);
  arb_mul_2exp_si(turns, turns, turn_bits - 1);
  fmpz_t integer;
  fmpz_init(integer);
  arf_get_fmpz(integer, arb_midref(static_cast<arb_ptr>(turns)), ARF_RND_NEAR);
  Length result;
  fmpz_get_mpz(result.backend().data(), integer);
  fmpz_clear(integer);
  return result;
}

// Cells of a circle as arcs, neighbours joined.
std::vector<Arc> arcs_of(std::vector<PhaseCell> cells) {
  std::vector<Arc> arcs;
  for (const PhaseCell& cell : cells) {
    const unsigned shift = turn_bits - cell.level[0];
    arcs.push_back({Length(cell.index[0]) << shift, (Length(cell.index[0] + std::uint64_t(1)) << shift) - 1});
  }
  std::sort(arcs.begin(), arcs.end(), [](const Arc& a, const Arc& b) { return a.first < b.first; });
  std::vector<Arc> joined;
  for (Arc& arc : arcs) {
    if (!joined.empty() && joined.back().last + 1 == arc.first) joined.back().last = arc.last;
    else joined.push_back(std::move(arc));
  }
  return joined;
}

}  // namespace

RotaryLengths::RotaryLengths(const Model& model, const Family& family, Place place, bool next_tokens, long bits, const MassSettings& settings)
    : model_(model), place_(place), next_tokens_(next_tokens), last_(family.suffix.empty() ? family.unit[0] : family.suffix.back()),
      world_(bits, {family.prefix.size(), family.suffix.size()}, settings) {
  std::vector<Column> columns;
  for (const Token token : family.prefix) columns.push_back({token, 0, 0, 0});
  columns.push_back({family.unit[0], 0, 0, 0});
  for (const Token token : family.suffix) columns.push_back({token, 0, 0, 0});
  Decoder<RotaryWorld>(model_, world_).hidden(columns, memory_);
}

RotaryLengths::Vectors RotaryLengths::at(const std::vector<std::int64_t>& lengths, std::size_t modes) {
  world_.follow(modes);
  std::vector<Column> columns;
  for (const std::int64_t n : lengths) columns.push_back({last_, n, 0, 0});
  const Decoder<RotaryWorld> decoder(model_, world_);
  const BallMatrix x = decoder.hidden(columns, memory_), y = decoder.final(x);
  Vectors result;
  for (std::size_t c = 0; c < columns.size(); ++c) result.vectors.push_back(certified_column(world_, place_ == Place::final ? y : x, c));
  result.next_tokens.resize(columns.size());
  if (next_tokens_) result.next_tokens = certified_next_tokens(model_, balls(), y);
  return result;
}

RotaryLengths::Frame RotaryLengths::frame(const Magnitude& largest) const {
  BallMatrix box(run().heads() * run().singles(), 1);
  Ball end;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(end)), largest.get());
  for (std::size_t k = 0; k < box.rows(); ++k) arb_union(box(k, 0), box(k, 0), end, balls().bits());
  const SharesWorld world(balls().bits(), std::move(box));
  const Decoder<SharesWorld> decoder(model_, world);
  Decoder<SharesWorld>::Memory memory = memory_;
  const std::vector<Column> column{{last_, 0, 0, 0}};
  SharesBlock x = decoder.hidden(column, memory), y = decoder.final(x);
  Frame frame{y.x, y.slopes, y.x, y.slopes};
  if (place_ == Place::hidden) frame.vector = std::move(x.x), frame.slopes = std::move(x.slopes);
  return frame;
}

bool visit_large(const PhaseBound& bound, const RotaryFrequencies& frequencies, bool steps, std::int64_t from, std::int64_t to, std::int64_t most, const std::function<bool(std::int64_t)>& visit) {
  if (frequencies.classes() == 1 && to - from > at_once) {
    // The phase of n is known to n 2^-turn_bits turns, far within the margin of the cells.
    const std::vector<Arc> arcs = arcs_of(bound.above(from, std::min(finest_level, static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(to - from))) + beyond_window), most_cells));
    std::int64_t last = to;
    bool stopped = false;
    const auto pair = [&](std::int64_t n) {
      if (n < last && n >= from) last = n, stopped = visit(n);
      return stopped;
    };
    visit_arcs(turn_of(frequencies, 0), Length(1) << turn_bits, arcs, from, steps ? to - 1 : to, [&](const Length& n) {
      const auto here = static_cast<std::int64_t>(n);
      return pair(here) || (!steps && pair(here - 1));
    });
    return true;
  }
  if (to - from > most) return false;
  Ball least;
  arb_set_si(least, from);
  bool later = false, first = true;
  for (std::int64_t end = to; end > from; end -= std::min(at_once, end - from)) {
    const std::int64_t begin = std::max(from, end - at_once);
    const std::int64_t extra = first && !steps ? 1 : 0;  // n + 1 of the largest n
    std::vector<char> large(static_cast<std::size_t>(end + extra - begin));
    parallel_for(large.size(), [&](std::size_t i) {
      Ball value;
      arf_set_mag(arb_midref(static_cast<arb_ptr>(value)), bound.at(begin + static_cast<std::int64_t>(i)).get());
      large[i] = arb_le(value, least) != 0 ? 0 : 1;
    });
    if (extra == 1) later = large.back() != 0;
    first = false;
    for (std::int64_t n = end - 1; n >= begin; --n) {
      const bool here = large[static_cast<std::size_t>(n - begin)] != 0;
      if ((here || (later && !steps)) && visit(n)) return true;
      later = here;
    }
  }
  return true;
}

}  // namespace snellen
