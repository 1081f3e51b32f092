// The bf16-acc32 engine walked token by token, 42 million of them, in plain float arithmetic that shares no code with what is proved of it.
#include "bounds/engine_length.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/rounded_runs.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr std::size_t width = 32, heads = 4, size = width / heads;
using Vector = std::array<float, width>;
using Runs = RoundedRunsWorld::Block;

float to_bf16(float x) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  bits += 0x7fff + ((bits >> 16) & 1);
  return std::bit_cast<float>(bits & 0xffff0000u);
}

Vector stored(const Vector& sums) {
  Vector result;
  for (std::size_t d = 0; d < width; ++d) result[d] = to_bf16(sums[d]);
  return result;
}

std::size_t run_of(const Runs& x, std::int64_t position) {
  return static_cast<std::size_t>(std::upper_bound(x.starts.begin(), x.starts.end(), position) - x.starts.begin()) - 1;
}

// Attention of the query at `position`, as a CPU kernel would do it: tokens one by one. Keys and values: one column a run.
struct Kernel {
  const Runs &q, &k, &v;

  // e of every run of keys up to the query's, for each head.
  std::vector<std::array<float, heads>> exponentials(std::int64_t position) const {
    const double* query = q.values.column(run_of(q, position));
    std::vector<std::array<float, heads>> e(run_of(k, position) + 1);
    const float scale = static_cast<float>(1 / std::sqrt(8.0));
    for (std::size_t h = 0; h < heads; ++h) {
      float largest = -INFINITY;
      for (std::size_t r = 0; r < e.size(); ++r) {
        float s = 0;
        for (std::size_t d = 0; d < size; ++d) s += static_cast<float>(k.values.column(r)[h * size + d]) * static_cast<float>(query[h * size + d]);
        e[r][h] = s * scale;
        largest = std::max(largest, e[r][h]);
      }
      for (auto& run : e) run[h] = static_cast<float>(std::exp(static_cast<double>(run[h] - largest)));
    }
    return e;
  }

  std::int64_t end_of(const Runs& x, std::size_t run, std::int64_t position) const {
    return run + 1 < x.starts.size() ? std::min(x.starts[run + 1], position + 1) : position + 1;
  }

  // The sums of exponentials up to a position, and the last token that changed one.
  std::pair<std::array<float, heads>, std::int64_t> sum(const std::vector<std::array<float, heads>>& e, std::int64_t position) const {
    std::array<float, heads> s{};
    std::int64_t changed = 0;
    for (std::size_t r = 0; r < e.size(); ++r)
      for (std::int64_t i = k.starts[r]; i < end_of(k, r, position); ++i) {
        const std::array<float, heads> before = s;
        for (std::size_t h = 0; h < heads; ++h) s[h] += e[r][h];
        if (s != before) changed = i;
      }
    return {s, changed};
  }

  // Token by token, with the probabilities that belong to these sums; see(position, accumulators) after each token from `from` on.
  template <class See>
  void mix(const std::vector<std::array<float, heads>>& e, const std::array<float, heads>& s, std::int64_t from, std::int64_t to, const See& see) const {
    Vector sums{};
    std::size_t value_run = 0;
    for (std::size_t r = 0; r < e.size(); ++r)
      for (std::int64_t i = k.starts[r]; i < end_of(k, r, to);) {
        while (value_run + 1 < v.starts.size() && v.starts[value_run + 1] <= i) ++value_run;
        Vector term;
        for (std::size_t d = 0; d < width; ++d)
          term[d] = static_cast<float>(v.values.column(value_run)[d]) * to_bf16(e[r][d / size] / s[d / size]);
        for (const std::int64_t end = std::min(end_of(k, r, to), end_of(v, value_run, to)); i < end; ++i) {
          for (std::size_t d = 0; d < width; ++d) sums[d] += term[d];
          if (i >= from) see(i, sums);
        }
      }
  }

  Vector at(std::int64_t position) const {
    const auto e = exponentials(position);
    Vector result{};
    mix(e, sum(e, position).first, position, position, [&](std::int64_t, const Vector& sums) { result = stored(sums); });
    return result;
  }
};

bool equal(const Runs& x, std::int64_t position, const Vector& y) {
  const double* column = x.values.column(run_of(x, position));
  return std::equal(y.begin(), y.end(), column, [](float a, double b) { return static_cast<double>(a) == b; });
}

}  // namespace

TEST_CASE("42 million tokens, one by one") {
  RandomModel description;
  description.layers = 2, description.width = width, description.position = PositionKind::none;
  const Model model = synthetic_model(description);
  const Profile profile = find_profile("bf16-acc32").value();
  const std::vector<Column> columns = SequenceTree({1, 2}).columns();
  const RoundedRunsWorld everywhere(profile, {}, 0), end(profile, {}, std::nullopt);
  const Decoder<RoundedRunsWorld> decoder(model, everywhere);
  Runs x = decoder.embed(columns);
  for (std::size_t l = 0; l < 2; ++l) {
    const Layer& layer = model.layers[l];
    const Runs h = everywhere.norm(*layer.attention_norm, x, 1);
    const Runs q = everywhere.linear(layer.query, h), k = everywhere.linear(layer.key, h), v = everywhere.linear(layer.value, h);
    RoundedRunsWorld::Memory memory;
    const Runs mixed = (l == 0 ? everywhere : end).attend(layer.attention, q, k, v, columns, memory);
    const Kernel kernel{q, k, v};
    REQUIRE(mixed.starts.back() > std::int64_t(1) << 24);

    // Ends of runs, each with its own sums: what was and what is.
    std::size_t changes = 0;
    for (std::size_t r = 1; l == 0 && r < mixed.starts.size(); r = r < 40 ? r + 13 : r + mixed.starts.size() / 4) {
      const std::int64_t start = mixed.starts[r];
      REQUIRE(equal(mixed, start - 1, kernel.at(start - 1)));
      REQUIRE(equal(mixed, start, kernel.at(start)));
      ++changes;
    }
    REQUIRE((l == 1 || changes >= 6));

    // From where the sums of exponentials change no more, every token to beyond the last change.
    const std::int64_t last = mixed.starts.back(), to = last + last / 8;
    const auto e = kernel.exponentials(to);
    const auto sum = kernel.sum(e, to);
    const auto settled = std::get<0>(sum);
    const std::int64_t first = std::get<1>(sum);
    REQUIRE((l == 0 || first <= mixed.starts[0]));
    REQUIRE(first < last);
    std::int64_t tokens = 0, wrong = 0, changed = 0;
    Vector before{};
    kernel.mix(e, settled, first, to, [&](std::int64_t position, const Vector& sums) {
      const Vector now = stored(sums);
      if (position > first && now != before) changed = position;
      if (position == first || now != before || position % 65536 == 0) wrong += !equal(mixed, position, now);
      before = now, ++tokens;
    });
    REQUIRE(wrong == 0);
    REQUIRE(changed == last);
    REQUIRE(tokens > 3'000'000);

    RoundedRunsWorld::Memory another;
    if (l == 0) x = decoder.layer(layer, x, columns, another);
  }

  // The vectors change with the last of these changes: at n = 42777343, and never again.
  SilentProgress silent;
  Family family;
  family.prefix = {1}, family.unit = {2};
  const EngineLengths lengths = engine_lengths(model, profile, family, Place::final, {}, {}, {}, silent);
  CHECK(lengths.constant.known.status == Status::exact);
  CHECK(*lengths.constant.known.upper == "42777343");
}
