#include "bounds/run_harmonics.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>
#include <stdexcept>

#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/rough.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t most_first_modes = 800, most_modes = 300;  // of m and -m one each, in either layer
constexpr std::size_t loose_octaves = 24;
constexpr int slices = 8;  // of the way from the limit to the states at a length
constexpr double evaluation_error = 0x1p-38;  // of a PhaseSum, times the sum of |Re c| + |Im c|: the powers' errors (2^-39), and twice as many roundings of 2^-53 as there are modes
constexpr std::int64_t most_followed = std::int64_t(1) << 20;
constexpr double sum_error = 0x1p-31;        // of sums of at most most_followed terms with powers, times the sum of their sizes: 2^-39 + 2^-33 and a rounding or two, twice

double at_most(arb_srcptr x) { return upper_double(Magnitude::of(x)); }
double above_expm1(double x) { return upper_double(expm1(magnitude_of(x))); }
double above_exp(double x) { return upward(above_expm1(x) + 1); }

double lower_double(arb_srcptr x) {
  Ball low;
  arb_get_lbound_arf(arb_midref(static_cast<arb_ptr>(low)), x, 64);
  return arf_get_d(arb_midref(static_cast<arb_ptr>(low)), ARF_RND_FLOOR);
}
double higher_double(arb_srcptr x) {
  Ball high;
  arb_get_ubound_arf(arb_midref(static_cast<arb_ptr>(high)), x, 64);
  return arf_get_d(arb_midref(static_cast<arb_ptr>(high)), ARF_RND_CEIL);
}

PhaseSum empty_sum(std::size_t modes, std::size_t size) { return {size, std::vector<double>(modes * size), std::vector<double>(modes * size), std::vector<double>(size)}; }

// Adds a complex ball to the coefficient: its radius, and what the addition rounds (2^-53 of what comes out, which may cancel later), go to the rest.
void add(PhaseSum& sum, std::size_t mode, std::size_t k, acb_srcptr c) {
  const Rough re = rough(acb_realref(c)), im = rough(acb_imagref(c));
  double &a = sum.real[mode * sum.size + k], &b = sum.imag[mode * sum.size + k];
  a += re.middle, b += im.middle;
  sum.rest[k] = upward(sum.rest[k] + re.radius + im.radius + (std::fabs(a) + std::fabs(b)) * 0x1p-52);
}

// [k]: at least the sum of |Re c| + |Im c|.
std::vector<double> sizes_of(const PhaseSum& sum, std::size_t modes) {
  std::vector<double> result(sum.size);
  for (std::size_t m = 0; m < modes; ++m)
    for (std::size_t k = 0; k < sum.size; ++k) result[k] += std::fabs(sum.real[m * sum.size + k]) + std::fabs(sum.imag[m * sum.size + k]);
  for (double& size : result) size = upward(size);
  return result;
}

// What the evaluation in doubles may err by.
void finish(PhaseSum& sum, std::size_t modes) {
  const std::vector<double> sizes = sizes_of(sum, modes);
  for (std::size_t k = 0; k < sum.size; ++k) sum.rest[k] = upward(sum.rest[k] + sizes[k] * evaluation_error);
}

// x + iy of a plane is at most this, where |x| and |y| are bounded.
double plane_of(const std::vector<double>& x, std::size_t row, std::size_t f, std::size_t half) { return x[row + f] + x[row + f + half]; }

// Modes for weights with these scores together: of planes as large as the largest.
RotaryModes modes_for(const std::vector<const RotaryScore*>& scores, const RotaryFrequencies& frequencies, std::size_t most, long bits) {
  RotaryScore envelope;
  envelope.planes.resize(frequencies.planes());
  Ball size;
  for (const RotaryScore* score : scores)
    for (std::size_t f = 0; f < envelope.planes.size(); ++f) {
      acb_abs(size, score->planes[f], bits);
      arb_max(envelope.planes[f].real(), envelope.planes[f].real(), size, bits);
    }
  return RotaryModes(envelope, frequencies, most, bits);
}

// The mass E(0) + ... + E(n - 1) of equal keys: n mu + sum of b_m (1 - e^(i (m.theta) n)), b_m = c_m / (1 - e^(i m.theta)); into the last entry. Returns the expansion of E.
TurningQuotient quotient_of(RotaryModes modes, const RotaryFrequencies& frequencies, std::size_t numerators, const RotaryModes::Expansion& equal, long bits) {
  const std::size_t count = modes.count();
  TurningQuotient result{std::move(modes), std::vector<std::int64_t>(count), 0, 0, empty_sum(count, numerators + 1), empty_sum(count, numerators + 1), {}};
  Ball mu, unit, angle, unlisted;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(unlisted)), equal.unlisted.get());
  frequencies.set_unit(unit, 0, bits);
  ComplexBall c, below, opposite;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t f = 0; f < result.modes.planes(); ++f) result.multiples[i] += result.modes.numbers(i)[f] * frequencies.multiple(f);
    acb_mul_2exp_si(c, equal.coefficients[i], i == 0 ? 0 : 1);  // m and -m
    if (result.multiples[i] == 0) {
      arb_add(mu, mu, c.real(), bits);
      continue;
    }
    arb_mul_si(angle, unit, result.multiples[i], bits);
    set_unit(below, angle, bits);
    acb_sub_ui(below, below, 1, bits);
    acb_neg(below, below);
    acb_div(below, c, below, bits);
    if (!acb_is_finite(below)) {  // not told from a resonance: among those not listed
      acb_abs(angle, c, bits);
      arb_add(unlisted, unlisted, angle, bits);
      continue;
    }
    acb_neg(opposite, below);
    add(result.fixed, i, numerators, opposite);
    arb_zero(below.imag());  // at n = 0 the turns are 1
    add(result.fixed, 0, numerators, below);
  }
  Ball end;
  arb_sub(end, mu, unlisted, bits);
  result.mean_low = lower_double(end);
  arb_add(end, mu, unlisted, bits);
  result.mean_high = higher_double(end);
  return result;
}

