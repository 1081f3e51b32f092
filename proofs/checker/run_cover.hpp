// Enclosures of y(S_n), S_n = P . a^n, for every n >= 1: tokens one by one, then eras of lengths (Taylor models in n), then a tail that holds for every n from its first on.
// The model has no window, no soft-cap and no positions, or ALiBi slopes: then there are no eras. Why it holds: proofs/era.md and proofs/tail.md; how it is computed:
// README.md. Each part is computed from the parts before it, layer by layer, so that there is nothing to guess: a certificate only says where the tail begins.
#pragma once

#include "proofs/checker/forward.hpp"
#include "proofs/checker/run_past.hpp"

namespace snellen::check {

// Why a run of one token through this model is not covered; nothing where it is. `eras`: lengths beyond the explicit tokens are asked for.
std::optional<std::string> run_refused(const Model& model, bool eras);

class RunCover {
 public:
  struct Settings {
    std::int64_t explicit_tokens = 64;
    std::size_t degree = 20;
    long bits = 192;
    long wanted = -96;  // log2 of what truncated exponentials may cost, relative to a token's weight; what retired tokens cost, to all sums
  };
  RunCover(const Model& model, const std::vector<Token>& prefix, Token token, const Settings& settings);

  const Forward& forward() const { return forward_; }
  const IntervalArithmetic& arithmetic() const { return forward_.operations().arithmetic(); }
  const Taylor& taylor() const { return taylor_; }
  // x(L) of the limit, which is that of [a] alone.
  const Vector& limit() const { return limit_; }
  std::int64_t explicit_tokens() const { return settings_.explicit_tokens; }
  const Vector& at_explicit(std::int64_t n) const { return explicit_[static_cast<std::size_t>(n - 1)]; }  // x(L), 1 <= n <= explicit_tokens

  struct EraStates {
    Era era;
    std::vector<Row> hidden, final;  // x(L) and y, an entry each
  };
  const std::vector<EraStates>& eras() const { return eras_; }
  const Length& next() const { return next_; }  // the first length beyond the eras
  // Appends the era from next() on, a quarter as long as its first length. False where an enclosure is not finite: nothing is proved from there on.
  bool extend();
  // x(L) for every n >= next().
  Vector tail() const;
  // About how many products extend() takes.
  double products_of_era() const;

 private:
  using Block = std::vector<Row>;  // an entry each
  struct Layers;                     // what a layer does to a block
  struct Centre { Vector query, key, value; };  // exact
  struct Parts { std::vector<Row> query, key, value; };  // dq, dk, dv of one head
  Parts parts_of(const Taylor& taylor, std::size_t layer, std::size_t head, const Block& q, const Block& k, const Block& v) const;
  Block block_of_token(const Taylor& taylor, Token token) const;
  void set_limit();
  Vector append(Token token);  // x(L) of one more token
  // v_c and the quotient of entries 1.. by entry 0, of one head.
  void set_mean(const std::vector<Row>& sums, std::size_t layer, std::size_t head, Block& mixed) const;
  // One layer's attention and MLP on the abstract token.
  template <class Attend>
  void apply(const Layers& layers, std::size_t layer, Block& x, const Attend& attend) const;

  const Model& model_;
  Token token_;
  Settings settings_;
  Forward forward_;
  Taylor taylor_;
  std::vector<Centre> centres_;
  std::vector<std::vector<HeadPast>> past_;  // [layer][head]
  Vector limit_;
  std::vector<Vector> explicit_;
  std::int64_t tokens_ = 0;                  // of the prefix and explicit
  std::vector<EraStates> eras_;
  Length next_;
};

}  // namespace snellen::check
