// Each operation of the rounded world step by step, as lib/world/profile.hpp lists the steps: the reference computes in hardware floats and
// rounds to bf16 by integer addition where the profile says bf16 (a float has the bits that make rounding twice harmless); functions are MPFR's.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "lib/world/rounded.hpp"
#include "tests/catch.hpp"

namespace {

using namespace snellen;
using Block = RoundedWorld::Block;

float to_bf16(float x) {  // not for NaN
  std::uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000u;
  std::memcpy(&x, &u, sizeof x);
  return x;
}
float as_is(float x) { return x; }
using Rounding = float (*)(float);

// Which of the two a profile rounds to, outside operations and inside them.
struct Reference {
  Rounding store, inside;
  int bits;  // of the inside format
  float function(int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t), double x) const {
    Dyadic argument = Dyadic::of(x), result(bits);
    f(result.get(), argument.get(), MPFR_RNDN);
    return static_cast<float>(result.to_double(MPFR_RNDN));
  }
};
struct Named {
  const char* profile;
  Reference reference;
};
const Named references[] = {{"fp32", {as_is, as_is, 24}}, {"bf16", {to_bf16, to_bf16, 8}}, {"bf16-acc32", {to_bf16, as_is, 24}}};

std::vector<double> random_values(std::mt19937_64& random, std::size_t count, double size, const Reference& r) {
  std::vector<double> result(count);
  for (double& x : result) x = r.store(static_cast<float>(size * (std::ldexp(static_cast<double>(random() >> 40), -23) - 1)));
  return result;
}

bool same(double ours, float theirs) { return std::memcmp(&ours, std::vector<double>{static_cast<double>(theirs)}.data(), sizeof ours) == 0; }

}  // namespace

TEST_CASE("rounded operations: norms, step by step", "[rounded]") {
  std::mt19937_64 random(1);
  std::size_t checked = 0;
  const std::size_t size = 11, groups = 2, tokens = 3;
  for (const auto& [name, r] : references) {
    const RoundedWorld world(*find_profile(name));
    for (const NormKind kind : {NormKind::rms, NormKind::layer}) {
      for (const bool unit_offset : {false, true}) {
        const std::vector<double> w = random_values(random, size, 1, r), b = random_values(random, size, 1, r);
        const Block x{size * groups, tokens, random_values(random, size * groups * tokens, 3, r)};
        Norm n{kind, std::make_shared<DenseTensor>(1, size, w), nullptr, 1e-5, unit_offset};
        if (kind == NormKind::layer) n.bias = std::make_shared<DenseTensor>(1, size, b);
        const Block y = world.norm(n, x, groups);
        const auto in = r.inside;
        const float count = in(static_cast<float>(size));
        for (std::size_t part = 0; part < groups * tokens; ++part) {
          std::vector<float> v(x.values.begin() + static_cast<std::ptrdiff_t>(part * size), x.values.begin() + static_cast<std::ptrdiff_t>((part + 1) * size));
          if (kind == NormKind::layer) {
            float sum = 0;
            for (const float e : v) sum = in(sum + e);
            const float mean = in(sum / count);
            for (float& e : v) e = in(e - mean);
          }
          float squares = 0;
          for (const float e : v) {
            const float square = in(e * e);
            squares = in(squares + square);
          }
          const float variance = in(squares / count);
          const float inverse = r.function(mpfr_rec_sqrt, in(variance + in(static_cast<float>(1e-5))));
          for (std::size_t i = 0; i < size; ++i) {
            const float weight = unit_offset ? in(1 + static_cast<float>(w[i])) : static_cast<float>(w[i]);
            const float scaled = in(v[i] * inverse);
            float e = in(scaled * weight);
            if (n.bias) e = in(e + static_cast<float>(b[i]));
            REQUIRE(same(y.values[part * size + i], r.store(e)));
            ++checked;
          }
        }
      }
    }
  }
  REQUIRE(checked == 3 * 4 * 66);
}

TEST_CASE("rounded operations: activations, step by step", "[rounded]") {
  std::mt19937_64 random(2);
  std::size_t checked = 0;
  for (const auto& [name, r] : references) {
    const RoundedWorld world(*find_profile(name));
    const auto in = r.inside;
    const Block x{200, 1, random_values(random, 200, 5, r)};
    const float root_half = r.function(mpfr_rec_sqrt, 2);
    Dyadic pi(200);
    mpfr_const_pi(pi.get(), MPFR_RNDN), mpfr_ui_div(pi.get(), 2, pi.get(), MPFR_RNDN), mpfr_sqrt(pi.get(), pi.get(), MPFR_RNDN);
    const float root_two_over_pi = in(static_cast<float>(pi.to_double(MPFR_RNDN)));
    for (const Activation activation : {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::relu}) {
      const Block y = world.activate(activation, x);
      for (std::size_t i = 0; i < x.width; ++i) {
        const float e = static_cast<float>(x.values[i]);
        float expected = std::max(e, 0.0f);
        if (activation == Activation::silu) expected = in(e / in(1 + r.function(mpfr_exp, -e)));
        const float half = in(0.5f * e);
        if (activation == Activation::gelu_exact) expected = in(half * in(1 + r.function(mpfr_erf, in(e * root_half))));
        if (activation == Activation::gelu_tanh) {
          const float square = in(e * e), cube = in(square * e), cubic = in(in(0.044715f) * cube);
          expected = in(half * in(1 + r.function(mpfr_tanh, in(root_two_over_pi * in(e + cubic)))));
        }
        INFO(name << " " << static_cast<int>(activation) << " of " << e);
        REQUIRE(same(y.values[i], r.store(expected)));
        ++checked;
      }
    }
  }
  REQUIRE(checked == 3 * 4 * 200);
}