// n over the mass, for every n >= from, of a quotient without growing sums: the mass is n times its mean plus a constant and what turns, between the constant less all moduli and that plus them.
Ball density_of(const TurningQuotient& quotient, std::int64_t from) {
  const PhaseSum& sum = quotient.fixed;
  const std::size_t mass = sum.size - 1;
  double turning = sum.rest[mass];
  for (std::size_t i = 1; i < quotient.modes.count(); ++i) turning += std::fabs(sum.real[i * sum.size + mass]) + std::fabs(sum.imag[i * sum.size + mass]);
  turning = upward(turning + std::fabs(sum.real[mass]) * 0x1p-40);
  const double constant = sum.real[mass];
  Ball low, high, part;
  arb_set_d(low, std::min(0.0, constant - turning)), arb_set_d(high, std::max(0.0, constant + turning));
  arb_div_si(low, low, from, 64), arb_div_si(high, high, from, 64);
  arb_set_d(part, quotient.mean_low), arb_add(low, low, part, 64);
  arb_set_d(part, quotient.mean_high), arb_add(high, high, part, 64);
  arb_union(low, low, high, 64);
  if (arb_is_positive(low)) arb_inv(low, low, 64);
  else arb_indeterminate(low);
  return low;
}

}  // namespace

double harmonic_above(std::int64_t start, std::int64_t n) {
  Ball x;
  arb_set_si(x, n);
  arb_div_si(x, x, start, 64);
  arb_log(x, x, 64);
  return higher_double(x);
}

double harmonic_below(std::int64_t start, std::int64_t n) {
  Ball x;
  arb_set_si(x, n + 1);
  arb_div_si(x, x, start + 1, 64);
  arb_log(x, x, 64);
  return std::max(0.0, lower_double(x));
}

RunHarmonics::RunHarmonics(const Model& model, const Family& family, Place place, const FarRun& run, std::vector<std::int64_t> marks, Progress& progress)
    : model_(model), place_(place), run_(run), last_(family.unit[0]), before_(static_cast<std::int64_t>(family.prefix.size())), marks_(std::move(marks)), bits_(run.balls().bits()) {
  const Attention& attention = model_.layers[1].attention;
  if (marks_.empty() || marks_.front() <= explicit_tokens || marks_.back() > run_.tokens() || marks_.back() > most_followed || !std::is_sorted(marks_.begin(), marks_.end()))
    throw std::logic_error("RunHarmonics: marks out of range");
  size_ = attention.head_size, group_ = attention.heads / attention.kv_heads;
  set_root(scale_, attention.scale, bits_);
  SecondLayerWorld::Memory limit = second_layer({});
  query_ = std::move(limit.query.x), key_ = std::move(limit.key.x), value_ = std::move(limit.value.x);
  make_first();
  make_second(progress);
}

// Shares from 0 to the largest.
BallMatrix RunHarmonics::box_of(const std::vector<double>& largest) const {
  BallMatrix box(shares(), 1);
  for (std::size_t s = 0; s < largest.size(); ++s) {
    Ball end;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(end)), magnitude_of(largest[s]).get());
    arb_union(box(s, 0), box(s, 0), end, bits_);
  }
  return box;
}

SecondLayerWorld::Memory RunHarmonics::second_layer(const std::vector<double>& largest) const {
  const Attention& attention = model_.layers[1].attention;
  const SecondLayerWorld world(bits_, box_of(largest), BallMatrix(attention.heads * attention.head_size, 1));
  const Decoder<SecondLayerWorld> decoder(model_, world);
  const std::vector<Column> column{{last_, 0, 0, 0}};
  SecondLayerWorld::Memory below, memory;
  below.run = run_.below();
  decoder.layer(model_.layers[1], decoder.layer(model_.layers[0], decoder.embed(column), column, below), column, memory);
  return memory;
}

RotaryLengths::Frame RunHarmonics::frame(const std::vector<double>& largest, const std::vector<double>& apart) const {
  BallMatrix outputs(second_.size() * size_, 1);
  for (std::size_t i = 0; i < outputs.rows(); ++i) {
    arb_set(outputs(i, 0), limit_output(i));
    if (!apart.empty()) arb_add_error_mag(outputs(i, 0), magnitude_of(apart[i]).get());
  }
  const SecondLayerWorld world(bits_, box_of(largest), std::move(outputs));
  const Decoder<SecondLayerWorld> decoder(model_, world);
  const std::vector<Column> column{{last_, 0, 0, 0}};
  SecondLayerWorld::Memory below, memory;
  below.run = run_.below();
  SharesBlock x = decoder.layer(model_.layers[1], decoder.layer(model_.layers[0], decoder.embed(column), column, below), column, memory), y = decoder.final(x);
  RotaryLengths::Frame result{y.x, y.slopes, y.x, y.slopes};
  if (place_ == Place::hidden) result.vector = std::move(x.x), result.slopes = std::move(x.slopes);
  return result;
}

