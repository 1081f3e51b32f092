// What the code computes on random inputs, line by line, for the formulas that Coq extracts (extraction_test.sh compares them): roundings, repeated sums, distances of
// enclosures, heads with and without a soft-cap. By itself it only checks that all of it can be computed; with SNELLEN_FORMULAS=FILE it writes the lines.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "bounds/distance.hpp"
#include "lib/number/format.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/repeated_sum.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

std::string hex(double x) { return fmt::format("{:a}", x); }

class Table {
 public:
  void roundings() {
    for (const char* name : {"e4m3", "e5m2", "bf16", "fp16", "fp32"}) {
      const Format format = find_format(name).value();
      for (int i = 0; i < 200; ++i) {
        const double x = std::ldexp(real(), static_cast<int>(random_.below(static_cast<std::uint64_t>(format.emax - format.emin + 20))) + static_cast<int>(format.emin) - 12);
        const Rounded r = round(format, Dyadic::of(x));
        if (r.status == RoundStatus::finite) line("rd {} {} {} = {}", format.precision, format.emin, hex(x), hex(r.value.to_double(MPFR_RNDN)));
      }
    }
  }
  void repeated_sums() {
    for (const char* name : {"bf16", "fp16", "fp32"}) {
      const Format format = find_format(name).value();
      const FormatArithmetic arithmetic(format);
      const RepeatedSum sum(arithmetic);
      for (int i = 0; i < 80; ++i) {
        const auto value = [&] { return round(format, Dyadic::of(real() * std::ldexp(1, static_cast<int>(random_.below(6)) - 3))).value.to_double(MPFR_RNDN); };
        const double s = value(), c = value();
        const auto steps = static_cast<std::int64_t>(random_.below(3000));
        if (s == 0 || c == 0) continue;
        line("steps {} {} {} {} {} = {}", format.precision, format.emin, steps, hex(c), hex(s), hex(sum.after(s, c, steps)));
      }
    }
  }
  void distances() {
    for (const Metric metric : {Metric::l1, Metric::l2, Metric::linf})
      for (int i = 0; i < 60; ++i) {
        const std::size_t d = 1 + random_.below(6);
        const CertifiedVector x = vector(d), y = vector(d);
        const Enclosure e = distance(metric, x, y, 80);
        std::string ends;
        for (const CertifiedVector* v : {&x, &y})
          for (const bool upper : {false, true})
            for (const Enclosure& entry : *v) ends += " " + hex((upper ? entry.upper : entry.lower).to_double(MPFR_RNDN));
        line("distance {} {}{} = {} {}", name_of(metric), d, ends, hex(e.lower.to_double(MPFR_RNDD)), hex(e.upper.to_double(MPFR_RNDU)));
      }
  }
  void heads(double cap) {
    const BallWorld world(100);
    for (int i = 0; i < 40; ++i) {
      const std::size_t n = 1 + random_.below(8), d = 1 + random_.below(4);
      Attention attention;
      attention.heads = attention.kv_heads = 1, attention.head_size = d;
      if (cap > 0) attention.softcap = cap;
      BallMatrix q(d, n), k(d, n), v(d, n);
      std::vector<Column> columns;
      std::string numbers;
      for (std::size_t j = 0; j < n; ++j) columns.push_back({0, static_cast<std::int64_t>(j), 0, 0});
      const auto fill = [&](BallMatrix& x, std::size_t column, bool say) {
        for (std::size_t r = 0; r < d; ++r) {
          const double value = real();
          arb_set_d(x(r, column), value);
          if (say) numbers += " " + hex(value);
        }
      };
      for (std::size_t j = 0; j < n; ++j) fill(q, j, j + 1 == n);  // the last token looks back
      for (std::size_t j = 0; j < n; ++j) fill(k, j, true);
      for (std::size_t j = 0; j < n; ++j) fill(v, j, true);
      BallWorld::Memory memory;
      const std::vector<Enclosure> out = world.enclosures(world.attend(attention, q, k, v, columns, memory), n - 1);
      for (std::size_t r = 0; r < d; ++r)
        line("head {} {} {} {}{} = {} {}", n, d, r, hex(cap), numbers, hex(out[r].lower.to_double(MPFR_RNDD)), hex(out[r].upper.to_double(MPFR_RNDU)));
    }
  }
  const std::string& text() const { return text_; }

 private:
  template <class... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format(format, std::forward<Values>(values)...) + "\n";
  }
  double real() { return (static_cast<double>(random_.next() >> 11) * 0x1p-53 - 0.5) * 4; }
  CertifiedVector vector(std::size_t d) {
    CertifiedVector result;
    for (std::size_t i = 0; i < d; ++i) {
      const double low = real();
      result.push_back({Dyadic::of(low), Dyadic::of(low + 0.25 * std::abs(real()))});
    }
    return result;
  }
  SplitMix64 random_{11};
  std::string text_;
};

}  // namespace

TEST_CASE("values of the formulas that the theorems state") {
  Table table;
  table.roundings(), table.repeated_sums(), table.distances(), table.heads(0), table.heads(1.5);
  CHECK(std::count(table.text().begin(), table.text().end(), '\n') > 1500);
  CHECK(table.text().find("nan") == std::string::npos);
  if (const char* file = std::getenv("SNELLEN_FORMULAS")) {
    std::ofstream out(file);
    out << table.text();
    REQUIRE(out.flush());
  }
}
