// The rounded world's arithmetic against the hardware's (fp32, fp16) and against exact integers (bf16).
#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <cstring>
#include <random>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#include "lib/world/rounded.hpp"
#include "tests/catch.hpp"
#include "tests/threads.hpp"

namespace {

using namespace snellen;
using Integer = boost::multiprecision::cpp_int;

std::uint64_t bits(double x) {
  std::uint64_t result;
  std::memcpy(&result, &x, sizeof result);
  return result;
}
bool same(double a, double b) { return bits(a) == bits(b) || (std::isnan(a) && std::isnan(b)); }

// A value of a format with `precision` bits, biased to its corners.
double value_of(const Format& format, std::mt19937_64& random) {
  const long range = format.emax - format.emin;
  long exponent = static_cast<long>(random() % 40) - 20;
  if (random() % 4 == 0) exponent = format.emin - format.precision + static_cast<long>(random() % static_cast<unsigned>(range + format.precision + 1));
  const std::uint64_t significand = random() % 8 ? random() >> (64 - format.precision) : random() & 1;
  const double x = DoubleRounder(format)(std::ldexp(static_cast<double>(significand), static_cast<int>(exponent) - format.precision + 1));
  return random() & 1 ? x : -x;
}

std::vector<double> values_of(const Format& format, std::size_t count, std::mt19937_64& random) {
  std::vector<double> result(count);
  for (double& x : result) x = value_of(format, random);
  return result;
}

std::vector<double> moderate(const Format& format, std::size_t count, std::mt19937_64& random) {
  const DoubleRounder r(format);
  std::vector<double> result(count);
  for (double& x : result) x = r(std::ldexp(static_cast<double>(random() >> 11), -52) - 1);
  return result;
}

RoundedWorld::Block block(std::size_t width, std::size_t tokens, std::vector<double> values) { return {width, tokens, std::move(values)}; }

// bf16 by integers: a finite value is significand * 2^-133 with an integer significand.
struct Bf16 {
  static Integer to_integer(double x) {
    int exponent;
    const double fraction = std::frexp(x, &exponent);
    const Integer significand(static_cast<std::int64_t>(std::ldexp(fraction, 53)));
    const int shift = exponent - 53 + 133;
    return shift >= 0 ? Integer(significand << static_cast<unsigned>(shift)) : Integer(significand / (Integer(1) << static_cast<unsigned>(-shift)));
  }
  // numerator * 2^-(133 + extra), rounded to bf16 and returned as its integer; `overflow` is set where that is infinite.
  static Integer rounded(const Integer& numerator, unsigned extra, bool& overflow) {
    const Integer magnitude = abs(numerator);
    if (magnitude == 0) return 0;
    const long top = static_cast<long>(msb(magnitude)) - static_cast<long>(extra);       // exponent of the value over 2^-133
    const unsigned drop = static_cast<unsigned>(std::max(0L, top - 7) + static_cast<long>(extra));
    Integer kept = magnitude >> drop;
    const Integer rest = magnitude - (kept << drop);
    const Integer twice = rest * 2, one = Integer(1) << drop;
    if (twice > one || (twice == one && (kept & 1) != 0)) ++kept;
    const Integer result = kept << (drop - extra);
    overflow = overflow || msb(result == 0 ? Integer(1) : result) >= 133 + 128;
    return numerator < 0 ? Integer(-result) : result;
  }
};

}  // namespace

TEST_CASE("rounded arithmetic: fp32 is the hardware's float arithmetic", "[rounded]") {
  std::mt19937_64 random(1);
  const FormatArithmetic f(*find_format("fp32"));
  std::size_t checked = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = value_of(f.format(), random), y = value_of(f.format(), random);
    const float a = static_cast<float>(x), b = static_cast<float>(y);
    const float sum = a + b, difference = a - b, product = a * b, quotient = a / b;
    if (!(same(f.add(x, y), sum) && same(f.subtract(x, y), difference) && same(f.multiply(x, y), product) && same(f.divide(x, y), quotient)))
      FAIL(x << " and " << y);
    checked += std::isfinite(quotient) && product != 0;
  }
  REQUIRE(checked > 100000);
}

