// What the decoder asks of a number world: what a block of vectors is, and what a linear map, a norm, an activation and an
// attention step do to it. The decoder is written once; every analysis is a world.
//
// A Block is [width, tokens], one column a token. A Memory holds one layer's keys and values of past tokens. A world owns
// its context (precision, format, rounding) as a value; its operations are const and may use several threads, and their
// results never depend on how many.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/model/model.hpp"
#include "lib/number/enclosure.hpp"

namespace snellen {

template <class W>
concept World = requires(const W w, const typename W::Block x, typename W::Memory memory, std::span<const Column> columns, std::span<const std::size_t> chosen) {
  requires std::movable<typename W::Block>;
  requires std::default_initializable<typename W::Memory>;
  // Does a Block enclose the exact result? A world that is not certified cannot be passed to bounds/.
  { W::certified } -> std::convertible_to<bool>;

  { w.embed(TensorPtr(), columns) } -> std::same_as<typename W::Block>;                 // column c = row token(c) of the table
  { w.add_rows(x, TensorPtr(), columns) } -> std::same_as<typename W::Block>;           // + row position(c) of a learned table
  { w.add_sinusoids(x, columns) } -> std::same_as<typename W::Block>;                   // + sinusoidal vector of position(c)
  { w.scale(x, Root()) } -> std::same_as<typename W::Block>;
  { w.add(x, x) } -> std::same_as<typename W::Block>;
  { w.multiply(x, x) } -> std::same_as<typename W::Block>;                              // entry by entry
  { w.linear(Linear(), x) } -> std::same_as<typename W::Block>;                         // [out, tokens]
  { w.norm(Norm(), x, std::size_t()) } -> std::same_as<typename W::Block>;              // each column, in `groups` equal parts with the same weights
  { w.activate(Activation(), x) } -> std::same_as<typename W::Block>;
  { w.rotate(x, Rotary(), std::size_t(), columns) } -> std::same_as<typename W::Block>; // heads of equal size, each by position(c)
  // Attention: appends the keys and values [kv_heads * head_size, tokens] to memory, then mixes each column's visible values.
  { w.attend(Attention(), x, x, x, columns, memory) } -> std::same_as<typename W::Block>;
  { w.select(x, chosen) } -> std::same_as<typename W::Block>;                           // columns, in the order given
  { w.width(x) } -> std::same_as<std::size_t>;
  { w.tokens(x) } -> std::same_as<std::size_t>;
};

// A world whose blocks enclose the exact real result, entry by entry.
template <class W>
concept CertifiedWorld = World<W> && W::certified && requires(const W w, const typename W::Block x) {
  { w.enclosures(x, std::size_t()) } -> std::same_as<std::vector<Enclosure>>;  // of one column
};

// Enclosures of a vector that only a certified world can make: what bounds/ accepts. Passing anything else is a compile error.
class CertifiedVector {
 public:
  std::size_t size() const { return entries_.size(); }
  const Enclosure& operator[](std::size_t i) const { return entries_[i]; }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  template <CertifiedWorld W>
  friend CertifiedVector certified_column(const W& world, const typename W::Block& x, std::size_t column);
  explicit CertifiedVector(std::vector<Enclosure> entries) : entries_(std::move(entries)) {}
  std::vector<Enclosure> entries_;
};

template <CertifiedWorld W>
CertifiedVector certified_column(const W& world, const typename W::Block& x, std::size_t column) {
  return CertifiedVector(world.enclosures(x, column));
}

}  // namespace snellen
