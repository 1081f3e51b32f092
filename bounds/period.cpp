#include "bounds/period.hpp"

#include <algorithm>

#include "lib/world/one_thread.hpp"

namespace snellen {
namespace {

// Entries of a block from which on several threads are worth it.
constexpr std::size_t large_block = 8192;

}  // namespace

PeriodShape::PeriodShape(const Family& family) : period(family.run(family.kinds())), suffix(family.suffix.size()), repeats(family.pair == Pair::repeat_last) {
  if (family.delimiter) period.insert(period.end(), family.delimiter->tokens.begin(), family.delimiter->tokens.end());
  for (std::int64_t n = 1; n <= family.kinds(); ++n) {
    ends.push_back(static_cast<std::size_t>(family.run_length(n) - 1));
    branches.push_back(family.suffix);
    if (repeats) branches.back().push_back(family.suffix.empty() ? period[ends.back()] : family.suffix.back());
  }
}

PeriodEvaluation::PeriodEvaluation(const Model& model, const Family& family, Place place, const PeriodSettings& settings)
    : model_(model), place_(place), shape_(family), prefix_(family.prefix.size()),
      copy_(PeriodicWorld::Extent::copy, shape_.period.size(), settings.bits, settings.accuracy),
      tail_(PeriodicWorld::Extent::tail, shape_.period.size(), settings.bits, settings.accuracy) {
  limit_ = evaluate(PeriodicWorld(PeriodicWorld::Extent::limit, shape_.period.size(), settings.bits, settings.accuracy), 0);

  const auto period = static_cast<std::int64_t>(shape_.period.size());
  const std::int64_t copies = std::max<std::int64_t>(1, (settings.explicit_tokens + period - 1) / period);
  std::vector<Token> trunk = family.prefix;
  for (std::int64_t copy = 0; copy < copies; ++copy) trunk.insert(trunk.end(), shape_.period.begin(), shape_.period.end());
  SequenceTree tree(trunk);
  std::vector<std::vector<std::size_t>> wanted;  // of each copy
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    std::vector<std::size_t> first, second;
    for (std::size_t kind = 0; kind < shape_.ends.size(); ++kind) {
      const std::size_t length = prefix_ + static_cast<std::size_t>(copy * period) + shape_.ends[kind] + 1, last = tree.add(length, shape_.branches[kind]);
      first.push_back(shape_.suffix == 0 ? length - 1 : last - (shape_.repeats ? 1 : 0));
      if (shape_.repeats) second.push_back(last);
    }
    first.insert(first.end(), second.begin(), second.end());
    wanted.push_back(std::move(first));
  }
  const BallWorld balls(settings.bits);
  const Decoder<BallWorld> decoder(model, balls);
  Decoder<BallWorld>::Memory memory;
  const BallMatrix x = decoder.hidden(tree.columns(), memory);
  for (const auto& columns : wanted) copies_.push_back(vectors_of(x, columns));
  for (std::size_t l = 0; l < memory.size(); ++l) copy_.add_tokens(model.layers[l].attention, memory[l], prefix_, trunk.size(), memory_[l]);
}

std::vector<Column> PeriodEvaluation::block(std::int64_t copy) const {
  std::vector<Column> columns;
  const auto start = static_cast<std::int64_t>(prefix_) + copy * static_cast<std::int64_t>(shape_.period.size());
  for (const Token token : shape_.period) columns.push_back({token, start + static_cast<std::int64_t>(columns.size()), 0, 0});
  for (std::size_t kind = 0; kind < shape_.ends.size(); ++kind) {
    const std::size_t branch = columns.size(), seen = shape_.ends[kind] + 1;
    for (const Token token : shape_.branches[kind])
      columns.push_back({token, start + static_cast<std::int64_t>(seen + columns.size() - branch), seen, branch});
  }
  return columns;
}

PeriodEvaluation::Vectors PeriodEvaluation::vectors_of(const BallMatrix& x, const std::vector<std::size_t>& columns) const {
  BallMatrix hidden = copy_.select(x, columns);
  BallMatrix final = Decoder<PeriodicWorld>(model_, copy_).final(hidden);
  return place_ == Place::final ? Vectors{std::move(final), {}} : Vectors{std::move(hidden), std::move(final)};
}

PeriodEvaluation::Vectors PeriodEvaluation::evaluate(const PeriodicWorld& world, std::int64_t copy) {
  const OneThread one(model_.width * shape_.columns() < large_block);
  const BallMatrix x = Decoder<PeriodicWorld>(model_, world).hidden(block(copy), memory_);
  std::vector<std::size_t> first, second;
  for (std::size_t kind = 0; kind < shape_.ends.size(); ++kind) {
    const std::size_t branch = shape_.period.size() + kind * shape_.branch_size();
    first.push_back(shape_.suffix == 0 ? shape_.ends[kind] : branch + shape_.suffix - 1);
    if (shape_.repeats) second.push_back(branch + shape_.suffix);
  }
  first.insert(first.end(), second.begin(), second.end());
  return vectors_of(x, first);
}

void PeriodEvaluation::extend() { copies_.push_back(evaluate(copy_, copies())); }

PeriodEvaluation::Two PeriodEvaluation::two_of(const Vectors& copy, const Vectors& next, std::size_t kind) const {
  const bool wraps = !shape_.repeats && kind + 1 == shape_.ends.size();
  const Vectors& other = wraps ? next : copy;
  const std::size_t second = shape_.repeats ? shape_.ends.size() + kind : wraps ? 0 : kind + 1;
  const auto final = [&](const Vectors& v, std::size_t column) { return copy_.select(place_ == Place::final ? v.vector : v.final, std::vector<std::size_t>{column}); };
  return {certified_column(copy_, copy.vector, kind), certified_column(copy_, other.vector, second), final(copy, kind), final(other, second)};
}

PeriodEvaluation::Two PeriodEvaluation::pair(std::int64_t n) const {
  const auto copy = static_cast<std::size_t>((n - 1) / kinds());
  return two_of(copies_[copy], copies_[copy + 1], static_cast<std::size_t>((n - 1) % kinds()));
}

std::vector<PeriodEvaluation::Two> PeriodEvaluation::tail() { return all_kinds(evaluate(tail_, copies())); }

std::vector<PeriodEvaluation::Two> PeriodEvaluation::all_kinds(const Vectors& all) const {
  std::vector<Two> result;
  for (std::size_t kind = 0; kind < shape_.ends.size(); ++kind) result.push_back(two_of(all, all, kind));
  return result;
}

}  // namespace snellen
