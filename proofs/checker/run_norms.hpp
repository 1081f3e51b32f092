// y(S_n), S_n = P . a^n, by norms alone: y(S_n) is within sum_k c_k log(n)^k / n of the vector of [a], for every n >= 1 (`share_of_one`, proofs/majorant.md, "By norms").
#pragma once

#include "lib/number/length.hpp"
#include "proofs/certificate/certificate.hpp"
#include "proofs/checker/forward.hpp"
#include "proofs/checker/taylor.hpp"

namespace snellen::check {

// At every j >= 1 no more than sum_k c_k log(j)^k / j.
class Decay {
 public:
  Decay() = default;
  explicit Decay(Upper c) : c_{std::move(c)} {}
  void add(const Decay& x, const Upper& factor);
  // Of the means of the first j of such numbers.
  Decay average() const;
  // At every j >= n, n >= 1.
  Upper from(const Length& n) const;

 private:
  std::vector<Upper> c_;
};

// Why norms say nothing of these sequences; nothing where they do.
std::optional<std::string> norms_refused(const Model& model, const CertificateSequences& sequences);

class RunNorms {
 public:
  // Not refused. What is referred to outlives this object.
  RunNorms(const Model& model, const std::vector<Token>& prefix, Token token, long bits);
  const Forward& forward() const { return forward_; }
  // x(L) and y of [a], and how far those of S_n may be from them (2-norms).
  const Vector &hidden() const { return hidden_; }
  const Vector &final() const { return final_; }
  const Decay& hidden_off() const { return hidden_off_; }
  const Decay& final_off() const { return final_off_; }

 private:
  // What a map reads: D u + b with these weights D and b of that length at most, |u|_2 at most `size`, u within `off` of the limit's.
  struct Source {
    std::vector<double> weights;
    Upper bias, size;
    Decay off;
  };
  // A vector no longer than `size`, within `off` of its limit.
  struct Bounded {
    Upper size;
    Decay off;
  };
  Source source(const std::optional<Norm>& n, const Vector& limit, const Bounded& x) const;
  Bounded mapped(const Linear& map, const Source& x, std::size_t begin, std::size_t end, bool sharply) const;
  Bounded attention(const Layer& layer, const Source& x, const Vector& values, std::size_t others) const;
  Bounded mlp(const Layer& layer, const Source& x, const Vector& limit) const;

  Forward forward_;
  Vector hidden_, final_;
  Decay hidden_off_, final_off_;
};

}  // namespace snellen::check
