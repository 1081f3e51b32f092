// What a pass costs, in interval products, so that nothing is begun that cannot end.
#pragma once

#include "lib/model/model.hpp"

namespace snellen::check {

// Of all linear maps of the layers, for one token.
double products_of_layers(const Model& model);
// Of one token's logits.
double products_of_logits(const Model& model);
// Scores and mixes of one token for each token that it sees.
double products_of_attention(const Model& model);

// Spends what a certificate may cost.
class Budget {
 public:
  explicit Budget(double work) : left_(work) {}
  bool affords(double products) const { return products <= left_; }
  void spend(double products) { left_ -= products; }
  double left() const { return left_; }

 private:
  double left_;
};

}  // namespace snellen::check
