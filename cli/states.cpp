#include <fmt/format.h>

#include <memory>

#include "bounds/evaluate.hpp"
#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/progress.hpp"
#include "lib/error.hpp"
#include "lib/files/safetensors_writer.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/ball.hpp"
#include "reports/write.hpp"

namespace snellen {
namespace {

struct Options : CaseOptions {
  std::int64_t length = 1;
  long bits = 0;  // 0: predicted
  std::string out;
};

// The block's enclosures as two arrays of doubles [tokens, width], the lower ends rounded down and the upper ends up.
void append_enclosures(const std::string& name, const BallWorld& world, const BallWorld::Block& x, std::vector<NamedArray>& arrays) {
  NamedArray lower{name + ".lower", {world.tokens(x), world.width(x)}, {}}, upper{name + ".upper", lower.shape, {}};
  for (std::size_t token = 0; token < world.tokens(x); ++token) {
    for (const Enclosure& entry : certified_column(world, x, token)) {
      lower.values.push_back(entry.lower.to_double(MPFR_RNDD));
      upper.values.push_back(entry.upper.to_double(MPFR_RNDU));
    }
  }
  arrays.push_back(std::move(lower));
  arrays.push_back(std::move(upper));
}

int write_states(const Options& options) {
  prepare_threads(options.threads);
  const Case c = read_case(options);
  check_length(c, options.length);
  const std::filesystem::path out = options.out;
  if (!out.has_filename()) throw InputError("--out", "found \"" + options.out + "\", expected the name of a file");
  const Model model = load_model(c);

  const SequenceTree sequence(c.request.family.sequence(options.length));
  const long bits = options.bits > 0 ? options.bits : predict_bits(model, sequence.columns(), 64);
  CommandProgress progress(options.quiet);
  progress.begin(fmt::format("hidden states at {} bits", bits), model.layers.size());
  const BallWorld world(bits);
  const Decoder<BallWorld> decoder(model, world);
  Decoder<BallWorld>::Memory memory;
  std::vector<NamedArray> arrays;
  const BallWorld::Block x = decoder.hidden(sequence.columns(), memory, [&](std::size_t layer, const BallWorld::Block& states) {
    append_enclosures(fmt::format("hidden.{}", layer), world, states, arrays);
    if (layer > 0) progress.step();
  });
  append_enclosures("final", world, decoder.final(x), arrays);
  progress.end();

  const std::filesystem::path folder = out.has_parent_path() ? out.parent_path() : std::filesystem::path(".");
  write_all_or_none({{out.filename().string(), safetensors_content(arrays)}}, folder);
  fmt::print("{} tokens, {} layers, width {}: {}\n", sequence.columns().size(), model.layers.size(), model.width, out.string());
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
