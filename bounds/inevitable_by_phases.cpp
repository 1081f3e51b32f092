#include "bounds/inevitable_by_phases.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bounds/inevitable_pairs.hpp"
#include "bounds/next_token.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/phase.hpp"

namespace snellen {
namespace {

constexpr long bits_used = 128;
// The pairs n = 1, ..., candidates are looked at for one that stays apart.
constexpr std::int64_t candidates = 32;
// Entries of position vectors that come back are this close to what they were: 2^-64.
constexpr long closeness = -64;
constexpr const char* may_meet = "the vectors could meet, for all that is known of the attention to the run";
// Of a suffix: all candidates' branches are evaluated together.
constexpr std::size_t longest_suffix = 64;

// The prefix, the run's tokens at any position, and the candidates' last tokens where they stand.
class Block {
 public:
  explicit Block(const Family& family) : prefix_(family.prefix.size()) {
    for (std::size_t i = 0; i < prefix_; ++i) columns_.push_back({family.prefix[i], static_cast<std::int64_t>(i), 0, 0});
    std::set<Token> run(family.unit.begin(), family.unit.end());
    if (family.delimiter) run.insert(family.delimiter->tokens.begin(), family.delimiter->tokens.end());
    for (const Token token : run) columns_.push_back({token, PhaseWorld::any_position, 0, 0});
    run_ = run.size();
    for (std::int64_t n = 1; n <= candidates; ++n) {
      first_.push_back(add(family.first(n), prefix_ + static_cast<std::size_t>(family.run_length(n))));
      const std::int64_t of_second = family.pair == Pair::next ? n + 1 : n;
      second_.push_back(add(family.second(n), prefix_ + static_cast<std::size_t>(family.run_length(of_second))));
    }
  }

  std::size_t prefix() const { return prefix_; }
  std::size_t run() const { return run_; }
  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<std::size_t>& first() const { return first_; }    // columns, of n = 1, 2, ...
  const std::vector<std::size_t>& second() const { return second_; }

 private:
  // What follows the run, or the run's last token where nothing does.
  std::size_t add(const std::vector<Token>& sequence, std::size_t begin) {
    const std::size_t branch = columns_.size();
    for (std::size_t i = std::min(begin, sequence.size() - 1); i < sequence.size(); ++i)
      columns_.push_back({sequence[i], static_cast<std::int64_t>(i), 0, branch});
    return columns_.size() - 1;
  }

  std::size_t prefix_, run_ = 0;
  std::vector<Column> columns_;
  std::vector<std::size_t> first_, second_;
};

}  // namespace

std::optional<std::string> phases_refuse(const InevitableTask& task) {
  if (!std::holds_alternative<SinusoidalPositions>(task.model.positions)) return "no sinusoidal positions";
  if (task.model.width % 2 != 0) return "an odd width";
  if (std::any_of(task.model.layers.begin(), task.model.layers.end(), [](const Layer& layer) { return layer.attention.rotary.has_value(); })) return "rotary positions";
  if (task.family.suffix.size() > longest_suffix) return fmt::format("a suffix of more than {} tokens", longest_suffix);
  if (const std::size_t columns = Block(task.family).columns().size(); columns > task.limits.max_tokens)
    return fmt::format("{} tokens to evaluate where the budget allows {}", columns, task.limits.max_tokens);
  return std::nullopt;
}

InevitableAnswer by_phases(const InevitableTask& task, Progress& progress) {
  const auto& [model, family, place, questions, limits] = task;
  const long bits = std::min(limits.max_bits, bits_used);
  progress.begin("last tokens at any phase of the run", 1);
  const Block block(family);
  const PhaseWorld world(bits, block.prefix(), block.run(), shifted(Magnitude::of(1UL), closeness));
  const Decoder<PhaseWorld> decoder(model, world);
  Decoder<PhaseWorld>::Memory memory;
  const PhaseBlock x = decoder.hidden(block.columns(), memory), y = decoder.final(x);
  std::vector<std::optional<Token>> tokens(block.columns().size());
  if (asks_next_tokens(questions)) tokens = certified_next_tokens(model, world.balls(), y.x);
  progress.step();

  InevitableAnswer answer;
  InevitableProof proof;
  proof.theorem = "inevitable_by_phases";
  proof.hypotheses = {"Sinusoidal positions are added to the embeddings; no layer has rotary positions.",
                      fmt::format("Entries of position vectors within 2^{} of those at the stated n; the run's tokens at every position; attention anywhere in the hull of the values that occur.",
                                  closeness)};
  proof.numbers["bits"] = std::to_string(bits);
  for (std::size_t r = 0; r < questions.size(); ++r) {
    InevitableRow row;
    row.answer = {"1", std::nullopt, Scope::all, Status::unknown};
    for (std::size_t i = 0; i < block.first().size(); ++i) {
      const std::size_t a = block.first()[i], b = block.second()[i];
      const PhaseBlock& at = place == Place::final ? y : x;
      if (judge(questions[r], certified_column(world, at, a), certified_column(world, at, b), tokens[a], tokens[b], bits + 32) != Verdict::distinct) continue;
      row.answer.status = Status::never;
      row.theorem = proof.theorem;
      row.numbers = {{"bits", std::to_string(bits)}, {"a pair that comes back", std::to_string(i + 1)}};
      break;
    }
    if (!row.decided()) row.open = may_meet;
    answer.rows.push_back(std::move(row));
  }
  if (std::none_of(answer.rows.begin(), answer.rows.end(), [](const InevitableRow& row) { return row.answer.status == Status::never; })) answer.unsupported = std::string("phases: ") + may_meet;
  else answer.proofs.push_back(std::move(proof));
  return answer;
}

}  // namespace snellen
