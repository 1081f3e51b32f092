// Interval images: they contain what engines compute, and no more than they must.
#include "lib/world/image.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "lib/model/decoder.hpp"
#include "lib/world/rounded.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"

namespace {

using namespace snellen;

double uniform(std::mt19937_64& random, double low, double high) { return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53; }

// A value of a format, of any size that is not extreme, and often one where rounding is delicate.
double value_of(std::mt19937_64& random, const FormatArithmetic& f) {
  const double x = std::ldexp(uniform(random, -1, 1), static_cast<int>(random() % 12) - 6);
  return f(random() % 4 == 0 ? std::nearbyint(x * 16) / 16 : x);
}

TEST_CASE("images of operations contain every result and end at results") {
  std::mt19937_64 random(1);
  std::size_t checked = 0;
  for (const char* name : {"fp32", "bf16", "fp16", "e4m3", "fp64", "p12:-30:31"}) {
    const Format format = *find_format(name);
    const ImageArithmetic image(format, false);
    const FormatArithmetic& f = image.points();
    for (int i = 0; i < 3000; ++i) {
      double a = value_of(random, f), b = value_of(random, f), c = value_of(random, f), d = value_of(random, f);
      const Range x{std::min(a, b), std::max(a, b)}, y{std::min(c, d), std::max(c, d)};
      const Range sum = image.add(x, y), difference = image.subtract(x, y), product = image.multiply(x, y), quotient = image.divide(x, y), square = image.square(x);
      CHECK(sum.lower == f.add(x.lower, y.lower));
      CHECK(sum.upper == f.add(x.upper, y.upper));
      if (y.lower >= 0.5 && x.magnitude() < 100) CHECK(quotient.is_finite());
      for (int k = 0; k < 4; ++k) {
        const double p = k == 0 ? x.lower : k == 1 ? x.upper : std::clamp(f(uniform(random, x.lower, x.upper)), x.lower, x.upper);
        const double q = k == 0 ? y.upper : k == 1 ? y.lower : std::clamp(f(uniform(random, y.lower, y.upper)), y.lower, y.upper);
        const auto holds = [&](const Range& range, double result) { return !range.is_finite() || (range.lower <= result && result <= range.upper); };
        CHECK(holds(sum, f.add(p, q)));
        CHECK(holds(difference, f.subtract(p, q)));
        CHECK(holds(product, f.multiply(p, q)));
        if (q != 0) CHECK(holds(quotient, f.divide(p, q)));
        CHECK(holds(square, f.multiply(p, p)));
        CHECK(holds(image.factor(x, y, true), p * q));
        checked += 6;
      }
    }
  }
  CHECK(checked >= 6 * 3000 * 4 * 5);
}

TEST_CASE("real functions are enclosed, closely") {
  std::mt19937_64 random(2);
  mpfr_t y;
  mpfr_init2(y, 200);
  const auto check = [&](const char* what, const Range& range, double width) {
    INFO(what);
    CHECK(mpfr_cmp_d(y, range.lower) >= 0);
    CHECK(mpfr_cmp_d(y, range.upper) <= 0);
    CHECK(range.upper - range.lower <= width);
  };
  for (int i = 0; i < 4000; ++i) {
    const double x = std::ldexp(uniform(random, -1, 1), static_cast<int>(random() % 30) - 20);
    mpfr_set_d(y, x, MPFR_RNDN), mpfr_exp(y, y, MPFR_RNDN);
    check("exp", real_exp(Range::point(x)), std::max(0x1p-900, std::exp(x) * 0x1p-43));
    mpfr_set_d(y, x, MPFR_RNDN), mpfr_tanh(y, y, MPFR_RNDN);
    check("tanh", real_tanh(Range::point(x)), 0x1p-40);
    mpfr_set_d(y, x, MPFR_RNDN), mpfr_erf(y, y, MPFR_RNDN);
    check("erf", real_erf(Range::point(x)), 0x1p-50);
    if (x > 0) {
      mpfr_set_d(y, x, MPFR_RNDN), mpfr_rec_sqrt(y, y, MPFR_RNDN);
      check("inverse root", real_inverse_sqrt(Range::point(x)), 1 / std::sqrt(x) * 0x1p-49);
    }
  }
  for (const double x : {-800.0, -690.0, -1e300, 700.0, 1e300}) {
    const Range range = real_exp(Range::point(x));
    mpfr_set_d(y, x, MPFR_RNDN), mpfr_exp(y, y, MPFR_RNDN);
    CHECK(mpfr_cmp_d(y, range.lower) >= 0);
    CHECK(mpfr_cmp_d(y, range.upper) <= 0);
  }
  mpfr_clear(y);
}

EngineProfile open_profile(const char* format) {
  EngineProfile p = engine_profile(*find_profile(format));
  p.order = SumOrder::any;
  return p;
}

// Sums in random trees, products rounded or fused at random.
TEST_CASE("sums in any order lie in the image; in one that adds up what it can, close to its end") {
  std::mt19937_64 random(3);
  std::size_t inside = 0;
  double used = 0;
  for (const char* name : {"fp32", "bf16", "p8:-4:60"}) {  // the last: products underflow, and there are more terms than 1/u
    const FormatArithmetic f(*find_format(name));
    const bool small = f.format().emin == -4;
    const ImageSum image(f.format(), open_profile(small ? "bf16" : name));
    for (int trial = 0; trial < 400; ++trial) {
      const std::size_t n = small ? 260 + random() % 300 : 1 + random() % 40;
      std::vector<double> a(n), b(n), sums;
      std::vector<bool> product(n, false);
      double exact = 0, magnitude = 0, largest = 0;
      for (std::size_t i = 0; i < n; ++i) {
        a[i] = value_of(random, f), b[i] = trial % 3 == 0 ? std::fabs(value_of(random, f)) : value_of(random, f);
        exact += a[i] * b[i], magnitude += std::fabs(a[i] * b[i]), largest = std::max({largest, std::fabs(a[i]), std::fabs(b[i])});
      }
      // Parts: an accumulator each, to which products are added, fused or not; then the parts in a random tree.
      std::vector<double> parts(1 + random() % 4, 0.0);
      for (std::size_t i = 0; i < n; ++i) {
        double& part = parts[random() % parts.size()];
        part = random() % 2 == 0 ? f(part + a[i] * b[i]) : f.add(part, f.multiply(a[i], b[i]));
      }
      while (parts.size() > 1) {
        const double last = parts.back();
        parts.pop_back();
        double& other = parts[random() % parts.size()];
        other = f.add(other, last);
      }
      const Range range = image(n, exact, magnitude * 0x1p-45, magnitude, largest);
      if (!range.is_finite()) continue;
      CHECK(range.lower <= parts[0]);
      CHECK(parts[0] <= range.upper);
      used = std::max(used, std::fabs(parts[0] - exact) / ((range.upper - range.lower) / 2));
      ++inside;
    }
  }
  CHECK(inside > 700);
  CHECK(used > 0.2);
}

TEST_CASE("truncating and aligned additions lie in their images") {
  std::mt19937_64 random(4);
  EngineProfile truncated = open_profile("fp32"), aligned = truncated;
  truncated.addition = Addition::truncated;
  aligned.addition = Addition::aligned, aligned.aligned_bits = 25, aligned.aligned_block = 8;
  const ImageSum truncating(*find_format("fp32"), truncated), aligning(*find_format("fp32"), aligned);
  const auto cut = [](double x, int bits) {  // towards zero, to `bits` bits
    if (x == 0) return 0.0;
    const double unit = std::ldexp(1.0, std::ilogb(x) - bits + 1);
    return std::trunc(x / unit) * unit;
  };
  std::size_t checked = 0;
  for (int trial = 0; trial < 500; ++trial) {
    const std::size_t n = 8 * (1 + random() % 8);
    double exact = 0, magnitude = 0, largest = 0, one_by_one = 0, in_blocks = 0;
    std::vector<double> products(n);
    const FormatArithmetic narrow(*find_format("bf16"));
    for (double& p : products) {
      const double a = value_of(random, narrow), b = std::fabs(value_of(random, narrow));
      p = a * b;
      exact += p, magnitude += std::fabs(p), largest = std::max({largest, std::fabs(a), b});
      one_by_one = cut(one_by_one + p, 24);
    }
    for (std::size_t begin = 0; begin < n; begin += 8) {
      double most = std::fabs(in_blocks);
      for (std::size_t i = begin; i < begin + 8; ++i) most = std::max(most, std::fabs(products[i]));
      if (most == 0) continue;
      const double unit = std::ldexp(1.0, std::ilogb(most) - 24);
      double sum = std::trunc(in_blocks / unit) * unit;
      for (std::size_t i = begin; i < begin + 8; ++i) sum += std::trunc(products[i] / unit) * unit;
      in_blocks = cut(sum, 24);
    }
    const Range a = truncating(n, exact, magnitude * 0x1p-45, magnitude, largest), b = aligning(n, exact, magnitude * 0x1p-45, magnitude, largest);
    CHECK((a.lower <= one_by_one && one_by_one <= a.upper));
    CHECK((b.lower <= in_blocks && in_blocks <= b.upper));
    ++checked;
  }
  CHECK(checked == 500);
}

TEST_CASE("fused chains are replayed bit by bit") {
  std::mt19937_64 random(5);
  EngineProfile profile = open_profile("fp32");
  profile.order = SumOrder::sequential, profile.fused = true;
  const ImageWorld world(profile, nullptr);
  const ImageSum sum(profile.accumulator, profile);
  const FormatArithmetic f(profile.accumulator);
  constexpr std::size_t in = 37, out = 21, tokens = 6;
  std::vector<double> weights(out * in);
  for (double& w : weights) w = value_of(random, f);
  ImageBlock x(in, tokens);
  for (std::size_t i = 0; i < in * tokens; ++i) x.lower[i] = x.upper[i] = value_of(random, f);
  const ImageBlock y = world.linear({std::make_shared<DenseTensor>(out, in, weights), nullptr}, x);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t r = 0; r < out; ++r) {
      float chain = 0;
      std::vector<Range> a, b;
      for (std::size_t i = 0; i < in; ++i) {
        chain = std::fma(static_cast<float>(weights[r * in + i]), static_cast<float>(x.lower[t * in + i]), chain);
        a.push_back(Range::point(weights[r * in + i])), b.push_back(x.at(i, t));
      }
      CHECK(y.at(r, t).is_point());
      CHECK(y.at(r, t).lower == chain);
      CHECK(sum.replayed(a, b).lower == chain);
      CHECK(sum.replayed(a, b).upper == chain);
    }
  }
}