#if defined(__x86_64__) && defined(__GNUC__)
namespace {
__attribute__((target("f16c"))) float to_fp16(float x) { return _cvtsh_ss(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT)); }
}  // namespace

TEST_CASE("rounded arithmetic: fp16 is float arithmetic with the hardware's conversion after each step", "[rounded]") {
  if (!__builtin_cpu_supports("avx2")) {
    WARN("skipped: this processor has no fp16 conversions (F16C, which all with AVX2 have; not every compiler asks for it by name)");
    return;
  }
  std::mt19937_64 random(2);
  const Format fp16 = *find_format("fp16");
  const FormatArithmetic f(fp16);
  std::size_t checked = 0;
  for (int i = 0; i < 200000; ++i) {
    const double x = value_of(fp16, random), y = value_of(fp16, random);
    const float a = static_cast<float>(x), b = static_cast<float>(y);
    if (!(same(f.add(x, y), to_fp16(a + b)) && same(f.subtract(x, y), to_fp16(a - b)) && same(f.multiply(x, y), to_fp16(a * b)) &&
          same(f.divide(x, y), to_fp16(a / b))))
      FAIL(x << " and " << y);
    ++checked;
  }
  REQUIRE(checked == 200000);

  // An fp16 accumulator, vectorised in float.
  const auto accumulate = Accumulator<float>::make(fp16, std::span(&fp16, 1));
  REQUIRE(accumulate);
  std::size_t finite = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t length = 1 + random() % 40;
    std::vector<float> w(length * 16), x(length);
    const bool corners = trial % 2 == 0;
    const std::vector<double> weights = corners ? values_of(fp16, w.size(), random) : moderate(fp16, w.size(), random);
    const std::vector<double> inputs = corners ? values_of(fp16, length, random) : moderate(fp16, length, random);
    std::copy(weights.begin(), weights.end(), w.begin());
    std::copy(inputs.begin(), inputs.end(), x.begin());
    float sums[16] = {};
    (*accumulate)(w.data(), x.data(), length, 1, length, sums);
    for (std::size_t l = 0; l < 16; ++l) {
      float expected = 0;
      for (std::size_t i = 0; i < length; ++i) expected = to_fp16(expected + to_fp16(w[i * 16 + l] * x[i]));
      REQUIRE(same(sums[l], expected));
      finite += std::isfinite(expected);
    }
  }
  REQUIRE(finite > 2500);
}
#endif

TEST_CASE("rounded arithmetic: bf16 dot products with a bf16 accumulator are exact integer arithmetic", "[rounded]") {
  std::mt19937_64 random(3);
  const Format bf16 = *find_format("bf16");
  const RoundedWorld world(*find_profile("bf16"));
  std::size_t checked = 0, subnormal = 0;
  for (int trial = 0; trial < 60; ++trial) {
    const std::size_t in = 1 + random() % 70, out = 1 + random() % 40, tokens = 1 + random() % 9;
    const int scale = trial % 3 == 0 ? 0 : trial % 3 == 1 ? -64 : -66;  // products around 1, and where they become subnormal
    std::vector<double> w = moderate(bf16, out * in, random), x = moderate(bf16, in * tokens, random);
    for (double& e : w) e = std::ldexp(e, scale);
    for (double& e : x) e = std::ldexp(e, scale);
    if (trial % 7 == 0) std::generate(x.begin(), x.end(), [&] { return value_of(bf16, random); });
    const RoundedWorld::Block y = world.linear({std::make_shared<DenseTensor>(out, in, w), nullptr}, block(in, tokens, x));
    REQUIRE((y.width == out && y.tokens == tokens));
    for (std::size_t c = 0; c < tokens; ++c) {
      for (std::size_t r = 0; r < out; ++r) {
        Integer sum = 0;
        bool overflow = false;
        for (std::size_t i = 0; i < in; ++i) {
          const Integer product = Bf16::to_integer(w[r * in + i]) * Bf16::to_integer(x[c * in + i]);  // over 2^-266
          sum = Bf16::rounded(sum + Bf16::rounded(product, 133, overflow), 0, overflow);
        }
        if (overflow) continue;
        REQUIRE(Bf16::to_integer(world.value(y, r, c)) == sum);
        ++checked;
        subnormal += sum != 0 && std::fabs(world.value(y, r, c)) < 0x1p-126;
      }
    }
  }
  REQUIRE(checked > 3000);
  REQUIRE(subnormal > 300);
}

