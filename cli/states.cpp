#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "bounds/accuracy.hpp"
#include "bounds/evaluate.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "lib/error.hpp"
#include "lib/files/safetensors_writer.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/euclidean.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::int64_t length = 1;
  long bits = 0;  // 0: predicted
  std::string out;
};

// Bits that every entry is to have, relative to the largest of its vector: then few ends are not neighbouring doubles.
constexpr double wanted_bits = 60;

// The block's enclosures as two arrays of doubles [tokens, width], the lower ends rounded down and the upper ends up. The fewest accurate bits.
double append_enclosures(const std::string& name, const EuclideanWorld& world, const EuclideanWorld::Block& x, std::vector<NamedArray>& arrays) {
  NamedArray lower{name + ".lower", {world.tokens(x), world.width(x)}, {}}, upper{name + ".upper", lower.shape, {}};
  double accuracy = INFINITY;
  for (std::size_t token = 0; token < world.tokens(x); ++token) {
    const CertifiedVector vector = certified_column(world, x, token);
    accuracy = std::min(accuracy, accurate_bits(vector));
    for (const Enclosure& entry : vector) {
      lower.values.push_back(entry.lower.to_double(MPFR_RNDD));
      upper.values.push_back(entry.upper.to_double(MPFR_RNDU));
    }
  }
  arrays.push_back(std::move(lower));
  arrays.push_back(std::move(upper));
  return accuracy;
}

// Every layer's states, the last ones normed; none as soon as one has fewer than `wanted` accurate bits.
std::optional<std::vector<NamedArray>> enclosed_states(const Model& model, std::span<const Column> columns, long bits, double wanted, CommandProgress& progress) {
  progress.begin(fmt::format("hidden states at {} bits", bits), model.layers.size());
  const EuclideanWorld world(bits);
  const Decoder<EuclideanWorld> decoder(model, world);
  std::vector<NamedArray> arrays;
  EuclideanWorld::Block x = decoder.embed(columns);
  append_enclosures("hidden.0", world, x, arrays);
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    EuclideanWorld::Memory past;
    x = decoder.layer(model.layers[l], std::move(x), columns, past);
    if (append_enclosures(fmt::format("hidden.{}", l + 1), world, x, arrays) < wanted) return {};
    progress.step();
  }
  if (append_enclosures("final", world, decoder.final(x), arrays) < wanted) return {};
  return arrays;
}

int write_states(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  check_length(c, options.length);
  const std::filesystem::path out = options.out;
  if (!out.has_filename()) throw InputError("--out", "found \"" + options.out + "\", expected the name of a file");
  const Model model = load_model(c);

  const SequenceTree sequence(c.request.family.sequence(options.length));
  const auto columns = sequence.columns();
  CommandProgress progress(options.quiet);
  long bits = options.bits > 0 ? options.bits : std::min(c.request.max_bits, predict_bits(model, columns, static_cast<long>(wanted_bits)));
  std::optional<std::vector<NamedArray>> arrays;
  while (!arrays) {
    const bool last = options.bits > 0 || bits == c.request.max_bits;
    arrays = enclosed_states(model, columns, bits, last ? -INFINITY : wanted_bits, progress);
    if (!arrays) bits = std::min(c.request.max_bits, bits + 64);
  }
  progress.end();

  const std::filesystem::path folder = out.has_parent_path() ? out.parent_path() : std::filesystem::path(".");
  write_all_or_none({{out.filename().string(), safetensors_content(*arrays)}}, folder);
  fmt::print("{} tokens, {} layers, width {}: {}\n", columns.size(), model.layers.size(), model.width, out.string());
  return exit_passed;
}

}  // namespace

void add_states(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("states", "Write certified enclosures of every layer's hidden states of one sequence, for comparisons");
  const auto options = std::make_shared<Options>();
  add_case_options(*verb, *options);
  verb->add_option("--length", options->length, "n: the sequence is S_n")->required();
  verb->add_option("--bits", options->bits, "precision of the evaluation in bits (default: what the model is likely to need for the ends to be neighbouring doubles)")->check(CLI::Range(53L, 1'000'000L));
  verb->add_option("--out", options->out, "the .safetensors file to write: hidden.L.lower, hidden.L.upper, final.lower, final.upper [tokens, width] F64")
      ->required();
  verb->callback([options, &chosen] { chosen = [options] { return write_states(*options); }; });
}

}  // namespace snellen