TEST_CASE("rounded operations: rotation, step by step", "[rounded]") {
  std::mt19937_64 random(3);
  std::size_t checked = 0;
  for (const auto& [name, r] : references) {
    const RoundedWorld world(*find_profile(name));
    const auto in = r.inside;
    const std::size_t heads = 2, head_size = 10, half = 4;
    const std::vector<Column> columns{{0, 0, 0, 0}, {0, 1, 0, 0}, {0, 1000, 0, 0}};
    const Block x{heads * head_size, columns.size(), random_values(random, heads * head_size * columns.size(), 2, r)};
    const Block y = world.rotate(x, Rotary{500, 2 * half}, heads, columns);
    for (std::size_t c = 0; c < columns.size(); ++c)
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t i = 0; i < head_size; ++i) {
          const auto entry = [&](std::size_t j) { return static_cast<float>(x.column(c)[h * head_size + j]); };
          float expected = entry(i);
          if (i < 2 * half) {
            Dyadic angle(300), exponent(300);
            mpfr_set_d(exponent.get(), -2.0 * static_cast<double>(i % half) / 8, MPFR_RNDN);
            mpfr_ui_pow(angle.get(), 500, exponent.get(), MPFR_RNDN);
            mpfr_mul_si(angle.get(), angle.get(), columns[c].position, MPFR_RNDN);
            Dyadic cos(r.bits), sin(r.bits);
            mpfr_sin_cos(sin.get(), cos.get(), angle.get(), MPFR_RNDN);
            const float other = entry(i < half ? i + half : i - half);
            const float a = in(entry(i) * static_cast<float>(cos.to_double(MPFR_RNDN))), b = in(other * static_cast<float>(sin.to_double(MPFR_RNDN)));
            expected = in(i < half ? a - b : a + b);
          }
          REQUIRE(same(world.value(y, h * head_size + i, c), r.store(expected)));
          ++checked;
        }
  }
  REQUIRE(checked == 3 * 60);
}

TEST_CASE("rounded operations: attention, step by step", "[rounded]") {
  std::mt19937_64 random(4);
  std::size_t checked = 0;
  const std::size_t heads = 4, kv_heads = 2, size = 5, tokens = 23;
  for (const auto& [name, r] : references) {
    const RoundedWorld world(*find_profile(name));
    const auto in = r.inside;
    for (int variant = 0; variant < 8; ++variant) {
      Attention a;
      a.heads = heads, a.kv_heads = kv_heads, a.head_size = size, a.scale = {size, true};
      if (variant & 1) a.softcap = 2.3;
      if (variant & 2) a.alibi = alibi_slopes(heads);
      if (variant & 4) a.window = 7;
      const Block q{heads * size, tokens, random_values(random, heads * size * tokens, 2, r)};
      const Block k{kv_heads * size, tokens, random_values(random, kv_heads * size * tokens, 2, r)};
      const Block v{kv_heads * size, tokens, random_values(random, kv_heads * size * tokens, 2, r)};
      RoundedWorld::Memory memory;
      const Block y = world.attend(a, q, k, v, SequenceTree(std::vector<Token>(tokens, 0)).columns(), memory);
      const float scale = r.function(mpfr_rec_sqrt, size), cap = in(2.3f);
      for (std::size_t c = 0; c < tokens; ++c)
        for (std::size_t h = 0; h < heads; ++h) {
          const std::size_t g = h / 2, first = (variant & 4) && c >= 7 ? c - 6 : 0;
          std::vector<float> scores;
          for (std::size_t j = first; j <= c; ++j) {
            float s = 0;
            for (std::size_t d = 0; d < size; ++d) {
              const float product = in(static_cast<float>(q.column(c)[h * size + d]) * static_cast<float>(k.column(j)[g * size + d]));
              s = in(s + product);
            }
            s = in(s * scale);
            if (variant & 1) s = in(cap * r.function(mpfr_tanh, in(s / cap)));
            if (variant & 2) {
              const float bias = in(std::ldexp(1.0f, -2 * static_cast<int>(h + 1)) * in(static_cast<float>(c - j)));
              s = in(s - bias);
            }
            scores.push_back(s);
          }
          const float largest = *std::max_element(scores.begin(), scores.end());
          float sum = 0;
          for (float& s : scores) s = r.function(mpfr_exp, in(s - largest)), sum = in(sum + s);
          for (std::size_t d = 0; d < size; ++d) {
            float mixed = 0;
            for (std::size_t j = first; j <= c; ++j) {
              const float product = in(r.store(in(scores[j - first] / sum)) * static_cast<float>(v.column(j)[g * size + d]));
              mixed = in(mixed + product);
            }
            INFO(name << " variant " << variant << " token " << c << " head " << h);
            REQUIRE(same(world.value(y, h * size + d, c), r.store(mixed)));
            ++checked;
          }
        }
    }
  }
  REQUIRE(checked == 3 * 8 * tokens * heads * size);
}
