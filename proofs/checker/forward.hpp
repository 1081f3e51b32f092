// The checker's forward pass: all tokens of a few sequences with a common beginning, layer by layer, in plain loops over tokens and heads. It is written from the
// definition (proofs/README.md, "The object") and shares no code with lib/model/decoder.hpp.
#pragma once

#include "proofs/checker/operations.hpp"

namespace snellen::check {

// One token. It sees the first `trunk` seats, then the seats from `branch` to itself; its position in its sequence is how many it sees before itself.
struct Seat {
  Token token = 0;
  std::size_t trunk = 0, branch = 0;
};

class Forward {
 public:
  Forward(const Model& model, long bits) : model_(model), o_(bits) {}
  const Operations& operations() const { return o_; }

  // What one layer's attention saw of every seat.
  struct Past { std::vector<Vector> keys, values; };
  struct States {
    std::vector<Vector> hidden;  // x(L) of every seat
    std::vector<Past> past;      // of every layer
  };
  // InputError where a token is not in the vocabulary or a position beyond a learned table.
  States run(const std::vector<Seat>& seats) const;

  // y = N3(x(L)).
  Vector final(Vector x) const;
  // Of several y: one for each token of the vocabulary, without the increasing soft-cap, which changes no order.
  std::vector<Vector> logits(const std::vector<Vector>& ys) const { return o_.linear(model_.unembedding, ys); }

  // The branch norm(MLP(norm x)) that a layer adds to x, for each x; nothing where the layer has no MLP.
  void add_mlp(const Layer& layer, std::vector<Vector>& xs) const;
  // x + norm(O mixed), in place.
  void add_attention(const Layer& layer, std::vector<Vector>& xs, const std::vector<Vector>& mixed) const;
  // Of N1(x) each, before rotation.
  struct Projections { std::vector<Vector> queries, keys, values; };
  Projections project(const Layer& layer, const std::vector<Vector>& xs) const;
  Vector embedding(Token token, std::int64_t position) const;

 private:
  void norm_all(const std::optional<Norm>& n, std::vector<Vector>& xs, std::size_t groups = 1) const;
  Vector attend(const Attention& attention, const Vector& query, const Past& past, const std::vector<std::size_t>& seen, const std::vector<Number>& slopes, const Number& scale) const;

  const Model& model_;
  Operations o_;
};

}  // namespace snellen::check