// Chains side by side, combined, block after block: written out here once more, in floats.
TEST_CASE("declared blocks and lanes are replayed bit by bit, and an ulp of one weight shows") {
  std::mt19937_64 random(6);
  const FormatArithmetic f(*find_format("fp32"));
  constexpr std::size_t in = 75, out = 19, tokens = 5;
  std::vector<double> weights(out * in);
  for (double& w : weights) w = value_of(random, f);
  ImageBlock x(in, tokens);
  for (std::size_t i = 0; i < in * tokens; ++i) x.lower[i] = x.upper[i] = value_of(random, f);
  const auto partial = [&](std::size_t r, std::size_t t, std::size_t begin, std::size_t end, std::size_t step, bool fused) {
    float sum = 0;
    for (std::size_t i = begin; i < end; i += step) {
      const float w = static_cast<float>(weights[r * in + i]), v = static_cast<float>(x.lower[t * in + i]);
      sum = fused ? std::fma(w, v, sum) : sum + w * v;
    }
    return sum;
  };
  std::size_t checked = 0, differing = 0;
  for (const std::size_t lanes : {1, 4, 8, 16}) {
    for (const std::size_t block : {0, 32, 40}) {
      for (const Combination combination : {Combination::sequential, Combination::halves, Combination::neighbours}) {
        for (const bool fused : {false, true}) {
          EngineProfile profile = open_profile("fp32");
          profile.linear_blocks = SumBlocks{lanes, block, combination, fused};
          const ImageBlock y = ImageWorld(profile, nullptr).linear({std::make_shared<DenseTensor>(out, in, weights), nullptr}, x);
          for (std::size_t t = 0; t < tokens; ++t) {
            for (std::size_t r = 0; r < out; ++r) {
              float total = 0;
              const std::size_t size = block == 0 ? in : block;
              for (std::size_t begin = 0; begin < in; begin += size) {
                std::vector<float> parts;
                for (std::size_t l = 0; l < lanes; ++l) parts.push_back(partial(r, t, begin + l, std::min(in, begin + size), lanes, fused));
                while (parts.size() > 1) {
                  std::vector<float> fewer;
                  if (combination == Combination::sequential) {
                    fewer = parts;
                    fewer[1] = fewer[0] + fewer[1];
                    fewer.erase(fewer.begin());
                  } else {
                    for (std::size_t i = 0; i < parts.size() / 2; ++i)
                      fewer.push_back(combination == Combination::halves ? parts[i] + parts[i + parts.size() / 2] : parts[2 * i] + parts[2 * i + 1]);
                  }
                  parts = fewer;
                }
                total = begin == 0 ? parts[0] : total + parts[0];
              }
              CHECK(y.at(r, t).is_point());
              CHECK(y.at(r, t).lower == total);
              differing += total != partial(r, t, 0, in, 1, fused);
              ++checked;
            }
          }
        }
      }
    }
  }
  CHECK(checked == 4 * 3 * 3 * 2 * tokens * out);
  CHECK(differing > checked / 4);  // orders matter
}