// Of the query in the limit against a key [head_size], as a function of what turns the query against it.
RotaryScore RunHarmonics::score(std::size_t head, const BallVector& key) const {
  const std::size_t turning = model_.layers[1].attention.rotary->dimensions, half = turning / 2, row = head * size_;
  RotaryScore result;
  for (std::size_t i = turning; i < size_; ++i) arb_addmul(result.constant, query_(row + i, 0), key[i], bits_);
  arb_mul(result.constant, result.constant, scale_, bits_);
  for (std::size_t f = 0; f < half; ++f) {
    ComplexBall a, b;
    arb_set(a.real(), query_(row + f, 0)), arb_set(a.imag(), query_(row + f + half, 0));
    arb_set(b.real(), key[f]), arb_neg(b.imag(), key[f + half]);
    acb_mul(a, a, b, bits_);
    acb_mul_arb(a, a, scale_, bits_);
    result.planes.push_back(std::move(a));
  }
  return result;
}

void RunHarmonics::make_first() {
  const RotaryRun& below = *run_.below();
  for (std::size_t h = 0; h < below.heads(); ++h) {
    const RotaryScore& equal = below.mass(h).score();
    std::vector<const RotaryScore*> scores{&equal};
    for (std::size_t s = 0; s < below.singles(); ++s) scores.push_back(&below.score(h, s));
    RotaryModes modes = modes_for(scores, frequencies(), most_first_modes, bits_);
    const RotaryModes::Expansion masses = modes.expand(equal);
    TurningQuotient quotient = quotient_of(std::move(modes), frequencies(), below.singles(), masses, bits_);
    const std::size_t count = quotient.modes.count(), size = quotient.fixed.size;
    ComplexBall c;
    for (std::size_t s = 0; s < below.singles(); ++s) {
      const RotaryModes::Expansion weight = quotient.modes.expand(below.score(h, s));
      for (std::size_t i = 0; i < count; ++i) {
        acb_mul_2exp_si(c, weight.coefficients[i], i == 0 ? 0 : 1);
        add(quotient.fixed, i, s, c);
        add(quotient.fixed, i, size - 1, c);  // T = Z + the single tokens' weights
      }
      const double unlisted = upper_double(weight.unlisted);
      quotient.fixed.rest[s] = upward(quotient.fixed.rest[s] + unlisted);
      quotient.fixed.rest[size - 1] = upward(quotient.fixed.rest[size - 1] + unlisted);
    }
    finish(quotient.fixed, count);
    first_.push_back(std::move(quotient));
  }
}

void RunHarmonics::make_second(Progress& progress) {
  const Attention& attention = model_.layers[1].attention;
  const std::size_t half = attention.rotary->dimensions / 2, prefix = static_cast<std::size_t>(before_);
  const RoundedMemory& memory = run_.memory();
  std::vector<ComplexBall> lag(frequencies().planes());  // e^(i theta (|P| - 1)): token n of the run stands at |P| - 1 + n
  for (std::size_t f = 0; f < lag.size(); ++f) frequencies().set_turn(lag[f], f, before_ - 1, bits_);
  second_.reserve(attention.heads);
  for (std::size_t h = 0; h < attention.heads; ++h) {
    const std::size_t row = h / group_ * size_;
    BallVector key(size_);
    for (std::size_t i = 0; i < size_; ++i) arb_set(key[i], key_(row + i, 0));
    const RotaryScore equal = score(h, key);
    // Of the memory's entry e, turned by its position.
    const auto score_of_entry = [&](std::size_t e) {
      for (std::size_t i = 0; i < size_; ++i) memory.set_key(key[i], e, row + i);
      RotaryScore here = score(h, key);
      for (std::size_t f = 0; f < lag.size(); ++f) acb_mul(here.planes[f], here.planes[f], lag[f], bits_);
      return here;
    };
    std::vector<RotaryScore> prefixes;
    for (std::size_t e = 0; e < prefix; ++e) prefixes.push_back(score_of_entry(e));
    std::vector<const RotaryScore*> scores{&equal};
    for (const RotaryScore& here : prefixes) scores.push_back(&here);
    RotaryModes modes = modes_for(scores, frequencies(), most_modes, bits_);
    const RotaryModes::Expansion masses = modes.expand(equal);
    SecondHead head(quotient_of(std::move(modes), frequencies(), size_, masses, bits_));
    head.largest = at_most(masses.total), head.unlisted = upper_double(masses.unlisted), head.explicit_spread.resize(size_);
    for (std::size_t i = 0; i < head.start.modes.count(); ++i) {
      const Rough re = rough(masses.coefficients[i].real()), im = rough(masses.coefficients[i].imag());
      head.real.push_back(re.middle), head.imag.push_back(im.middle);
      head.radii = upward(head.radii + 2 * (re.radius + im.radius));
      // b_m (1 - e^(i ...)) is at most 2 |b_m|, m and -m together.
      const std::size_t mass = i * head.start.fixed.size + size_;
      if (i > 0) head.excess = upward(head.excess + 2 * (std::fabs(head.start.fixed.real[mass]) + std::fabs(head.start.fixed.imag[mass])));
    }
    head.excess = upward(head.excess + 2 * head.start.fixed.rest[size_]);
    const double scale = at_most(scale_);
    for (std::size_t f = 0; f < half; ++f) {
      ComplexBall q;
      arb_set(q.real(), query_(h * size_ + f, 0)), arb_set(q.imag(), query_(h * size_ + f + half, 0));
      Magnitude size;
      acb_get_mag(size.get(), q);
      head.query_planes.push_back(upward(scale * upper_double(size)));
    }
    for (std::size_t i = 2 * half; i < size_; ++i) head.query_rest.push_back(upward(scale * at_most(query_(h * size_ + i, 0))));
    second_.push_back(std::move(head));
  }
  progress.step();
  follow(progress);
}

