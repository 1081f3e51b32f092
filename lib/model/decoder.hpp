// The decoder, written once, for every number world. THEORY: proofs/README.md section "The object".
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "lib/error.hpp"
#include "lib/world/world.hpp"

namespace snellen {

template <World W>
class Decoder {
 public:
  using Block = typename W::Block;
  using Memory = std::vector<typename W::Memory>;                       // one for each layer
  using Observer = std::function<void(std::size_t layer, const Block&)>;  // layer 0: the embeddings; l: the output of layer l

  Decoder(const Model& model, const W& world) : model_(model), w_(world) {}

  // x(0): token embeddings, scaled, plus absolute positions where the model has them.                  -> [width, tokens]
  Block embed(std::span<const Column> columns) const {
    Block x = w_.embed(model_.embedding, columns);
    if (!model_.embedding_scale.is_one()) x = w_.scale(x, model_.embedding_scale);
    if (const auto* learned = std::get_if<LearnedPositions>(&model_.positions)) return w_.add_rows(x, learned->table, columns);
    if (std::holds_alternative<SinusoidalPositions>(model_.positions)) return w_.add_sinusoids(x, columns);
    return x;
  }

  // One layer: x [width, tokens] -> [width, tokens]; appends the tokens to the layer's memory.
  Block layer(const Layer& l, Block x, std::span<const Column> columns, typename W::Memory& past) const {
    {
      const Block h = norm(l.attention_norm, x);                                                        // [width, tokens]
      const Attention& a = l.attention;
      Block q = rotate(a, a.heads, norm(l.query_norm, w_.linear(l.query, h), a.heads), columns);        // [heads * head_size, tokens]
      Block k = rotate(a, a.kv_heads, norm(l.key_norm, w_.linear(l.key, h), a.kv_heads), columns);      // [kv_heads * head_size, tokens]
      const Block v = w_.linear(l.value, h);                                                            // [kv_heads * head_size, tokens]
      const Block mixed = w_.attend(a, q, k, v, columns, past);                                         // [heads * head_size, tokens]
      x = w_.add(x, norm(l.post_attention_norm, w_.linear(l.output, mixed)));                           // [width, tokens]
    }
    if (!l.up) return x;
    const Block h = norm(l.mlp_norm, x);                                                                // [width, tokens]
    Block inner = w_.linear(*l.up, h);                                                                  // [hidden, tokens]
    inner = l.gate ? w_.multiply(w_.activate(l.activation, w_.linear(*l.gate, h)), inner)               // [hidden, tokens]
                   : w_.activate(l.activation, inner);
    return w_.add(x, norm(l.post_mlp_norm, w_.linear(*l.down, inner)));                                 // [width, tokens]
  }

  // x(L) of every column.                                                                              -> [width, tokens]
  Block hidden(std::span<const Column> columns, Memory& past, const Observer& observe = {}) const {
    past.resize(model_.layers.size());
    Block x = embed(columns);
    if (observe) observe(0, x);
    for (std::size_t i = 0; i < model_.layers.size(); ++i) {
      x = layer(model_.layers[i], std::move(x), columns, past[i]);
      if (observe) observe(i + 1, x);
    }
    return x;
  }

  // y = N3(x(L)).                                                                                      -> [width, tokens]
  Block final(const Block& x) const { return norm(model_.final_norm, x); }

 private:
  Block norm(const std::optional<Norm>& n, const Block& x, std::size_t groups = 1) const { return n ? w_.norm(*n, x, groups) : x; }
  Block rotate(const Attention& a, std::size_t heads, Block x, std::span<const Column> columns) const {
    return a.rotary ? w_.rotate(x, *a.rotary, heads, columns) : x;
  }

  const Model& model_;
  const W& w_;
};

}  // namespace snellen