TEST_CASE("where casts may be left out, the next operation reads all that rounds to what is stored") {
  std::mt19937_64 random(8);
  EngineProfile profile = open_profile("bf16-acc32");
  profile.operand = profile.cache = *find_format("fp32"), profile.elided_casts = true;
  const ImageWorld world(profile, nullptr);
  const FormatArithmetic wide(*find_format("fp32")), narrow(*find_format("bf16"));
  constexpr std::size_t width = 40;
  std::size_t changed = 0;
  for (int trial = 0; trial < 50; ++trial) {
    ImageBlock a(width, 1), b(width, 1), c(width, 1);
    for (ImageBlock* x : {&a, &b, &c})
      for (std::size_t i = 0; i < width; ++i) x->lower[i] = x->upper[i] = value_of(random, narrow);
    // (a + b) c with the sum kept in fp32, or cast: both are what the engine may have.
    const ImageBlock product = world.multiply(world.add(a, b), c);
    for (std::size_t i = 0; i < width; ++i) {
      const double sum = wide.add(a.lower[i], b.lower[i]), kept = narrow(wide.multiply(sum, c.lower[i])), cast = narrow(wide.multiply(narrow(sum), c.lower[i]));
      CHECK(product.at(i, 0).lower <= std::min(kept, cast));
      CHECK(product.at(i, 0).upper >= std::max(kept, cast));
      changed += kept != cast;
    }
  }
  CHECK(changed > 50);
}

