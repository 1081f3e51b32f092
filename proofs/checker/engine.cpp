#include "proofs/checker/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lib/error.hpp"
#include "proofs/checker/operations.hpp"

namespace snellen::check {
namespace {

Column row_of(const Tensor& tensor, std::size_t row) {
  Column values(tensor.columns());
  tensor.read_row(row, values);
  return values;
}

void round_all(const SoftFloat& f, Column& x) {
  for (double& entry : x) entry = f.round(entry);
}

}  // namespace

std::optional<EngineProfile> engine_profile(const std::string& name) {
  const auto f = [](const char* format) { return SoftFloat(*known_format(format)); };
  const auto uniform = [&](const char* format) { return EngineProfile{f(format), f(format), f(format), f(format), f(format), f(format), f(format), f(format), f(format)}; };
  const auto mixed = [&](const char* narrow) { return EngineProfile{f(narrow), f(narrow), f("fp32"), f("fp32"), f(narrow), f(narrow), f("fp32"), f("fp32"), f("fp32")}; };
  const auto fp8 = [&](const char* operand) {
    EngineProfile p = mixed("bf16");
    p.operand = f(operand), p.scaled = true;
    return p;
  };
  if (name == "fp64" || name == "fp32" || name == "bf16") return uniform(name.c_str());
  if (name == "fp16-acc32") return mixed("fp16");
  if (name == "bf16-acc32") return mixed("bf16");
  if (name == "fp8-e4m3-acc32-token") return fp8("e4m3-saturating");
  if (name == "fp8-e5m2-acc32-token") return fp8("e5m2-saturating");
  return std::nullopt;
}

Column Engine::embedding(Token token) const {
  if (token < 0 || static_cast<std::size_t>(token) >= model_.vocabulary)
    throw InputError("family", fmt::format("found token {}, expected one of the model's {}", token, model_.vocabulary));
  Column x = row_of(*model_.embedding, static_cast<std::size_t>(token));
  round_all(by_.storage, x);
  if (!model_.embedding_scale.is_one()) {
    const double scale = root(by_.storage, model_.embedding_scale);
    for (double& entry : x) entry = by_.storage.multiply(entry, scale);
  }
  return x;
}

double Engine::make_operands(Column& x) const {
  double factor = 1;
  if (by_.scaled) {
    double largest = 0;
    for (const double entry : x) largest = std::max(largest, std::fabs(entry));
    factor = by_.rescale.divide(by_.rescale.round(largest), by_.operand.largest());
    if (factor == 0) factor = 1;
    for (double& entry : x) entry = by_.rescale.divide(by_.rescale.round(entry), factor);
  }
  round_all(by_.operand, x);
  return factor;
}

std::vector<Column> Engine::linear(const Linear& map, const std::vector<Column>& xs) const {
  const std::size_t out = map.weight->rows(), in = map.weight->columns();
  std::vector<Column> inputs = xs, ys(xs.size(), Column(out));
  Column factors, bias;
  for (Column& x : inputs) factors.push_back(make_operands(x));
  if (map.bias) bias = row_of(*map.bias, 0), round_all(by_.storage, bias);
  for_each_index(out, out * in * xs.size() >= 20'000, [&](std::size_t i) {
    Column weights = row_of(*map.weight, i);
    const double factor = make_operands(weights);
    for (std::size_t c = 0; c < xs.size(); ++c) {
      double sum = 0;
      for (std::size_t j = 0; j < in; ++j) sum = by_.accumulator.add(sum, by_.accumulator.multiply(weights[j], inputs[c][j]));
      if (by_.scaled) sum = by_.rescale.multiply(by_.rescale.multiply(by_.rescale.round(sum), factors[c]), factor);
      sum = by_.storage.round(sum);
      ys[c][i] = map.bias ? by_.storage.add(sum, bias[i]) : sum;
    }
  });
  return ys;
}

void Engine::norm_all(const std::optional<Norm>& n, std::vector<Column>& xs, std::size_t groups) const {
  if (!n || xs.empty()) return;
  const SoftFloat& f = by_.norm;
  const std::size_t size = xs[0].size() / groups;
  Column weight(size, 1.0), bias(size, 0.0);
  if (n->weight) weight = row_of(*n->weight, 0), round_all(by_.storage, weight);
  if (n->bias) bias = row_of(*n->bias, 0), round_all(by_.storage, bias);
  for (double& w : weight) w = n->weight && n->unit_offset ? f.add(1, f.round(w)) : f.round(w);
  round_all(f, bias);
  const double count = f.round(static_cast<double>(size)), epsilon = f.round(n->epsilon);
  for_each_index(xs.size(), xs.size() * size >= 5'000, [&](std::size_t c) {
    for (std::size_t begin = 0; begin < xs[c].size(); begin += size) {
      double* const x = &xs[c][begin];
      for (std::size_t i = 0; i < size; ++i) x[i] = f.round(x[i]);
      if (n->kind == NormKind::layer) {
        double sum = 0;
        for (std::size_t i = 0; i < size; ++i) sum = f.add(sum, x[i]);
        const double mean = f.divide(sum, count);
        for (std::size_t i = 0; i < size; ++i) x[i] = f.subtract(x[i], mean);
      }
      double squares = 0;
      for (std::size_t i = 0; i < size; ++i) squares = f.add(squares, f.multiply(x[i], x[i]));
      const double inverse = f.inverse_sqrt(f.add(f.divide(squares, count), epsilon));
      for (std::size_t i = 0; i < size; ++i) {
        x[i] = f.multiply(f.multiply(x[i], inverse), weight[i]);
        if (n->bias) x[i] = f.add(x[i], bias[i]);
        x[i] = by_.storage.round(x[i]);
      }
    }
  });
}