// Goes through the keys and values once: those with modes of their own into the head's start; sums of the others, what these leave out at each mark, and points from the first mark on.
void RunHarmonics::follow(Progress& progress) {
  const Attention& attention = model_.layers[1].attention;
  const std::size_t turning = attention.rotary->dimensions, half = turning / 2;
  const RoundedMemory& memory = run_.memory();
  std::vector<ComplexBall> lag(frequencies().planes());
  for (std::size_t f = 0; f < lag.size(); ++f) frequencies().set_turn(lag[f], f, before_ - 1, bits_);
  parallel_for(second_.size(), [&](std::size_t h) {
    SecondHead& head = second_[h];
    const std::size_t row = h / group_ * size_, count = head.start.modes.count(), size = size_ + 1;
    const auto each = [&] { return std::vector<double>(size_); };
    Left left{each(), each(), each(), each(), each(), each(), 0, 0, 0, std::vector<double>(half), std::vector<double>(size_ - turning)};
    head.sum_real.resize(count * size_), head.sum_imag.resize(count * size_);
    head.points.reserve(static_cast<std::size_t>(start() - marks_.front() + 1) * size);
    std::vector<double> added(size), radii(size_), sizes(size_), middle(size_);
    PhaseSum& fixed = head.start.fixed;
    std::vector<ComplexBall> turns(frequencies().planes());
    RotaryModes::Powers powers;
    BallVector key(size_);
    Ball t;
    ComplexBall here, limit;
    for (std::int64_t j = 1 - before_; j <= start(); ++j) {  // of the run from 1 on, of the prefix below
      const bool of_run = j >= 1;
      const auto entry = static_cast<std::size_t>(before_ + j - 1);
      for (std::size_t k = 0; k < size_; ++k) {
        memory.set_value(t, entry, row + k);
        arb_sub(t, t, value_(row + k, 0), bits_);
        const Rough apart = rough(t);
        middle[k] = apart.middle, radii[k] = apart.radius, sizes[k] = upward(std::fabs(apart.middle) + apart.radius);
        memory.set_key(key[k], entry, row + k);
      }
      for (std::size_t f = 0; f < half; ++f) {
        acb_set_arb_arb(here, key[f], key[f + half]);
        Magnitude most;
        acb_get_mag(most.get(), here);
        left.planes[f] = std::max(left.planes[f], upper_double(most));
      }
      for (std::size_t i = turning; i < size_; ++i) left.rest[i - turning] = std::max(left.rest[i - turning], at_most(key[i]));
      double change = 0;  // of the score, against equal keys
      if (of_run) {
        for (std::size_t f = 0; f < turns.size(); ++f) frequencies().set_turn(turns[f], f, j, bits_);
        head.start.modes.set_powers(powers, turns);
        for (std::size_t f = 0; f < half; ++f) {
          acb_set_arb_arb(limit, key_(row + f, 0), key_(row + f + half, 0));
          acb_mul(limit, limit, turns[f], bits_);
          acb_mul(limit, limit, lag[f], bits_);
          acb_set_arb_arb(here, key[f], key[f + half]);
          acb_sub(here, here, limit, bits_);
          Magnitude apart;
          acb_get_mag(apart.get(), here);
          change += head.query_planes[f] * upper_double(apart);
        }
        for (std::size_t i = turning; i < size_; ++i) {
          arb_sub(t, key[i], key_(row + i, 0), bits_);
          change += head.query_rest[i - turning] * at_most(t);
        }
        change = upward(change);
      }
      if (j <= explicit_tokens) {
        RotaryScore mine = score(h, key);
        for (std::size_t f = 0; f < lag.size(); ++f) acb_mul(mine.planes[f], mine.planes[f], lag[f], bits_);
        const RotaryModes::Expansion weight = head.start.modes.expand(mine);
        double radius = upper_double(weight.unlisted);
        for (std::size_t i = 0; i < count; ++i) {
          const double twice = i == 0 ? 1 : 2;
          const Rough re = rough(weight.coefficients[i].real()), im = rough(weight.coefficients[i].imag());
          radius = upward(radius + twice * (re.radius + im.radius));
          double* const a = &fixed.real[i * size];
          double* const b = &fixed.imag[i * size];
          for (std::size_t k = 0; k < size_; ++k) a[k] += twice * re.middle * middle[k], b[k] += twice * im.middle * middle[k];
          a[size_] += twice * re.middle, b[size_] += twice * im.middle;
          if (of_run) {  // in place of an equal key
            a[size_] -= twice * (head.real[i] * powers.real[i] + head.imag[i] * powers.imag[i]);
            b[size_] -= twice * (head.imag[i] * powers.real[i] - head.real[i] * powers.imag[i]);
          }
        }
        const double most = at_most(weight.total);
        for (std::size_t k = 0; k < size_; ++k) {
          fixed.rest[k] = upward(fixed.rest[k] + radius * sizes[k] + 2 * most * radii[k]);
          added[k] += 2 * most * sizes[k];
          head.explicit_spread[k] = upward(head.explicit_spread[k] + most * sizes[k]);
        }
        fixed.rest[size_] = upward(fixed.rest[size_] + radius + (of_run ? head.unlisted + head.radii : 0));
        added[size_] += 2 * (most + head.largest);
        head.explicit_mass = upward(head.explicit_mass + most);
        if (j < explicit_tokens) continue;
        for (std::size_t k = 0; k < size; ++k) fixed.rest[k] = upward(fixed.rest[k] + added[k] * 0x1p-38);
        head.sizes = sizes_of(fixed, count);
        continue;
      }
      const double more = above_expm1(change), place = static_cast<double>(j);
      for (std::size_t i = 0; i < count; ++i) {
        const double re = powers.real[i], im = powers.imag[i];
        double* const a = &head.sum_real[i * size_];
        double* const b = &head.sum_imag[i * size_];
        for (std::size_t k = 0; k < size_; ++k) a[k] += re * middle[k], b[k] -= im * middle[k];
      }
      for (std::size_t k = 0; k < size_; ++k) {
        left.error[k] = upward(left.error[k] + sizes[k] * sum_error + radii[k]);
        left.total[k] = upward(left.total[k] + sizes[k]);
        left.moved[k] = upward(left.moved[k] + more * sizes[k]), left.moved_most[k] = std::max(left.moved_most[k], upward(place * place * more * sizes[k]));
        left.spread[k] = upward(left.spread[k] + (more + 1) * sizes[k]), left.spread_most[k] = std::max(left.spread_most[k], upward(place * (more + 1) * sizes[k]));
      }
      left.mass_moved = upward(left.mass_moved + more), left.mass_moved_most = std::max(left.mass_moved_most, upward(place * more));
      left.growth = std::max(left.growth, more);
      if (j >= marks_.front()) add_point(head, powers);
      if (j == marks_[head.left.size()]) head.left.push_back(left);
    }
  });
  progress.step();
}