// Without an observer images are carried through the whole decoder: every emulated engine of the profile stays inside, operation by operation.
TEST_CASE("carried images contain a whole run") {
  std::size_t finite = 0, entries = 0;
  for (const testing::Specimen& specimen : testing::zoo()) {
    const Model model = synthetic_model(specimen.description);
    const std::vector<Token> tokens = {1, 2, 0, 3, 3};
    const SequenceTree sequence(tokens);
    for (const char* name : {"fp32", "bf16-acc32", "fp64"}) {
      INFO(specimen.name << ", " << name);
      const RoundedWorld rounded(*find_profile(name));
      const Decoder<RoundedWorld> engine(model, rounded);
      Decoder<RoundedWorld>::Memory engine_memory;
      const RoundedWorld::Block y = engine.final(engine.hidden(sequence.columns(), engine_memory));
      for (const bool open : {false, true}) {
        EngineProfile profile = engine_profile(*find_profile(name));
        if (open) {
          profile.order = SumOrder::any, profile.fused = true, profile.flush_to_zero = true, profile.bias = BiasIn::any, profile.norm_cast = NormCast::any, profile.scale = ScaleOn::any;
          profile.ulps = {4, 4, 4, 4, 4}, profile.angle_error = 4, profile.variance_error = 4;
        }
        const ImageWorld image(profile, nullptr);
        const Decoder<ImageWorld> decoder(model, image);
        Decoder<ImageWorld>::Memory memory;
        const ImageBlock x = decoder.final(decoder.hidden(sequence.columns(), memory));
        for (std::size_t t = 0; t < tokens.size(); ++t) {
          for (std::size_t i = 0; i < x.width; ++i) {
            const Range range = x.at(i, t);
            ++entries;
            if (!range.is_finite()) continue;
            ++finite;
            CHECK(range.lower <= y.column(t)[i]);
            CHECK(y.column(t)[i] <= range.upper);
          }
        }
      }
    }
  }
  CHECK(finite > entries / 3);
}

}  // namespace
