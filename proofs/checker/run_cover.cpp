#include "proofs/checker/run_cover.hpp"

#include "proofs/checker/work.hpp"

namespace snellen::check {

std::optional<std::string> run_refused(const Model& model, bool eras) {
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions are added to the embeddings";
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    if (a.rotary) return "rotary positions";
    if (a.window) return "a window in some layers";
    if (a.softcap) return "soft-capped scores";
    if (eras && !a.alibi.empty()) return "slopes, under which lengths are taken one by one";
    if (eras && layer.up && layer.activation == Activation::gelu_exact) return "GELU by erf, which this program does not expand in the length";
  }
  return std::nullopt;
}

// Operations on a block of Taylor models; with length 1 on boxes, entry by entry as Operations has them.
struct RunCover::Layers {
  const Taylor& taylor;
  const Operations& o;
  explicit Layers(const Taylor& t) : taylor(t), o(t.operations()) {}

  // Every coefficient is a vector of its own; a bias belongs to the constants.
  Block linear(const Linear& map, const Block& x) const {
    std::vector<Vector> columns(taylor.length());
    for (std::size_t k = 0; k < columns.size(); ++k)
      for (const Row& entry : x) columns[k].push_back(entry[k]);
    const std::vector<Vector> products = o.linear({map.weight, nullptr}, columns);
    Block y(products[0].size(), taylor.zero());
    for (std::size_t k = 0; k < columns.size(); ++k)
      for (std::size_t i = 0; i < y.size(); ++i) y[i][k] = products[k][i];
    if (!map.bias) return y;
    const Vector bias = o.row(*map.bias, 0);
    for (std::size_t i = 0; i < y.size(); ++i) o.arithmetic().add(y[i][0], y[i][0], bias[i]);
    return y;
  }

  void add(Block& x, const Block& y) const {
    for (std::size_t i = 0; i < x.size(); ++i) taylor.add(x[i], y[i]);
  }

  void norm(const std::optional<Norm>& n, Block& x, std::size_t groups = 1) const {
    if (!n) return;
    if (taylor.length() == 1) {
      Vector values;
      for (const Row& entry : x) values.push_back(entry[0]);
      o.norm(*n, values, groups);
      for (std::size_t i = 0; i < x.size(); ++i) x[i][0] = values[i];
      return;
    }
    const IntervalArithmetic& a = o.arithmetic();
    const std::size_t size = x.size() / groups;
    const Vector weight = n->weight ? o.row(*n->weight, 0) : Vector(), bias = n->bias ? o.row(*n->bias, 0) : Vector();
    Number share = a.of(1);
    a.div(share, share, a.of(static_cast<double>(size)));
    for (std::size_t g = 0; g < groups; ++g) {
      Row* const entries = &x[g * size];
      if (n->kind == NormKind::layer) {
        Row mean = taylor.zero();
        for (std::size_t i = 0; i < size; ++i) taylor.add(mean, entries[i]);
        taylor.scale(mean, share);
        for (std::size_t i = 0; i < size; ++i)
          for (std::size_t k = 0; k < mean.size(); ++k) a.sub(entries[i][k], entries[i][k], mean[k]);
      }
      std::vector<Row> squares(size);
      for_each_index(size, true, [&](std::size_t i) { squares[i] = taylor.multiply(entries[i], entries[i]); });
      Row mean = taylor.zero();
      for (const Row& square : squares) taylor.add(mean, square);
      taylor.scale(mean, share);
      a.add(mean[0], mean[0], a.of(n->epsilon));
      const Row factor = taylor.inverse_sqrt(mean);
      for_each_index(size, true, [&](std::size_t i) {
        entries[i] = taylor.multiply(entries[i], factor);
        if (n->weight) {
          Number w = weight[i];
          if (n->unit_offset) a.add(w, w, a.of(1));
          taylor.scale(entries[i], w);
        }
        if (n->bias) a.add(entries[i][0], entries[i][0], bias[i]);
      });
    }
  }

