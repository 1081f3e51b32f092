#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "bounds/crosscheck.hpp"
#include "bounds/evaluate.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::int64_t length = 1;
  long bits = 0;
};

constexpr double required_bits = 30;

int crosscheck_case(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  check_length(c, options.length);
  const Model model = load_model(c);
  const SequenceTree sequence(c.request.family.sequence(options.length));
  const auto known = [](const Agreement& place) { return place.ball_bits >= required_bits && place.interval_bits >= required_bits; };
  CommandProgress progress(options.quiet);
  long bits = options.bits > 0 ? options.bits : std::min(c.request.max_bits, predict_bits(model, sequence.columns(), 64));
  std::vector<Agreement> places = crosscheck(model, sequence.columns(), bits, progress);
  // Intervals widen faster than the balls that the prediction is made for.
  while (options.bits == 0 && bits < c.request.max_bits && !std::all_of(places.begin(), places.end(), known)) {
    bits = std::min(c.request.max_bits, bits + bits / 2);
    places = crosscheck(model, sequence.columns(), bits, progress);
  }
  progress.end();

  std::size_t entries = 0, disjoint = 0;
  fmt::print("{:<12} {:>8} {:>9} {:>10} {:>14}\n", "place", "entries", "disjoint", "ball bits", "interval bits");
  for (const Agreement& place : places) {
    fmt::print("{:<12} {:>8} {:>9} {:>10.0f} {:>14.0f}\n", place.place, place.entries, place.disjoint, place.ball_bits, place.interval_bits);
    entries += place.entries, disjoint += place.disjoint;
  }
  const bool all_known = std::all_of(places.begin(), places.end(), known);
  fmt::print("{} tokens, {} bits: {} of {} enclosures overlap; {}\n", sequence.columns().size(), bits, entries - disjoint, entries,
             all_known ? "every one is finite with at least 30 accurate bits" : "some have fewer than 30 accurate bits: raise --bits");
  return disjoint > 0 ? exit_failed : all_known ? exit_passed : exit_inconclusive;
}

}  // namespace

void add_crosscheck(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("crosscheck", "Evaluate one sequence in two certified worlds, balls and intervals, and check that they overlap");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--length", options->length, "n: the sequence is S_n")->required();
  verb->add_option("--bits", options->bits, "precision in bits (default: predicted from the model, and raised as long as something stays wide)")->check(CLI::Range(53L, 1'000'000L));
  verb->callback([options, &chosen] { chosen = [options] { return crosscheck_case(*options); }; });
}

}  // namespace snellen