// f(t) of the tokens so far: fixed modes, and those of equal keys times the sums.
void RunHarmonics::add_point(SecondHead& head, const RotaryModes::Powers& powers) const {
  const std::size_t size = size_ + 1, place = head.points.size();
  head.points.resize(place + size);
  double* const x = &head.points[place];
  for (std::size_t i = 0; i < powers.real.size(); ++i) {
    const double re = powers.real[i], im = powers.imag[i], twice = i == 0 ? 1 : 2;
    const double equal_re = twice * (head.real[i] * re - head.imag[i] * im), equal_im = twice * (head.real[i] * im + head.imag[i] * re);
    const double *const a = &head.start.fixed.real[i * size], *const b = &head.start.fixed.imag[i * size];
    const double *const c = &head.sum_real[i * size_], *const d = &head.sum_imag[i * size_];
    for (std::size_t k = 0; k < size_; ++k) x[k] += (a[k] * re - b[k] * im) + (c[k] * equal_re - d[k] * equal_im);
    x[size_] += a[size_] * re - b[size_] * im;
  }
}

RunHarmonics::Reach RunHarmonics::reach_from(std::int64_t from) const {
  const RotaryRun& below = *run_.below();
  // j times a share is at most `reach`, for every j >= from.
  std::vector<double> reach, largest;
  Reach result;
  for (std::size_t h = 0; h < below.heads(); ++h) {
    result.densities.push_back(density_of(first_[h], from));
    for (std::size_t s = 0; s < below.singles(); ++s) {
      reach.push_back(upward(upper_double(below.largest_weight(h, s)) * at_most(result.densities[h])));
      largest.push_back(upward(reach.back() / static_cast<double>(from)));
    }
  }
  // v(alpha) - v(0) is the mean over t of J(t alpha), times alpha; for t up to (i + 1) / slices t alpha lies in as large a part of the box, so that the mean of J over these parts holds.
  BallMatrix queries, keys;
  const auto add_slopes = [&](BallMatrix& sum, const BallMatrix& slopes) {
    if (sum.rows() == 0) sum = BallMatrix(slopes.rows(), slopes.columns());
    for (std::size_t i = 0; i < slopes.rows(); ++i)
      for (std::size_t s = 0; s < slopes.columns(); ++s) arb_add(sum(i, s), sum(i, s), slopes(i, s), bits_);
  };
  for (int slice = 1; slice <= slices; ++slice) {
    std::vector<double> part = largest;
    for (double& x : part) x = upward(x * slice / slices);
    const SecondLayerWorld::Memory moved = second_layer(part);
    add_slopes(queries, moved.query.slopes), add_slopes(keys, moved.key.slopes), add_slopes(result.value_slopes, moved.value.slopes);
  }
  const auto reach_of = [&](BallMatrix& slopes) {
    std::vector<double> sums(slopes.rows());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      for (std::size_t s = 0; s < reach.size(); ++s) {
        arb_div_si(slopes(i, s), slopes(i, s), slices, bits_);
        sums[i] += at_most(slopes(i, s)) * reach[s];
      }
      sums[i] = upward(sums[i]);
    }
    return sums;
  };
  result.queries = reach_of(queries), result.keys = reach_of(keys), result.values = reach_of(result.value_slopes);
  return result;
}

double RunHarmonics::move_of_query(std::size_t head, const Reach& reach, const std::vector<double>& planes, const std::vector<double>& rest) const {
  const double scale = at_most(scale_);
  double result = 0;
  const std::size_t turning = model_.layers[1].attention.rotary->dimensions;
  for (std::size_t f = 0; f < planes.size(); ++f) result += scale * plane_of(reach.queries, head * size_, f, turning / 2) * planes[f];
  for (std::size_t i = 0; i < rest.size(); ++i) result += scale * reach.queries[head * size_ + turning + i] * rest[i];
  return upward(result);
}