TEST_CASE("rounded arithmetic: accumulators in float and in double agree", "[rounded]") {
  std::mt19937_64 random(4);
  std::size_t checked = 0;
  for (const char* name : {"fp32", "bf16", "fp16", "e5m2"}) {
    const Format format = *find_format(name);
    const auto single = Accumulator<float>::make(format, std::span(&format, 1));
    const auto wide = Accumulator<double>::make(format, std::span(&format, 1));
    REQUIRE((single && wide));
    for (int trial = 0; trial < 200; ++trial) {
      const std::size_t length = random() % 20, stride = length + 3, count = 1 + random() % 4;
      const std::vector<double> w = values_of(format, length * 16, random), x = values_of(format, stride * count, random);
      const std::vector<float> w32(w.begin(), w.end()), x32(x.begin(), x.end());
      float s32[64] = {};
      double s64[64] = {};
      (*single)(w32.data(), x32.data(), stride, count, length, s32);
      (*wide)(w.data(), x.data(), stride, count, length, s64);
      for (std::size_t i = 0; i < 16 * count; ++i) {
        REQUIRE(same(s32[i], s64[i]));
        ++checked;
      }
    }
  }
  REQUIRE(checked > 20000);
  // Where double rounding would show, there is no accumulator.
  const Format tf32 = *find_format("tf32"), fp64 = *find_format("fp64"), fp32 = *find_format("fp32");
  CHECK_FALSE(Accumulator<float>::make(tf32, std::span(&tf32, 1)));
  CHECK(Accumulator<double>::make(tf32, std::span(&tf32, 1)));
  CHECK_FALSE(Accumulator<double>::make(fp32, std::span(&fp64, 1)));
  CHECK_FALSE(Accumulator<float>::make(*find_format("bf16"), std::span(&fp32, 1)));
}

TEST_CASE("rounded arithmetic: fp32 linear is a naive float loop, for any number of threads", "[rounded]") {
  std::mt19937_64 random(5);
  const Format fp32 = *find_format("fp32");
  const RoundedWorld world(*find_profile("fp32"));
  std::size_t checked = 0;
  for (const auto& [in, out, tokens] : {std::array<std::size_t, 3>{1, 1, 1}, {7, 5, 3}, {64, 48, 8}, {33, 17, 13}, {300, 100, 6}}) {
    const std::vector<double> w = moderate(fp32, out * in, random), b = moderate(fp32, out, random), x = moderate(fp32, in * tokens, random);
    for (const int t : {1, 2}) {
      const Threads threads(t);
      const auto y = world.linear({std::make_shared<DenseTensor>(out, in, w), std::make_shared<DenseTensor>(1, out, b)}, block(in, tokens, x));
      for (std::size_t c = 0; c < tokens; ++c)
        for (std::size_t r = 0; r < out; ++r) {
          float sum = 0;
          for (std::size_t i = 0; i < in; ++i) {
            const float product = static_cast<float>(w[r * in + i]) * static_cast<float>(x[c * in + i]);
            sum += product;
          }
          sum += static_cast<float>(b[r]);
          REQUIRE(same(world.value(y, r, c), sum));
          ++checked;
        }
    }
  }
  REQUIRE(checked == 2 * (1 + 15 + 384 + 221 + 600));
}