  Row activate(Activation activation, const Row& x) const {
    const IntervalArithmetic& a = o.arithmetic();
    if (taylor.length() == 1) {
      Row y = x;
      o.activate(activation, y[0]);
      return y;
    }
    // x / (1 + e^-u).
    const auto gate = [&](Row u) {
      for (Number& c : u) a.sub(c, a.zero(), c);
      Row t = taylor.exp(u);
      a.add(t[0], t[0], a.of(1));
      return taylor.multiply(x, taylor.inverse(t));
    };
    if (activation == Activation::identity) return x;
    if (activation == Activation::relu) return taylor.relu(x);
    if (activation == Activation::silu) return gate(x);
    // GELU by tanh: x/2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3).
    Number factor = a.of(44715.0), pi = a.zero();
    a.div(factor, factor, a.of(1e6));
    Row u = taylor.multiply(x, x);
    taylor.scale(u, factor);
    a.add(u[0], u[0], a.of(1));
    u = taylor.multiply(u, x);
    a.pi(pi);
    a.div(factor, a.of(8), pi);  // (2 sqrt(2/pi))^2
    a.sqrt(factor, factor);
    taylor.scale(u, factor);
    return gate(u);
  }
};

RunCover::RunCover(const Model& model, const std::vector<Token>& prefix, Token token, const Settings& settings)
    : model_(model), token_(token), settings_(settings), forward_(model, settings.bits), taylor_(settings.bits, settings.degree), next_(settings.explicit_tokens + 1) {
  set_limit();
  for (const Layer& layer : model.layers) past_.emplace_back(layer.attention.heads);
  for (const Token one : prefix) append(one);
  for (std::int64_t n = 1; n <= settings.explicit_tokens; ++n) explicit_.push_back(append(token));
}

RunCover::Block RunCover::block_of_token(const Taylor& taylor, Token token) const {
  Block x;
  for (const Number& entry : forward_.embedding(token, 0)) x.push_back(taylor.constant(entry));
  return x;
}

template <class Attend>
void RunCover::apply(const Layers& layers, std::size_t layer, Block& x, const Attend& attend) const {
  const Layer& l = model_.layers[layer];
  Block h = x;
  layers.norm(l.attention_norm, h);
  Block q = layers.linear(l.query, h), k = layers.linear(l.key, h);
  const Block v = layers.linear(l.value, h);
  layers.norm(l.query_norm, q, l.attention.heads);
  layers.norm(l.key_norm, k, l.attention.kv_heads);
  Block out = layers.linear(l.output, attend(q, k, v));
  layers.norm(l.post_attention_norm, out);
  layers.add(x, out);
  if (!l.up) return;
  h = x;
  layers.norm(l.mlp_norm, h);
  Block inner = layers.linear(*l.up, h);
  const Block gate = l.gate ? layers.linear(*l.gate, h) : Block();
  for_each_index(inner.size(), layers.taylor.length() > 1, [&](std::size_t i) {
    inner[i] = l.gate ? layers.taylor.multiply(layers.activate(l.activation, gate[i]), inner[i]) : layers.activate(l.activation, inner[i]);
  });
  out = layers.linear(*l.down, inner);
  layers.norm(l.post_mlp_norm, out);
  layers.add(x, out);
}

// All weight on the run: a head's output is the run token's value.
void RunCover::set_limit() {
  const Taylor points(settings_.bits, 0);
  const Layers layers(points);
  Block x = block_of_token(points, token_);
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const Attention& a = model_.layers[l].attention;
    apply(layers, l, x, [&](const Block& q, const Block& k, const Block& v) {
      Centre centre;
      const Number scale = layers.o.root(a.scale);
      Block mixed;
      for (std::size_t i = 0; i < q.size(); ++i) {
        Number scaled = q[i][0];
        layers.o.arithmetic().mul(scaled, scaled, scale);
        centre.query.push_back(midpoint(scaled));
        mixed.push_back(v[i / a.head_size / (a.heads / a.kv_heads) * a.head_size + i % a.head_size]);
      }
      for (const Row& entry : k) centre.key.push_back(midpoint(entry[0]));
      for (const Row& entry : v) centre.value.push_back(midpoint(entry[0]));
      centres_.push_back(std::move(centre));
      return mixed;
    });
  }
  for (const Row& entry : x) limit_.push_back(entry[0]);
}