std::vector<double> RunHarmonics::rest_at(const SecondHead& head, std::size_t mark, double query_more) const {
  const Left& left = head.left[mark];
  const auto to = static_cast<double>(marks_[mark]), first = static_cast<double>(explicit_tokens + 1);
  const double octaves = harmonic_above(explicit_tokens, marks_[mark]);  // at least the sum of 1/j over the tokens that have no modes of their own
  std::vector<double> result(size_ + 1);
  for (std::size_t k = 0; k < size_; ++k) {
    const double moved = std::min(head.largest * left.moved[k], head.weighed(left.moved_most[k] / (first - 1), left.moved_most[k] / (first * first)));
    const double spread = std::min(head.largest * left.spread[k], head.weighed(left.spread_most[k] * octaves, left.spread_most[k] / first));
    const double evaluated = evaluation_error * (head.sizes[k] + 2 * (head.largest + head.radii) * left.total[k]);
    result[k] = upward(head.start.fixed.rest[k] + evaluated + 2 * head.largest * left.error[k] + (head.radii + head.unlisted) * left.total[k] + moved + query_more * (head.explicit_spread[k] + spread));
  }
  const double mass_moved = std::min(head.largest * left.mass_moved, head.weighed(left.mass_moved_most * octaves, left.mass_moved_most / first));
  const double mass = upward(head.explicit_mass + (left.growth + 1) * head.weighed(to, 1));
  result[size_] = upward(head.start.fixed.rest[size_] + evaluation_error * head.sizes[size_] + mass_moved + query_more * mass);
  return result;
}

RunHarmonics::Points RunHarmonics::points(std::size_t mark) const {
  const RotaryRun& below = *run_.below();
  const std::size_t singles = shares(), size = size_ + 1;
  Points result{marks_.at(mark - 1), marks_.at(mark), singles + outputs(), {}, {}};
  const auto count = static_cast<std::size_t>(result.to - result.from + 1);
  result.middles.resize(count * result.variables), result.radii.resize(count * result.variables);
  std::vector<std::int64_t> lengths;
  for (std::int64_t n = result.from; n <= result.to; ++n) lengths.push_back(n);
  const BallMatrix first = below.shares(lengths, std::numeric_limits<std::size_t>::max());
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t s = 0; s < singles; ++s) {
      const Rough here = rough(first(s, c));
      result.middles[c * result.variables + s] = here.middle, result.radii[c * result.variables + s] = here.radius;
    }
  const Reach reach = reach_from(result.from);
  for (std::size_t h = 0; h < second_.size(); ++h) {
    const SecondHead& head = second_[h];
    const double query_more = above_expm1(upward(move_of_query(h, reach, head.left[mark].planes, head.left[mark].rest) / static_cast<double>(result.from)));
    const std::vector<double> rest = rest_at(head, mark, query_more);
    const double mean = (head.start.mean_low + head.start.mean_high) / 2;
    for (std::size_t c = 0; c < count; ++c) {
      const auto n = static_cast<double>(lengths[c]);
      const double* const x = &head.points[static_cast<std::size_t>(lengths[c] - marks_.front()) * size];
      // N / Z is within (rest of N + |N~ / Z~| rest of Z) / least Z of N~ / Z~.
      const double mass = n * mean + x[size_], mass_rest = upward(rest[size_] + n * (head.start.mean_high - head.start.mean_low) + (n * mean + std::fabs(x[size_])) * 0x1p-50), least = mass - mass_rest;
      for (std::size_t k = 0; k < size_; ++k) {
        const std::size_t e = c * result.variables + singles + h * size_ + k;
        const double quotient = x[k] / mass;
        const bool bounded = least > 0x1p-60 && is_moderate(x[k]);
        result.middles[e] = bounded ? quotient : 0;
        result.radii[e] = bounded ? upward((rest[k] + std::fabs(quotient) * mass_rest) / (least * (1 - 0x1p-40)) + std::fabs(quotient) * 0x1p-50) : infinite_bound;
      }
    }
  }
  return result;
}