// fp8: a plain loop in float, its roundings to fp8 by search among the values that the OCP bit fields give.
TEST_CASE("rounded arithmetic: scaled fp8 linear maps follow their profile", "[rounded]") {
  std::mt19937_64 random(6);
  std::size_t checked = 0;
  std::vector<Profile> profiles;
  for (Profile profile : shipped_profiles()) {
    if (profile.weight_scaling == Scaling::none) continue;
    profiles.push_back(profile);
    profile.storage = *find_format("fp32");  // shows what bf16 would hide
    profiles.push_back(profile);
  }
  for (const Profile& profile : profiles) {
    const bool e4m3 = profile.operand.precision == 4, token = profile.weight_scaling == Scaling::per_token;
    std::vector<float> values;
    for (int code = 0; code < (e4m3 ? 0x7f : 0x7c); ++code) {
      const int mantissa_bits = e4m3 ? 3 : 2, bias = e4m3 ? 7 : 15, exponent = code >> mantissa_bits, mantissa = code & ((1 << mantissa_bits) - 1);
      values.push_back(std::ldexp(static_cast<float>(mantissa + (exponent ? 1 << mantissa_bits : 0)), std::max(exponent, 1) - bias - mantissa_bits));
    }
    const auto to_fp8 = [&](float x) {
      const float magnitude = std::fabs(x);
      const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
      if (above == values.end()) return std::copysign(values.back(), x);
      std::size_t code = static_cast<std::size_t>(above - values.begin());
      if (*above != magnitude) {
        const double up = static_cast<double>(*above) - magnitude, down = static_cast<double>(magnitude) - values[code - 1];
        if (down < up || (down == up && code % 2 == 1)) --code;
      }
      return std::copysign(values[code], x);
    };
    const auto store = [&](float x) {  // finite, normal
      if (profile.storage.precision == 24) return x;
      std::uint32_t u;
      std::memcpy(&u, &x, sizeof u);
      u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
      std::memcpy(&x, &u, sizeof x);
      return x;
    };
    const std::size_t in = 50, out = 21, tokens = 5;
    const std::vector<double> w = moderate(*find_format("fp32"), out * in, random), x = moderate(profile.storage, in * tokens, random);
    const std::vector<double> b = moderate(profile.storage, out, random);
    const RoundedWorld world(profile);
    const Linear map{std::make_shared<DenseTensor>(out, in, w), std::make_shared<DenseTensor>(1, out, b)};
    const auto y = world.linear(map, block(in, tokens, x));
    const auto amax = [](const double* begin, std::size_t count) {
      double result = 0;
      for (std::size_t i = 0; i < count; ++i) result = std::max(result, std::fabs(begin[i]));
      return static_cast<float>(result);
    };
    for (std::size_t c = 0; c < tokens; ++c)
      for (std::size_t r = 0; r < out; ++r) {
        const float sx = (token ? amax(&x[c * in], in) : amax(x.data(), x.size())) / values.back();
        const float sw = (token ? amax(&w[r * in], in) : amax(w.data(), w.size())) / values.back();
        float sum = 0;
        for (std::size_t i = 0; i < in; ++i) sum += to_fp8(static_cast<float>(w[r * in + i]) / sw) * to_fp8(static_cast<float>(x[c * in + i]) / sx);
        REQUIRE(world.value(y, r, c) == store(store(sum * sx * sw) + static_cast<float>(b[r])));
        ++checked;
      }
    const auto again = world.linear(map, block(in, tokens, x));  // from the kept operands, where the profile keeps them
    CHECK(again.values == y.values);
    CHECK_FALSE(world.first_event());  // scaled into range: nothing saturates
  }
  REQUIRE(checked == 8 * 105);
}

