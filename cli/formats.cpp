#include <fmt/format.h>

#include <memory>

#include "cli/command.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/number/format.hpp"

namespace snellen {
namespace {

constexpr int shown_digits = 6;

std::string_view name_of(Overflow overflow) {
  switch (overflow) {
    case Overflow::infinity: return "infinity";
    case Overflow::saturate: return "largest";
    case Overflow::nan: return "NaN";
  }
  throw std::logic_error("name_of: unknown overflow mode");
}

std::string rounded(const Dyadic& value) { return value.decimal(shown_digits, MPFR_RNDN); }

int show_formats(const std::vector<std::string>& names) {
  std::vector<Format> formats;
  for (const std::string& name : names) {
    const auto format = find_format(name);
    if (!format) throw InputError("formats", "found \"" + name + "\", expected a shipped format or pP:EMIN:EMAX such as p12:-30:31");
    formats.push_back(*format);
  }
  std::vector<std::vector<std::string>> rows = {{"format", "precision", "emin", "emax", "largest", "smallest subnormal", "eps = 2^(1-precision)", "overflow to"}};
  for (const Format& f : names.empty() ? shipped_formats() : formats) {
    rows.push_back({f.name, std::to_string(f.precision), std::to_string(f.emin), std::to_string(f.emax), rounded(f.largest()), rounded(f.smallest_subnormal()),
                    fmt::format("2^{} = {}", 1 - f.precision, rounded(Dyadic::power_of_two(1 - f.precision))), std::string(name_of(f.overflow))});
  }
  fmt::print("{}", table("lrrrrrll", rows));
  return exit_passed;
}

}  // namespace

void add_formats(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("formats", "Number formats: precision, range and the tolerance they are given");
  const auto names = std::make_shared<std::vector<std::string>>();
  verb->add_option("NAME", *names, "formats to show: shipped ones or pP:EMIN:EMAX (default: all that are shipped)");
  verb->callback([names, &chosen] { chosen = [names] { return show_formats(*names); }; });
}

}  // namespace snellen
