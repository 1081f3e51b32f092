#include "proofs/checker/slopes.hpp"

namespace snellen::check {

Sloped Slopes::linear(const Linear& map, const Sloped& x) const {
  return {o_.linear(map, {x.values})[0], o_.linear({map.weight, nullptr}, x.slopes)};  // a bias has no slope
}

void Slopes::add(Sloped& x, const Sloped& y) const {
  const IntervalArithmetic& a = o_.arithmetic();
  for (std::size_t i = 0; i < x.values.size(); ++i) a.add(x.values[i], x.values[i], y.values[i]);
  for (std::size_t s = 0; s < x.slopes.size(); ++s)
    for (std::size_t i = 0; i < x.values.size(); ++i) a.add(x.slopes[s][i], x.slopes[s][i], y.slopes[s][i]);
}

Sloped Slopes::multiply(const Sloped& x, const Sloped& y) const {
  const IntervalArithmetic& a = o_.arithmetic();
  Sloped product = x;
  Number term = a.zero();
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    a.mul(product.values[i], x.values[i], y.values[i]);
    for (std::size_t s = 0; s < x.slopes.size(); ++s) {
      a.mul(product.slopes[s][i], x.slopes[s][i], y.values[i]);
      a.mul(term, x.values[i], y.slopes[s][i]);
      a.add(product.slopes[s][i], product.slopes[s][i], term);
    }
  }
  return product;
}

// z = x g w + b, x without its mean where the norm is a layer's, g = (mean x^2 + epsilon)^(-1/2): dz = (dx g - x g^3 mean(x dx)) w.
void Slopes::norm(const std::optional<Norm>& n, Sloped& x) const {
  if (!n) return;
  const IntervalArithmetic& a = o_.arithmetic();
  const std::size_t size = x.values.size();
  const Number count = a.of(static_cast<double>(size));
  const Vector weight = n->weight ? o_.row(*n->weight, 0) : Vector();
  const auto mean_of_products = [&](const Vector& u, const Vector& v) {
    Number sum = a.zero(), term = a.zero();
    for (std::size_t i = 0; i < size; ++i) {
      if (&u == &v) a.sqr(term, u[i]);
      else a.mul(term, u[i], v[i]);
      a.add(sum, sum, term);
    }
    a.div(sum, sum, count);
    return sum;
  };
  const auto centre = [&](Vector& u) {
    Number mean = a.zero();
    for (const Number& entry : u) a.add(mean, mean, entry);
    a.div(mean, mean, count);
    for (Number& entry : u) a.sub(entry, entry, mean);
  };
  Vector centred = x.values;
  if (n->kind == NormKind::layer) {
    centre(centred);
    for (Vector& slope : x.slopes) centre(slope);
  }
  Number g = mean_of_products(centred, centred), cube = a.zero(), term = a.zero();
  a.add(g, g, a.of(n->epsilon));
  a.sqrt(g, g);
  a.div(g, a.of(1), g);
  a.sqr(cube, g);
  a.mul(cube, cube, g);
  for (Vector& slope : x.slopes) {
    Number along = mean_of_products(centred, slope);
    a.mul(along, along, cube);
    for (std::size_t i = 0; i < size; ++i) {
      a.mul(slope[i], slope[i], g);
      a.mul(term, centred[i], along);
      a.sub(slope[i], slope[i], term);
      if (!n->weight) continue;
      term = weight[i];
      if (n->unit_offset) a.add(term, term, a.of(1));
      a.mul(slope[i], slope[i], term);
    }
  }
  o_.norm(*n, x.values, 1);
}

void Slopes::activate(Activation activation, Sloped& x) const {
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    const Number d = derivative(activation, x.values[i]);
    for (Vector& slope : x.slopes) o_.arithmetic().mul(slope[i], slope[i], d);
    o_.activate(activation, x.values[i]);
  }
}

void Slopes::add_layer(const Layer& layer, Sloped& x, const Sloped& mixed) const {
  Sloped branch = linear(layer.output, mixed);
  norm(layer.post_attention_norm, branch);
  add(x, branch);
  if (!layer.up) return;
  Sloped h = x;
  norm(layer.mlp_norm, h);
  Sloped inner = linear(*layer.up, h);
  if (layer.gate) {
    Sloped gate = linear(*layer.gate, h);
    activate(layer.activation, gate);
    inner = multiply(gate, inner);
  } else {
    activate(layer.activation, inner);
  }
  branch = linear(*layer.down, inner);
  norm(layer.post_mlp_norm, branch);
  add(x, branch);
}

Number Slopes::derivative(Activation activation, const Number& x) const {
  const IntervalArithmetic& a = o_.arithmetic();
  const Number one = a.of(1);
  Number s = a.zero(), t = a.zero(), u = a.zero(), pi = a.zero();
  a.pi(pi);
  switch (activation) {
    case Activation::identity: return one;
    case Activation::relu:  // the slopes of all segments: functions with kinks are absolutely continuous along one
      if (mpfi_is_strictly_pos(IntervalArithmetic::raw(x))) return one;
      if (mpfi_is_strictly_neg(IntervalArithmetic::raw(x))) return s;
      unite(s, one);
      return s;
    case Activation::gelu_exact:  // Phi(x) + x phi(x) = (1 + erf(x / sqrt 2)) / 2 + x e^(-x^2/2) / sqrt(2 pi)
      a.sqrt(u, a.of(2));
      a.div(s, x, u);
      a.erf(s, s);
      a.add(s, s, one);
      a.mul(s, s, 0.5);
      a.sqr(t, x);
      a.mul(t, t, -0.5);
      a.exp(t, t);
      a.mul(t, t, x);
      a.mul(u, pi, 2);
      a.sqrt(u, u);
      a.div(t, t, u);
      a.add(s, s, t);
      return s;
    case Activation::silu:  // x s, s = 1 / (1 + e^-v), v = x
      t = x;
      u = one;
      break;
    case Activation::gelu_tanh:  // the same with v = sqrt(8/pi) (x + 0.044715 x^3)
      a.sqr(u, x);
      a.mul(u, u, 44715.0);
      a.div(u, u, a.of(1e6));
      a.add(t, u, one);
      a.mul(t, t, x);
      a.mul(u, u, 3);
      a.add(u, u, one);
      a.div(s, a.of(8), pi);
      a.sqrt(s, s);
      a.mul(t, t, s);
      a.mul(u, u, s);
      break;
  }
  // s + x s (1 - s) v', with t = v and u = v'.
  a.sub(t, a.zero(), t);
  a.exp(t, t);
  a.add(t, t, one);
  a.div(s, one, t);
  a.sub(t, one, s);
  a.mul(t, t, s);
  a.mul(t, t, x);
  a.mul(t, t, u);
  a.add(s, s, t);
  return s;
}

}  // namespace snellen::check