TEST_CASE("rounded arithmetic: the first event is reported where it began", "[rounded]") {
  const auto dense = [](std::size_t rows, std::size_t columns, std::vector<double> values) { return std::make_shared<DenseTensor>(rows, columns, std::move(values)); };
  const auto expect = [](const RoundedWorld& world, const char* what, const char* operation, std::size_t column) {
    const auto event = world.first_event();
    REQUIRE(event);
    CHECK(event->what == what);
    CHECK(event->operation == operation);
    CHECK(event->column == column);
  };
  const Linear sum{dense(1, 2, {1, 1}), nullptr};
  {
    const RoundedWorld world(*find_profile("fp16-acc32"));
    const auto fine = world.linear(sum, block(2, 2, {60000, 5504, 1, 2}));  // 65504: the largest
    CHECK_FALSE(world.first_event());
    const auto x = world.linear(sum, block(2, 4, {1, 2, 60000, 5520, 3, 4, 60000, 60000}));
    CHECK(world.value(fine, 0, 0) == 65504);
    CHECK(std::isinf(world.value(x, 0, 1)));
    expect(world, "overflow", "linear", 1);
    const auto nan = world.add(x, world.scale(x, Root{4}));  // later operations do not change what was first
    CHECK(std::isinf(world.value(nan, 0, 3)));
    expect(world, "overflow", "linear", 1);
    world.forget_events();
    CHECK_FALSE(world.first_event());
    const auto y = block(1, 2, {1, INFINITY}), z = block(1, 2, {1, -INFINITY});
    CHECK(std::isnan(world.value(world.add(y, z), 0, 1)));
    expect(world, "nan", "sum", 1);
    world.forget_events();
    Norm rms;
    world.norm(rms, block(2, 1, {60000, 60000}), 1);  // inside fp32: no overflow
    CHECK_FALSE(world.first_event());
  }
  {
    Profile p = *find_profile("fp16-acc32");
    p.norm = p.storage;
    const RoundedWorld world(p);
    const auto y = world.norm(Norm{}, block(2, 3, {1, 2, 300, 300, 400, 400}), 1);  // the sum of squares overflows, the result is a plain zero
    CHECK(world.value(y, 0, 1) == 0);
    expect(world, "overflow", "norm", 1);
  }
  {
    Profile p = *find_profile("bf16-acc32");
    p.storage = *find_format("e4m3-saturating");
    const RoundedWorld world(p);
    CHECK(world.value(world.add(block(1, 2, {448, 448}), block(1, 2, {16, 0})), 0, 0) == 448);  // 464 rounds to 448
    CHECK_FALSE(world.first_event());
    CHECK(world.value(world.add(block(1, 2, {1, 448}), block(1, 2, {1, 32})), 0, 1) == 448);
    expect(world, "overflow", "sum", 1);
    p.storage = *find_format("e4m3");
    const RoundedWorld with_nan(p);
    CHECK(std::isnan(with_nan.value(with_nan.multiply(block(1, 1, {448}), block(1, 1, {2})), 0, 0)));
    expect(with_nan, "overflow", "product", 0);
  }
  {
    Profile p = *find_profile("fp32");
    p.operand = *find_format("e4m3-saturating");
    const RoundedWorld world(p);
    CHECK(world.value(world.linear(sum, block(2, 2, {1, 1, 1000, 1})), 0, 1) == 449);
    expect(world, "overflow", "linear", 1);
    world.forget_events();
    world.linear({dense(1, 1, {1000}), nullptr}, block(1, 1, {1}));
    expect(world, "overflow", "linear", 0);
  }
  {
    Profile p = *find_profile("fp16-acc32");
    p.softmax = p.storage;
    const RoundedWorld world(p);
    RoundedWorld::Memory memory;
    Attention a;
    a.heads = a.kv_heads = a.head_size = 1;
    const std::vector<Column> columns{{0, 0, 0, 0}, {0, 1, 0, 0}};
    const auto q = block(1, 2, {1, -300}), k = block(1, 2, {1, 300}), v = block(1, 2, {5, 6});
    CHECK(world.value(world.attend(a, q, k, v, columns, memory), 0, 1) == 5);  // -90000 becomes -infinity, of which softmax makes a plain zero
    expect(world, "overflow", "attention", 1);
  }
}
