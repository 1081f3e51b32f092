// An emulated engine's operations on columns, step by step as proofs/engines.md ("The program") says: the checker's own, in integers. Written from there, not from
// lib/world.
#pragma once

#include "lib/model/model.hpp"
#include "proofs/checker/soft_float.hpp"

namespace snellen::check {

using Column = std::vector<double>;

struct EngineProfile {
  SoftFloat storage, operand, accumulator, softmax, probability, cache, norm, function, rescale;
  bool scaled = false;  // operands by a factor each: a token's, a weight row's
};

// Nothing where the name is none of the table's in proofs/engines.md, or where the scales are those of a whole batch: then no token stands for itself.
std::optional<EngineProfile> engine_profile(const std::string& name);

class Engine {
 public:
  Engine(const Model& model, const EngineProfile& profile) : model_(model), by_(profile) {}
  const EngineProfile& by() const { return by_; }

  Column embedding(Token token) const;  // InputError where it is not in the vocabulary
  // x + norm(O mixed), then + the MLP's branch.
  std::vector<Column> finish(const Layer& layer, std::vector<Column> xs, const std::vector<Column>& mixed) const;
  struct Projections { std::vector<Column> queries, keys, values; };  // keys and values as the cache holds them
  Projections project(const Layer& layer, const std::vector<Column>& xs) const;
  std::vector<Column> final(std::vector<Column> xs) const;
  // The first token of the largest logit, of each.
  std::vector<std::int64_t> next_tokens(const std::vector<Column>& finals) const;
  // From a sum of products q . k to the score.
  double score(const Attention& attention, std::size_t head, double product, std::int64_t distance) const;

  // Interval products that one of this arithmetic's operations is worth.
  static constexpr double products_per_step = 0.25;
  double steps_of_layer(const Layer& layer) const;  // for one column

 private:
  std::vector<Column> linear(const Linear& map, const std::vector<Column>& xs) const;
  void norm_all(const std::optional<Norm>& n, std::vector<Column>& xs, std::size_t groups = 1) const;
  void add_all(std::vector<Column>& xs, const std::vector<Column>& ys) const;
  double activate(Activation activation, double x) const;
  double root(const SoftFloat& f, const Root& r) const { return r.inverse ? f.inverse_sqrt(r.radicand) : f.sqrt(r.radicand); }
  // x / factor, as an operand; the factor.
  double make_operands(Column& x) const;

  const Model& model_;
  const EngineProfile& by_;
};

}  // namespace snellen::check
