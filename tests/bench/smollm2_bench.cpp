// SmolLM2-135M (./snellen fetch smollm2): the certified forward pass of "Count the ones: 111..." as `certify` evaluates it, at the precision that it
// predicts for fp32, beside PyTorch's pass of the same tokens in float64 and bfloat16 (tests/engines/forward_pass.py) and an emulated engine. What
// PyTorch returns is compared with the enclosure of the last token's vector, so that both are known to have computed the same function.
// Without the model this is skipped, without PyTorch the ratios to it are.
// Counters, besides those of certified_rounds.hpp: `precision`, in bits; `lost`, bits lost a layer; `float64_1`, `bfloat16_1`, how many times longer
// than PyTorch on one thread (CPU time), `float64_2`, `bfloat16_2` on two (clock on the wall); medians of the interleaved rounds' ratios.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

#include "lib/files/load_model.hpp"
#include "tests/bench/certified_rounds.hpp"
#include "tests/bench/child.hpp"
#include "tests/bench/timing.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

std::string environment_variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value ? value : otherwise;
}

const fs::path& source() {
  static const fs::path path = environment_variable("SNELLEN_SOURCE", ".");
  return path;
}

const fs::path& model_file() {
  static const fs::path path = source() / "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  return path;
}

// PyTorch in a program of its own, with the model in memory.
class PyTorch {
 public:
  struct Pass {
    double wall = 0, cpu = 0;
    std::vector<double> last;  // the last token's vector
  };

  // std::runtime_error saying why there is none.
  PyTorch() : child_({python(), (source() / "tests/engines/forward_pass.py").string(), model_file().string()}) {
    const std::string answer = child_.hear();
    if (answer != "ready") throw std::runtime_error(answer);
  }

  Pass run(const std::string& type, int threads, const std::vector<Token>& tokens) {
    child_.say(fmt::format("{} {} {}", type, threads, fmt::join(tokens, ",")));
    std::istringstream answer(child_.hear());
    Pass pass;
    answer >> pass.wall >> pass.cpu;
    for (double value; answer >> value;) pass.last.push_back(value);
    return pass;
  }

  // One for all benchmarks; nothing (and `why` says why) where it cannot be had.
  static PyTorch* instance(std::string& why) {
    static std::string reason;
    static const std::unique_ptr<PyTorch> pytorch = [] {
      try {
        return std::make_unique<PyTorch>();
      } catch (const std::runtime_error& error) {
        reason = std::string("PyTorch: ") + error.what();
        return std::unique_ptr<PyTorch>();
      }
    }();
    why = reason;
    return pytorch.get();
  }

 private:
  static std::string python() {
    const std::string file = environment_variable("SNELLEN_PYTHON", (source() / "build/venv/bin/python").string());
    if (!fs::exists(file)) throw std::runtime_error("not installed (tests/engines/run_heavy.sh --install)");
    return file;
  }

  Child child_;
};

// How far a vector is from its enclosure, relative to the vector's largest entry.
double deviation(const std::vector<double>& values, const CertifiedVector& enclosure) {
  if (values.size() != enclosure.size()) return INFINITY;
  double largest = 0, outside = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return INFINITY;
    largest = std::max(largest, std::abs(values[i]));
    outside = std::max({outside, enclosure[i].lower.to_double(MPFR_RNDD) - values[i], values[i] - enclosure[i].upper.to_double(MPFR_RNDU)});
  }
  return outside / largest;
}

// A type of PyTorch's, and the rounds' times.
struct Rival {
  std::string type;
  double tolerance;  // its own rounding, generously: more means that something else was computed
  std::vector<double> one = {}, two = {};
};

void smollm2(benchmark::State& state) {
  if (!fs::exists(model_file())) return state.SkipWithError("no model: ./snellen fetch smollm2");
  const Model model = load_model(model_file());
  const FamilyBlock block = run_of(static_cast<std::size_t>(state.range(0)), {9825, 260, 2911, 42, 216}, 33);
  std::vector<Token> tokens;
  for (const Column& column : block.columns) tokens.push_back(column.token);
  const long bits = predict_bits(model, block.columns, 24 + spare_rounding_bits);
  CertifiedRounds rounds(model, block, bits, {"bf16-acc32"});
  std::string why;
  PyTorch* pytorch = PyTorch::instance(why);
  std::vector<Rival> rivals;
  if (pytorch) rivals = {{"float64", 1e-4}, {"bfloat16", 0.25}};
  double left = 0;
  for (auto _ : state) {
    const Evaluation evaluation = rounds.round();
    left = bits_left(evaluation);
    if (left < least_bits_left) return state.SkipWithError("an enclosure is wide");
    try {
      for (Rival& rival : rivals) {
        const PyTorch::Pass pass = pytorch->run(rival.type, 1, tokens);
        if (deviation(pass.last, evaluation.vectors.back()) > rival.tolerance) throw std::runtime_error(rival.type + " computes another function");
        rival.one.push_back(pass.cpu);
        if (!rounds.two_on_the_wall().empty()) rival.two.push_back(pytorch->run(rival.type, 2, tokens).wall);
      }
    } catch (const std::runtime_error& error) {
      return state.SkipWithError((std::string("PyTorch: ") + error.what()).c_str());
    }
    state.SetIterationTime(rounds.one().back());
  }
  rounds.set_counters(state);
  state.SetLabel(why);
  state.counters["precision"] = static_cast<double>(bits);
  state.counters["lost"] = (static_cast<double>(bits) - left) / static_cast<double>(model.layers.size());
  for (const Rival& rival : rivals) {
    state.counters[rival.type + "_1"] = median_ratio(rounds.one(), rival.one);
    if (!rival.two.empty()) state.counters[rival.type + "_2"] = median_ratio(rounds.two_on_the_wall(), rival.two);
  }
}

BENCHMARK(smollm2)->ArgName("tokens")->Arg(64)->Arg(256)->UseManualTime()->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace snellen
