#include "proofs/checker/run_norms.hpp"

#include <algorithm>
#include <cmath>

#include "proofs/checker/judge.hpp"
#include "proofs/checker/singular_value.hpp"

namespace snellen::check {
namespace {

constexpr long log_bits = 96;

Upper power(const Upper& x, std::size_t k) {
  Upper result(1);
  for (std::size_t i = 0; i < k; ++i) result *= x;
  return result;
}

// (k/e)^k, the largest value of u^k e^-u on u >= 0.
Upper largest_value(std::size_t k) {
  const IntervalArithmetic a(log_bits);
  Number x = a.of(-1);
  a.exp(x, x);
  a.mul(x, x, static_cast<double>(k));
  return power(Upper::magnitude(x), k);
}

Upper length_of(const IntervalArithmetic& a, const Vector& x, std::size_t begin, std::size_t end) { return Upper::magnitude(norm_of(a, "l2", Vector(x.begin() + static_cast<std::ptrdiff_t>(begin), x.begin() + static_cast<std::ptrdiff_t>(end)))); }

Upper length_of(const TensorPtr& bias, std::size_t begin, std::size_t end) {
  if (!bias) return {};
  const std::vector<double> values = read_all(*bias);
  return frobenius_norm(std::span(values).subspan(begin, end - begin));
}

// |f(x)| <= |x|, and sup |f'| (proofs/norms.md, "Activations").
Upper lipschitz(Activation activation) {
  switch (activation) {
    case Activation::silu: return Upper(1.1);
    case Activation::gelu_exact: return Upper(1.13);
    case Activation::gelu_tanh: return Upper(2.25);
    default: return Upper(1);  // relu, identity
  }
}

}  // namespace

void Decay::add(const Decay& x, const Upper& factor) {
  if (c_.size() < x.c_.size()) c_.resize(x.c_.size());
  for (std::size_t k = 0; k < x.c_.size(); ++k) c_[k] += x.c_[k] * factor;
}

// `average` (proofs/majorant.md, "Decays"): the sum of log(i)^k / i over i <= j is at most log(j)^(k+1) / (k+1) + (k/e)^k.
Decay Decay::average() const {
  Decay result;
  result.c_.resize(c_.size() + 1);
  for (std::size_t k = 0; k < c_.size(); ++k) {
    result.c_[k + 1] += c_[k].part(k + 1);
    result.c_[0] += c_[k] * largest_value(k);
  }
  return result;
}

// log(j)^k / j rises up to log j = k, where it is (k/e)^k, and falls from there.
Upper Decay::from(const Length& n) const {
  const IntervalArithmetic a(log_bits);
  Number length = a.zero(), log = a.zero();
  mpfi_set_z(IntervalArithmetic::raw(length), n.backend().data());
  a.log(log, length);
  a.div(length, a.of(1), length);
  Upper total;
  for (std::size_t k = 0; k < c_.size(); ++k) {
    const bool falls = k == 0 || mpfr_cmp_ui(lower(log), k) >= 0;
    total += c_[k] * (falls ? power(Upper::magnitude(log), k) * Upper::magnitude(length) : largest_value(k));
  }
  return total;
}

std::optional<std::string> norms_refused(const Model& model, const CertificateSequences& s) {
  if (s.unit.size() != 1 || s.every > 0 || !s.suffix.empty() || s.repeat_last) return "sequences other than a prefix and a run of one token, in pairs (S_n, S_n+1)";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions that are added to the embeddings";
  for (const Layer& layer : model.layers) {
    if (layer.attention.window) return "a window in some layers";
    if (!layer.attention.alibi.empty()) return "slopes";
    if (layer.query_norm || layer.key_norm || layer.post_attention_norm || layer.post_mlp_norm) return "norms within a branch";
  }
  return std::nullopt;
}

// Before its weights a norm gives u = x / rho (the mean subtracted first in a layer norm): |u|_2 <= sqrt(size), and |u - s|_2 <= 2 |x - r|_2 / rho' for s = r / rho' of the limit r.
RunNorms::Source RunNorms::source(const std::optional<Norm>& n, const Vector& limit, const Bounded& x) const {
  if (!n) return {{}, {}, x.size, x.off};
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = o.arithmetic();
  const std::size_t size = limit.size();
  Source result;
  if (n->weight) {
    result.weights = read_all(*n->weight);
    for (double& w : result.weights) w = std::fabs(n->unit_offset ? 1 + w : w);
  }
  result.bias = length_of(n->bias, 0, n->bias ? size : 0), result.size = Upper(static_cast<double>(size)).root();
  Number mean = a.zero(), squares = a.zero(), term = a.zero();
  if (n->kind == NormKind::layer) {
    for (const Number& entry : limit) a.add(mean, mean, entry);
    a.div(mean, mean, a.of(static_cast<double>(size)));
  }
  for (const Number& entry : limit) {
    a.sub(term, entry, mean);
    a.sqr(term, term);
    a.add(squares, squares, term);
  }
  a.div(squares, squares, a.of(static_cast<double>(size)));
  a.add(squares, squares, a.of(n->epsilon));
  a.sqrt(squares, squares);
  a.div(squares, a.of(2), squares);
  result.off.add(x.off, Upper::magnitude(squares));
  return result;
}

// Rows [begin, end) of W (D u + b) + c: |W D|_2 |u|_2 + |W|_F |b|_2 + |c|_2. Each product of a weight of W with one of D, which may itself be rounded, is off by less than 2^-51 of itself.
RunNorms::Bounded RunNorms::mapped(const Linear& map, const Source& x, std::size_t begin, std::size_t end, bool sharply) const {
  const std::size_t rows = end - begin, columns = map.weight->columns();
  std::vector<double> entries(rows * columns);
  for (std::size_t i = 0; i < rows; ++i) map.weight->read_row(begin + i, std::span(entries).subspan(i * columns, columns));
  Upper bias = length_of(map.bias, begin, end);
  if (mpfr_sgn(x.bias.get()) != 0) bias += frobenius_norm(entries) * x.bias;
  if (!x.weights.empty())
    for (std::size_t k = 0; k < entries.size(); ++k) entries[k] *= x.weights[k % columns];
  const Upper frobenius = frobenius_norm(entries);
  const Upper norm = (sharply ? spectral_norm(entries, rows) : frobenius) + frobenius * Upper(0x1p-51) + Upper(0x1p-900);
  Bounded result{norm * x.size + bias, {}};
  result.off.add(x.off, norm);
  return result;
}

// A head's output after j tokens of the run, of T >= j tokens seen, is sum_e alpha_e v_e with every alpha_e <= e^(2B) / T, B the largest |score|: off the limit's value v by at most
// e^(2B) / j (|P| sup |v_e - v| + sum over i <= j of |v_i - v|).
RunNorms::Bounded RunNorms::attention(const Layer& layer, const Source& x, const Vector& values, std::size_t others) const {
  const Attention& at = layer.attention;
  const IntervalArithmetic& a = forward_.operations().arithmetic();
  const auto heads = [&](const Linear& map, std::size_t count) {
    std::vector<Bounded> result(count);
    for_each_index(count, true, [&](std::size_t h) { result[h] = mapped(map, x, h * at.head_size, (h + 1) * at.head_size, true); });
    return result;
  };
  const std::vector<Bounded> q = heads(layer.query, at.heads), k = heads(layer.key, at.kv_heads), v = heads(layer.value, at.kv_heads);
  const Upper scale = Upper::magnitude(forward_.operations().root(at.scale));
  Source mixed;
  for (std::size_t h = 0; h < at.heads; ++h) {
    const std::size_t g = h / (at.heads / at.kv_heads);
    Upper score = q[h].size * k[g].size * scale;
    if (at.softcap && Upper(*at.softcap) < score) score = Upper(*at.softcap);
    const Upper share = (score * Upper(2)).expm1() + Upper(1), apart = v[g].size + length_of(a, values, g * at.head_size, (g + 1) * at.head_size);
    mixed.off.add(Decay(apart * Upper(static_cast<double>(others))), share);
    mixed.off.add(v[g].off.average(), share);
    mixed.size += v[g].size * v[g].size;
  }
  mixed.size = mixed.size.root();
  return mapped(layer.output, mixed, 0, layer.output.weight->rows(), false);
}

// With x = f(gate) and y = up, r and s their limits: x y - r s = x (y - s) + s (x - r), entry by entry, and no entry exceeds the 2-norm.
RunNorms::Bounded RunNorms::mlp(const Layer& layer, const Source& x, const Vector& limit) const {
  const Operations& o = forward_.operations();
  const std::size_t rows = layer.up->weight->rows();
  const Bounded up = mapped(*layer.up, x, 0, rows, false);
  Source inner{{}, {}, up.size, {}};
  if (layer.gate) {
    Vector h = limit;
    if (layer.mlp_norm) o.norm(*layer.mlp_norm, h, 1);
    const Upper largest = Upper::magnitude(norm_of(o.arithmetic(), "linf", o.linear(*layer.up, {h})[0]));
    const Bounded gate = mapped(*layer.gate, x, 0, rows, false);
    inner.off.add(up.off, gate.size);
    inner.off.add(gate.off, lipschitz(layer.activation) * largest);
    inner.size *= gate.size;
  } else {
    inner.off.add(up.off, lipschitz(layer.activation));
  }
  return mapped(*layer.down, inner, 0, layer.down->weight->rows(), false);
}

RunNorms::RunNorms(const Model& model, const std::vector<Token>& prefix, Token token, long bits) : forward_(model, bits) {
  const IntervalArithmetic& a = forward_.operations().arithmetic();
  std::vector<Vector> x{forward_.embedding(token, 0)};  // of [a] alone
  Bounded all{length_of(a, x[0], 0, model.width), {}};
  for (const Token one : prefix)
    if (const Upper size = length_of(a, forward_.embedding(one, 0), 0, model.width); all.size < size) all.size = size;
  const auto add = [&](const Bounded& branch) { all.size += branch.size, all.off.add(branch.off, Upper(1)); };
  for (const Layer& layer : model.layers) {
    const Vector values = forward_.project(layer, x).values[0];
    add(attention(layer, source(layer.attention_norm, x[0], all), values, prefix.size()));
    // All weight on the run: a head's output is the run's value.
    const std::size_t size = layer.attention.head_size, group = layer.attention.heads / layer.attention.kv_heads;
    Vector mixed;
    for (std::size_t i = 0; i < layer.attention.heads * size; ++i) mixed.push_back(values[i / size / group * size + i % size]);
    forward_.add_attention(layer, x, {mixed});
    if (!layer.up) continue;
    add(mlp(layer, source(layer.mlp_norm, x[0], all), x[0]));
    forward_.add_mlp(layer, x);
  }
  hidden_ = x[0], final_ = forward_.final(x[0]), hidden_off_ = all.off;
  const Source last = source(model.final_norm, x[0], all);
  const double largest = last.weights.empty() ? 1 : *std::max_element(last.weights.begin(), last.weights.end());
  final_off_.add(last.off, Upper(largest) * Upper(1 + 0x1p-50));  // 1 + w may have been rounded
}

}  // namespace snellen::check