// One token, attention centred like that of eras: what it sees of itself has been added to the past before it looks.
Vector RunCover::append(Token token) {
  const IntervalArithmetic& a = arithmetic();
  const Taylor points(settings_.bits, 0);
  const Layers layers(points);
  Block x = block_of_token(points, token);
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const Attention& attention = model_.layers[l].attention;
    apply(layers, l, x, [&](const Block& q, const Block& k, const Block& v) {
      Block mixed(q.size());
      for_each_index(attention.heads, past_[l][0].groups() >= 64, [&](std::size_t head) {
        const Parts parts = parts_of(points, l, head, q, k, v);
        Number weight = a.zero(), term = a.zero();
        if (!attention.alibi.empty()) a.mul(weight, forward_.operations().slope(attention.alibi[head]), static_cast<double>(tokens_));  // -slope (n - j): what depends on n alone cancels
        Vector key, weighted;
        for (std::size_t i = 0; i < parts.key.size(); ++i) {
          key.push_back(parts.key[i][0]);
          a.mul(term, centres_[l].query[head * attention.head_size + i], key[i]);
          a.add(weight, weight, term);
        }
        a.exp(weight, weight);
        weighted.push_back(weight);
        for (const Row& value : parts.value) {
          a.mul(term, weight, value[0]);
          weighted.push_back(term);
        }
        HeadPast& past = past_[l][head];
        past.add_token(a, key, weighted);
        const std::vector<Row> sums = past.sums(points, parts.query, settings_.wanted);
        past.retire(points, parts.query, sums, settings_.wanted);
        set_mean(sums, l, head, mixed);
      });
      return mixed;
    });
  }
  ++tokens_;
  Vector result;
  for (const Row& entry : x) result.push_back(entry[0]);
  return result;
}

void RunCover::set_mean(const std::vector<Row>& sums, std::size_t layer, std::size_t head, Block& mixed) const {
  const IntervalArithmetic& a = arithmetic();
  const Attention& attention = model_.layers[layer].attention;
  const std::size_t size = attention.head_size, shared = head / (attention.heads / attention.kv_heads) * size;
  for (std::size_t i = 0; i < size; ++i) {
    Number mean = a.zero();
    a.div(mean, sums[1 + i][0], sums[0][0]);
    a.add(mean, mean, centres_[layer].value[shared + i]);
    mixed[head * size + i] = {mean};
  }
}

RunCover::Parts RunCover::parts_of(const Taylor& taylor, std::size_t layer, std::size_t head, const Block& q, const Block& k, const Block& v) const {
  const Attention& attention = model_.layers[layer].attention;
  const IntervalArithmetic& a = arithmetic();
  const std::size_t size = attention.head_size, shared = head / (attention.heads / attention.kv_heads) * size;
  const Number scale = forward_.operations().root(attention.scale);
  Parts parts;
  for (std::size_t i = 0; i < size; ++i) {
    parts.query.push_back(q[head * size + i]);
    taylor.scale(parts.query.back(), scale);
    a.sub(parts.query.back()[0], parts.query.back()[0], centres_[layer].query[head * size + i]);
    parts.key.push_back(k[shared + i]);
    a.sub(parts.key.back()[0], parts.key.back()[0], centres_[layer].key[shared + i]);
    parts.value.push_back(v[shared + i]);
    a.sub(parts.value.back()[0], parts.value.back()[0], centres_[layer].value[shared + i]);
  }
  return parts;
}

