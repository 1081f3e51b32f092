#include "bounds/next_token.hpp"

#include <algorithm>

namespace snellen {
namespace {

constexpr long first_bits = 64;
constexpr std::size_t rows_at_a_time = 1536;  // of the unembedding: bounds the memory for logits

// The largest lower end, whose token leads, and the largest upper end among all the other tokens.
struct Leader {
  Token token = -1;
  Dyadic lower, own_upper, others_upper;
  Leader() {
    for (Dyadic* end : {&lower, &own_upper, &others_upper}) mpfr_set_inf(end->get(), -1);
  }
  void meet(Token candidate, const Enclosure& logit) {
    if (lower < logit.lower) {
      if (others_upper < own_upper) others_upper = own_upper;
      token = candidate, lower = logit.lower, own_upper = logit.upper;
    } else if (others_upper < logit.upper) {
      others_upper = logit.upper;
    }
  }
  std::optional<Token> certified() const { return others_upper < lower ? std::optional(token) : std::nullopt; }
};

std::vector<std::optional<Token>> attempt(const Model& model, const BallWorld& world, const BallWorld::Block& y) {
  std::vector<Leader> leaders(y.columns());
  for (std::size_t begin = 0; begin < model.vocabulary; begin += rows_at_a_time) {
    const std::size_t end = std::min(model.vocabulary, begin + rows_at_a_time);
    Linear rows{RowsOfTensor::slice(model.unembedding.weight, begin, end), nullptr};
    if (model.unembedding.bias) {
      const std::vector<double> bias = read_all(*model.unembedding.bias);
      rows.bias = std::make_shared<DenseTensor>(1, end - begin, std::vector<double>(bias.begin() + static_cast<std::ptrdiff_t>(begin),
                                                                                    bias.begin() + static_cast<std::ptrdiff_t>(end)));
    }
    const BallWorld::Block logits = world.linear(rows, y);
#pragma omp parallel for schedule(dynamic)
    for (std::size_t c = 0; c < y.columns(); ++c) {
      const std::vector<Enclosure> column = world.enclosures(logits, c);
      for (std::size_t i = 0; i < column.size(); ++i) leaders[c].meet(static_cast<Token>(begin + i), column[i]);
    }
  }
  std::vector<std::optional<Token>> result;
  for (const Leader& leader : leaders) result.push_back(leader.certified());
  return result;
}

}  // namespace

std::vector<std::optional<Token>> certified_next_tokens(const Model& model, const BallWorld& world, const BallWorld::Block& y) {
  std::vector<std::optional<Token>> result(y.columns());
  std::vector<std::size_t> open(y.columns());
  for (std::size_t c = 0; c < open.size(); ++c) open[c] = c;
  for (long bits = std::min(first_bits, world.bits()); !open.empty(); bits = std::min(2 * bits, world.bits())) {
    const auto found = attempt(model, BallWorld(bits), world.select(y, open));
    std::vector<std::size_t> still_open;
    for (std::size_t i = 0; i < open.size(); ++i)
      found[i] ? void(result[open[i]] = found[i]) : still_open.push_back(open[i]);
    open = std::move(still_open);
    if (bits == world.bits()) break;
  }
  return result;
}

}  // namespace snellen