std::vector<TurningQuotient> RunHarmonics::quotients() const {
  const Attention& attention = model_.layers[1].attention;
  const RotaryRun& below = *run_.below();
  const auto begin = static_cast<double>(start());
  const std::size_t turning = attention.rotary->dimensions, half = turning / 2, width = attention.kv_heads * size_, singles = below.singles(), last = marks_.size() - 1;

  // j (v_j - v) = the sum over the shares of slope * density * w_s(j): modes by their multiples, of both signs, within `loose`[octave] from start() 2^octave on. Densities and slopes are
  // sharper from octave to octave; the modes are those of the last.
  std::vector<Reach> reaches;
  for (std::size_t octave = 0; octave <= loose_octaves; ++octave) reaches.push_back(reach_from(start() << octave));
  const Reach& reach = reaches.front();
  const std::vector<double>&keys = reach.keys, &values = reach.values;
  std::map<std::int64_t, std::vector<std::complex<double>>> modes;
  std::vector<std::vector<double>> loose(loose_octaves + 1, std::vector<double>(width));
  std::vector<double> sum_of_modes(width);
  Ball slope;
  for (std::size_t h = 0; h < below.heads(); ++h)
    for (std::size_t s = 0; s < singles; ++s) {
      const TurningQuotient& quotient = first_[h];
      const double most = upper_double(below.largest_weight(h, s));
      std::vector<double> factor(width);
      for (std::size_t octave = loose_octaves + 1; octave-- > 0;)
        for (std::size_t r = 0; r < width; ++r) {
          arb_mul(slope, reaches[octave].value_slopes(r, h * singles + s), reaches[octave].densities[h], bits_);
          const Rough here = rough(slope);
          if (octave == loose_octaves) factor[r] = here.middle;
          const double apart = upward(std::fabs(here.middle - factor[r]) + here.radius + (std::fabs(here.middle) + std::fabs(factor[r])) * 0x1p-52);
          loose[octave][r] = upward(loose[octave][r] + apart * most + std::fabs(factor[r]) * (quotient.fixed.rest[s] + most * 0x1p-30));
        }
      for (std::size_t i = 0; i < quotient.modes.count(); ++i) {
        const std::complex<double> c(quotient.fixed.real[i * quotient.fixed.size + s], quotient.fixed.imag[i * quotient.fixed.size + s]);
        for (const int sign : {1, -1}) {
          if (i == 0 && sign < 0) continue;
          auto& sum = modes[sign * quotient.multiples[i]];
          sum.resize(width);
          for (std::size_t r = 0; r < width; ++r) sum[r] += factor[r] * (i == 0 ? c : sign > 0 ? 0.5 * c : 0.5 * std::conj(c));
        }
      }
    }
  // What holds from an octave on holds from the next one on.
  for (std::size_t octave = 1; octave <= loose_octaves; ++octave)
    for (std::size_t r = 0; r < width; ++r) loose[octave][r] = std::min(loose[octave][r], loose[octave - 1][r]);
  std::map<std::int64_t, std::vector<double>> sizes;
  for (const auto& [multiple, sum] : modes) {
    std::vector<double>& size = sizes[multiple];
    for (std::size_t r = 0; r < width; ++r) size.push_back(std::abs(sum[r])), sum_of_modes[r] += size[r];
  }
  for (double& sum : sum_of_modes) sum = upward(sum);

  // At least 1 / |1 - e^(i d unit)|.
  std::map<std::int64_t, double> known;
  Ball unit;
  frequencies().set_unit(unit, 0, bits_);
  const auto inverse_turn = [&](std::int64_t d) {
    const auto [place, fresh] = known.try_emplace(std::abs(d), infinite_bound);
    if (fresh) {
      Ball x;
      arb_mul_si(x, unit, d, bits_);
      arb_mul_2exp_si(x, x, -1);
      arb_sin(x, x, bits_);
      arb_mul_2exp_si(x, x, 1);
      arb_inv(x, x, bits_);
      if (arb_is_finite(x)) place->second = at_most(x);
    }
    return place->second;
  };

  std::vector<TurningQuotient> result = first_;
  for (std::size_t h = 0; h < second_.size(); ++h) {
    const SecondHead& head = second_[h];
    const Left& left = head.left[last];
    const std::size_t row = h / group_ * size_, size = size_ + 1;
    TurningQuotient quotient = head.start;
    const std::size_t count = quotient.modes.count();
    PhaseSum &fixed = quotient.fixed, &growing = quotient.growing;
    quotient.octaves.assign(loose_octaves, std::vector<double>(size));
    // Scores move by at most `of_key`/j, as the key does, and `of_query`/n, as the query does.
    double of_key = 0;
    std::vector<double> planes, rest;  // of all keys
    for (std::size_t f = 0; f < half; ++f) {
      ComplexBall key;
      acb_set_arb_arb(key, key_(row + f, 0), key_(row + f + half, 0));
      Magnitude most;
      acb_get_mag(most.get(), key);
      of_key += head.query_planes[f] * plane_of(keys, row, f, half);
      planes.push_back(std::max(left.planes[f], upward(upper_double(most) + plane_of(keys, row, f, half) / begin)));
    }
    for (std::size_t i = turning; i < size_; ++i) {
      of_key += head.query_rest[i - turning] * keys[row + i];
      rest.push_back(std::max(left.rest[i - turning], upward(at_most(key_(row + i, 0)) + keys[row + i] / begin)));
    }
    of_key = upward(of_key);
    const double of_query = move_of_query(h, reach, planes, rest);
    const double key_factor = above_exp(upward(of_key / begin)), both_factor = above_exp(upward((of_key + of_query) / begin)), query_more = above_expm1(upward(of_query / begin));

    // The tokens that have no modes of their own, up to start(); and resonances beyond it.
    for (std::size_t i = 0; i < count; ++i) {
      const std::complex<double> c = (i == 0 ? 1.0 : 2.0) * std::complex<double>(head.real[i], head.imag[i]);
      const auto resonant = modes.find(quotient.multiples[i]);
      for (std::size_t k = 0; k < size_; ++k) {
        const std::complex<double> here = c * std::complex<double>(head.sum_real[i * size_ + k], head.sum_imag[i * size_ + k]);
        fixed.real[i * size + k] += here.real(), fixed.imag[i * size + k] += here.imag();
        if (resonant == modes.end()) continue;
        const std::complex<double> there = c * resonant->second[row + k];
        growing.real[i * size + k] = there.real(), growing.imag[i * size + k] = there.imag();
      }
    }
    std::map<std::int64_t, std::complex<double>> equal;  // c by multiples, of both signs
    for (std::size_t i = 0; i < count; ++i) {
      const std::complex<double> c(head.real[i], head.imag[i]);
      equal[quotient.multiples[i]] += c;
      if (i > 0) equal[-quotient.multiples[i]] += std::conj(c);
    }
    std::vector<double> apart(size_);  // sum over pairs of modes that do not resonate of |c| |p| / |1 - e^(i ...)|
    for (const auto& [here, c] : equal) {
      const double modulus = std::abs(c) + head.radii;
      for (const auto& [there, p] : sizes) {
        if (here == there) continue;
        const double factor = modulus * inverse_turn(there - here);
        for (std::size_t k = 0; k < size_; ++k) apart[k] += factor * p[row + k];
      }
    }
    const double later_mean = quotient.mean_high, once_later = 2 * head.excess / begin;  // of the sum of E(n - j) / j over start() < j <= n: L(n) times the first, and the second (`mean_weight`)
    const std::vector<double> up_to_start = rest_at(head, last, query_more);
    for (std::size_t k = 0; k < size_; ++k) {
      const std::size_t r = row + k;
      // The sum of E(n - j) loose(j) / j: an octave has at most log 2 of the 1/j.
      double all = 0;
      for (std::size_t octave = 0; octave < loose_octaves; ++octave) all += loose[octave][r] * TurningQuotient::most_octave;
      const bool by_mean = later_mean * all + once_later * loose[0][r] < head.largest * all;
      const double weight = by_mean ? later_mean : head.largest;
      for (std::size_t octave = 0; octave < loose_octaves; ++octave) quotient.octaves[octave][k] = upward(weight * loose[octave][r] * TurningQuotient::most_octave);
      fixed.rest[k] = upward(up_to_start[k] + 2 * apart[k] / (begin + 1) + (by_mean ? once_later * loose[0][r] : 0) +
                             of_key * key_factor * values[r] * head.weighed(1 / begin, 1 / (begin * begin)) + query_more * once_later * key_factor * values[r]);
      growing.rest[k] = upward(growing.rest[k] + weight * loose[loose_octaves][r] + (head.unlisted + head.radii) * sum_of_modes[r] + query_more * later_mean * key_factor * values[r]);
    }
    fixed.rest[size_] = upward(up_to_start[size_] + of_query * both_factor * (later_mean + once_later) + of_key * both_factor * once_later);
    growing.rest[size_] = upward(growing.rest[size_] + of_key * both_factor * later_mean);
    finish(fixed, count), finish(growing, count);
    result.push_back(std::move(quotient));
  }
  return result;
}

