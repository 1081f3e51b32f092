#include "proofs/checker/period_tail.hpp"

#include <algorithm>

#include "proofs/checker/judge.hpp"
#include "proofs/checker/sequences.hpp"
#include "proofs/checker/taylor.hpp"

namespace snellen::check {

std::optional<std::string> period_refused(const Model& model, const CertificateSequences& s) {
  if (!s.sampled.empty() || s.every > 0) return "sampled tokens, or delimiters between groups";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions added to the embeddings";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (a.alibi.empty()) return "layers without slopes";
    if (a.rotary || a.window || a.softcap) return "slopes together with rotary positions, windows or soft-caps";
  }
  return std::nullopt;
}

PeriodTail::PeriodTail(const Model& model, const CertificateSequences& s, std::int64_t copies, long bits) : forward_(model, bits), period_(s.unit.size()) {
  std::vector<Token> trunk = s.prefix, columns = s.unit;
  const std::vector<Token> run = run_of(s, copies);
  trunk.insert(trunk.end(), run.begin(), run.end());
  columns.insert(columns.end(), s.suffix.begin(), s.suffix.end());
  first_ = second_ = columns.size() - 1;
  if (s.repeat_last) columns.push_back(columns.back()), ++second_;
  before_ = trunk.size();

  const std::vector<Forward::Past> past = forward_.run(Seating(trunk).seats()).past;
  for (const Token token : columns) columns_.push_back(forward_.embedding(token, 0));
  limits_ = columns_;
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const Layer& layer = model.layers[l];
    for (const bool limit : {false, true}) {
      std::vector<Vector>& xs = limit ? limits_ : columns_;
      forward_.add_attention(layer, xs, attend(layer, forward_.project(layer, xs), limit ? nullptr : &past[l]));
      forward_.add_mlp(layer, xs);
    }
  }
}

std::optional<std::int64_t> PeriodTail::token(const Vector& final) const { return argmax(forward_.logits({final})[0]); }

std::vector<Vector> PeriodTail::attend(const Layer& layer, const Forward::Projections& p, const Forward::Past* past) const {
  const Attention& attention = layer.attention;
  const Operations& o = forward_.operations();
  const IntervalArithmetic& a = o.arithmetic();
  const std::size_t size = attention.head_size;
  const Number scale = o.root(attention.scale);
  std::vector<Vector> mixed(p.queries.size(), o.zeros(attention.heads * size));
  for_each_index(attention.heads, true, [&](std::size_t h) {
    const std::size_t shared = h / (attention.heads / attention.kv_heads) * size;
    const Number slope = o.slope(attention.alibi[h]);
    Vector centre;
    for (std::size_t i = 0; i < size; ++i) centre.push_back(midpoint(p.values[period_ - 1][shared + i]));
    Number term = a.zero();
    // Adds the token with this key and value, `distance` tokens before column c, to the sums; times `factor`, where there is one.
    const auto add = [&](Sums& sums, std::size_t c, const Vector& key, const Vector& value, std::size_t distance, const Number* factor) {
      Number weight = a.zero();
      for (std::size_t i = 0; i < size; ++i) {
        a.mul(term, p.queries[c][h * size + i], key[shared + i]);
        a.add(weight, weight, term);
      }
      a.mul(weight, weight, scale);
      a.mul(term, slope, static_cast<double>(distance));
      a.sub(weight, weight, term);
      a.exp(weight, weight);
      if (factor) a.mul(weight, weight, *factor);
      a.add(sums[0], sums[0], weight);
      for (std::size_t i = 0; i < size; ++i) {
        a.sub(term, value[shared + i], centre[i]);
        a.mul(term, term, weight);
        a.add(sums[1 + i], sums[1 + i], term);
      }
    };
    // The sum over infinitely many copies of one position, each a period farther: 1 / (1 - e^(-slope period)).
    Number series = a.zero();
    a.mul(term, slope, -static_cast<double>(period_));
    a.exp(term, term);
    a.sub(term, a.of(1), term);
    a.div(series, a.of(1), term);

    for (std::size_t c = 0; c < p.queries.size(); ++c) {
      const auto hull = [&](const Sums& sums, bool unite_with) {
        for (std::size_t i = 0; i < size; ++i) {
          Number mean = a.zero();
          a.div(mean, sums[1 + i], sums[0]);
          a.add(mean, mean, centre[i]);
          if (unite_with) unite(mean, mixed[c][h * size + i]);
          mixed[c][h * size + i] = mean;
        }
      };
      Sums after = o.zeros(1 + size);  // infinitely many copies
      for (std::size_t r = 0; r < period_; ++r) add(after, c, p.keys[r], p.values[r], r <= c ? c - r : c + period_ - r, &series);
      for (std::size_t b = period_; b <= c; ++b) add(after, c, p.keys[b], p.values[b], c - b, nullptr);
      hull(after, false);
      if (!past) continue;
      Sums now = o.zeros(1 + size);  // the explicit tokens and the column's own copy
      for (std::size_t j = 0; j < before_; ++j) add(now, c, past->keys[j], past->values[j], before_ + c - j, nullptr);
      for (std::size_t r = 0; r <= c; ++r) add(now, c, p.keys[r], p.values[r], c - r, nullptr);
      hull(now, true);
    }
  });
  return mixed;
}

}  // namespace snellen::check