void Engine::add_all(std::vector<Column>& xs, const std::vector<Column>& ys) const {
  for (std::size_t c = 0; c < xs.size(); ++c)
    for (std::size_t i = 0; i < xs[c].size(); ++i) xs[c][i] = by_.storage.add(xs[c][i], ys[c][i]);
}

double Engine::activate(Activation activation, double x) const {
  const SoftFloat& f = by_.function;
  const double e = f.round(x);
  switch (activation) {
    case Activation::identity: return x;
    case Activation::relu: return e < 0 ? 0 : e;
    case Activation::silu: return f.divide(e, f.add(1, f.exp(-e)));
    case Activation::gelu_exact: return f.multiply(f.multiply(0.5, e), f.add(1, f.erf(f.multiply(e, f.inverse_sqrt(2)))));
    case Activation::gelu_tanh: {
      const double cube = f.multiply(f.multiply(e, e), e), inner = f.multiply(f.root_of_two_over_pi(), f.add(e, f.multiply(f.round(0.044715), cube)));
      return f.multiply(f.multiply(0.5, e), f.add(1, f.tanh(inner)));
    }
  }
  return std::nan("");
}

Engine::Projections Engine::project(const Layer& layer, const std::vector<Column>& xs) const {
  std::vector<Column> h = xs;
  norm_all(layer.attention_norm, h);
  Projections p{linear(layer.query, h), linear(layer.key, h), linear(layer.value, h)};
  norm_all(layer.query_norm, p.queries, layer.attention.heads);
  norm_all(layer.key_norm, p.keys, layer.attention.kv_heads);
  for (Column& key : p.keys) round_all(by_.cache, key);
  for (Column& value : p.values) round_all(by_.cache, value);
  return p;
}

double Engine::score(const Attention& attention, std::size_t head, double product, std::int64_t distance) const {
  const SoftFloat& f = by_.softmax;
  double s = f.multiply(f.round(product), root(f, attention.scale));
  if (attention.softcap) {
    const double cap = f.round(*attention.softcap);
    s = f.multiply(cap, f.tanh(f.divide(s, cap)));
  }
  if (attention.alibi.empty()) return s;
  const Slope& slope = attention.alibi[head];
  return f.subtract(s, f.multiply(f.power_of_two(-slope.numerator, slope.denominator), f.round(static_cast<double>(distance))));
}

std::vector<Column> Engine::finish(const Layer& layer, std::vector<Column> xs, const std::vector<Column>& mixed) const {
  std::vector<Column> out = linear(layer.output, mixed);
  norm_all(layer.post_attention_norm, out);
  add_all(xs, out);
  if (!layer.up) return xs;
  std::vector<Column> h = xs;
  norm_all(layer.mlp_norm, h);
  std::vector<Column> inner = linear(*layer.up, h), gate;
  if (layer.gate) gate = linear(*layer.gate, h);
  for_each_index(inner.size(), inner.size() >= 8, [&](std::size_t c) {
    for (std::size_t i = 0; i < inner[c].size(); ++i) {
      const double active = by_.storage.round(activate(layer.activation, layer.gate ? gate[c][i] : inner[c][i]));
      inner[c][i] = layer.gate ? by_.storage.multiply(active, inner[c][i]) : active;
    }
  });
  out = linear(*layer.down, inner);
  norm_all(layer.post_mlp_norm, out);
  add_all(xs, out);
  return xs;
}

std::vector<Column> Engine::final(std::vector<Column> xs) const {
  norm_all(model_.final_norm, xs);
  return xs;
}

std::vector<std::int64_t> Engine::next_tokens(const std::vector<Column>& finals) const {
  std::vector<std::int64_t> tokens;
  for (const Column& logits : linear(model_.unembedding, finals)) {
    const bool known = std::all_of(logits.begin(), logits.end(), [](double x) { return std::isfinite(x); });
    tokens.push_back(known ? std::max_element(logits.begin(), logits.end()) - logits.begin() : -1);
  }
  return tokens;
}

double Engine::steps_of_layer(const Layer& layer) const {
  double steps = 0;
  const auto add = [&](const Linear& map) { steps += 2 * static_cast<double>(map.weight->rows()) * static_cast<double>(map.weight->columns()); };
  add(layer.output);
  if (layer.gate) add(*layer.gate);
  if (layer.up) add(*layer.up), add(*layer.down);
  return steps;
}

}  // namespace snellen::check