void RunHarmonics::set_outputs(BallMatrix& result, std::size_t column, const std::vector<TurningQuotient>& quotients, std::int64_t n) const {
  std::vector<ComplexBall> turns(frequencies().planes());
  for (std::size_t f = 0; f < turns.size(); ++f) frequencies().set_turn(turns[f], f, n, bits_);
  const double low = harmonic_below(start(), n), high = harmonic_above(start(), n);
  RotaryModes::Powers powers;
  Ball harmonic, t;
  arb_set_d(harmonic, low), arb_set_d(t, high);
  arb_union(harmonic, harmonic, t, bits_);
  for (std::size_t h = 0; h < second_.size(); ++h) {
    const TurningQuotient& quotient = quotients[first_.size() + h];
    quotient.modes.set_powers(powers, turns);
    const auto set_entry = [&](arb_ptr x, std::size_t k) {
      double fixed = 0, growing = 0;
      for (std::size_t i = 0; i < quotient.modes.count(); ++i) {
        const std::size_t e = i * quotient.fixed.size + k;
        fixed += quotient.fixed.real[e] * powers.real[i] - quotient.fixed.imag[e] * powers.imag[i];
        growing += quotient.growing.real[e] * powers.real[i] - quotient.growing.imag[e] * powers.imag[i];
      }
      arb_set_d(x, growing);
      arb_add_error_mag(x, magnitude_of(quotient.growing.rest[k]).get());
      arb_mul(x, x, harmonic, bits_);
      Ball part;
      arb_set_d(part, fixed);
      arb_add_error_mag(part, magnitude_of(upward(quotient.fixed.rest[k] + quotient.later(k, high))).get());
      arb_add(x, x, part, bits_);
    };
    Ball mass, mean, end;
    set_entry(mass, size_);
    arb_set_d(mean, quotient.mean_low), arb_set_d(end, quotient.mean_high);
    arb_union(mean, mean, end, bits_);
    arb_mul_si(mean, mean, n, bits_);
    arb_add(mass, mass, mean, bits_);
    if (!arb_is_positive(mass)) arb_indeterminate(mass);
    for (std::size_t k = 0; k < size_; ++k) {
      arb_ptr x = result(h * size_ + k, column);
      set_entry(x, k);
      arb_div(x, x, mass, bits_);
      arb_add(x, x, value_(h / group_ * size_ + k, 0), bits_);
    }
  }
}

void RunHarmonics::set_outputs(BallMatrix& result, std::size_t column, const Points& points, std::int64_t n) const {
  const auto middle = points.middle(n), radius = points.radius(n);
  Ball x;
  for (std::size_t i = 0; i < outputs(); ++i) {
    arb_set_d(x, middle[shares() + i]);
    arb_add_error_mag(x, magnitude_of(radius[shares() + i]).get());
    arb_add(result(i, column), x, limit_output(i), bits_);
  }
}

}  // namespace snellen