bool RunCover::extend() {
  const IntervalArithmetic& a = arithmetic();
  Era era(next_, next_ + next_ / 4, settings_.degree, settings_.bits);
  const Layers layers(taylor_);
  Block x = block_of_token(taylor_, token_);
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const Attention& attention = model_.layers[l].attention;
    const std::size_t size = attention.head_size;
    apply(layers, l, x, [&](const Block& q, const Block& k, const Block& v) {
      Block mixed(q.size());
      for_each_index(attention.heads, true, [&](std::size_t head) {
        Parts parts = parts_of(taylor_, l, head, q, k, v);
        Row score = taylor_.zero();  // q_c . dk
        for (std::size_t i = 0; i < size; ++i) {
          Row term = parts.key[i];
          taylor_.scale(term, centres_[l].query[head * size + i]);
          taylor_.add(score, term);
        }
        std::vector<Row> weighted{taylor_.exp(score)};
        for (std::size_t i = 0; i < size; ++i) weighted.push_back(taylor_.multiply(weighted[0], parts.value[i]));
        std::vector<Row> sums = past_[l][head].sums(taylor_, parts.query, settings_.wanted);
        const std::vector<Row> own = own_sums(taylor_, parts.query, parts.key, weighted, era, settings_.wanted);
        for (std::size_t row = 0; row < sums.size(); ++row) taylor_.add(sums[row], own[row]);
        past_[l][head].retire(taylor_, parts.query, sums, settings_.wanted);
        past_[l][head].add_era(a, std::move(parts.key), weighted, era);
        const Row inverse = taylor_.inverse(sums[0]);
        const std::size_t shared = head / (attention.heads / attention.kv_heads) * size;
        for (std::size_t i = 0; i < size; ++i) {
          Row& entry = mixed[head * size + i];
          entry = taylor_.multiply(sums[1 + i], inverse);
          a.add(entry[0], entry[0], centres_[l].value[shared + i]);
        }
      });
      return mixed;
    });
  }
  Block y = x;
  layers.norm(model_.final_norm, y);
  bool finite = true;
  for (const Row& entry : y) finite = finite && is_finite(entry);
  next_ = era.last() + 1;
  eras_.push_back({std::move(era), std::move(x), std::move(y)});
  return finite;
}

// Attention is a convex combination of the mean over the tokens before the tail and of values of the tail (`convex_hull`, proofs/tail.md).
Vector RunCover::tail() const {
  const Taylor boxes(settings_.bits, 0);
  const Layers layers(boxes);
  Block x = block_of_token(boxes, token_);
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const Attention& attention = model_.layers[l].attention;
    const std::size_t size = attention.head_size;
    apply(layers, l, x, [&](const Block& q, const Block& k, const Block& v) {
      Block mixed(q.size());
      for_each_index(attention.heads, past_[l][0].groups() >= 64, [&](std::size_t head) {
        const Parts parts = parts_of(boxes, l, head, q, k, v);
        const std::vector<Row> sums = past_[l][head].sums(boxes, parts.query, settings_.wanted);
        set_mean(sums, l, head, mixed);
        const std::size_t shared = head / (attention.heads / attention.kv_heads) * size;
        for (std::size_t i = 0; i < size; ++i) unite(mixed[head * size + i][0], v[shared + i][0]);
      });
      return mixed;
    });
  }
  Vector result;
  for (const Row& entry : x) result.push_back(entry[0]);
  return result;
}

double RunCover::products_of_era() const {
  const auto q = static_cast<double>(settings_.degree);
  double products = products_of_layers(model_) * (q + 1);
  for (std::size_t l = 0; l < model_.layers.size(); ++l) {
    const Layer& layer = model_.layers[l];
    const auto heads = static_cast<double>(layer.attention.heads), size = static_cast<double>(layer.attention.head_size);
    products += (4 * static_cast<double>(model_.width) + 5 * (layer.up ? static_cast<double>(layer.up->weight->rows()) : 0)) * q * q / 2;
    products += heads * (1 + size) * (q * q * q / 3 + q * q) + heads * static_cast<double>(past_[l][0].groups()) * 40 * (1 + size);
  }
  return products;
}

}  // namespace snellen::check
