// Engines to validate without Python: the rounded world, every operation written down as an engine's adapter would, with bugs planted.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "bounds/validation/dump.hpp"
#include "lib/files/safetensors_writer.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/rounded.hpp"

namespace snellen::testing {

// A rounded world that writes down what every operation returned; sums of linear maps in a random order where `shuffled`.
class RecordingWorld {
 public:
  static constexpr bool certified = false;
  using Block = RoundedWorld::Block;
  using Memory = RoundedWorld::Memory;

  RecordingWorld(const Profile& profile, bool shuffled) : world_(profile), accumulator_(profile.accumulator), operand_(profile.operand), storage_(profile.storage), shuffled_(shuffled) {}
  const std::vector<Block>& blocks() const { return blocks_; }

  Block embed(const TensorPtr& table, std::span<const Column> columns) const { return kept(world_.embed(table, columns)); }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const { return kept(world_.add_rows(x, table, columns)); }
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const { return kept(world_.add_sinusoids(x, columns)); }
  Block scale(const Block& x, const Root& factor) const { return kept(world_.scale(x, factor)); }
  Block add(const Block& x, const Block& y) const { return kept(world_.add(x, y)); }
  Block multiply(const Block& x, const Block& y) const { return kept(world_.multiply(x, y)); }
  Block linear(const Linear& map, const Block& x) const { return kept(shuffled_ ? shuffled_linear(map, x) : world_.linear(map, x)); }
  Block norm(const Norm& n, const Block& x, std::size_t groups) const { return kept(world_.norm(n, x, groups)); }
  Block activate(Activation activation, const Block& x) const { return activation == Activation::identity ? x : kept(world_.activate(activation, x)); }
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const { return kept(world_.rotate(x, rotary, heads, columns)); }
  Block attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
    return kept(world_.attend(a, q, k, v, columns, memory));
  }
  Block select(const Block& x, std::span<const std::size_t> columns) const { return world_.select(x, columns); }
  std::size_t width(const Block& x) const { return x.width; }
  std::size_t tokens(const Block& x) const { return x.tokens; }

 private:
  Block kept(Block x) const {
    blocks_.push_back(x);
    return x;
  }
  // A random binary tree of additions for every output, each rounded.
  Block shuffled_linear(const Linear& map, const Block& x) const {
    Block y{map.weight->rows(), x.tokens, std::vector<double>(map.weight->rows() * x.tokens)};
    const std::vector<double> bias = map.bias ? read_all(*map.bias) : std::vector<double>();
    std::vector<double> row(x.width);
    for (std::size_t r = 0; r < y.width; ++r) {
      map.weight->read_row(r, row);
      for (std::size_t c = 0; c < x.tokens; ++c) {
        std::vector<double> terms;
        for (std::size_t i = 0; i < x.width; ++i) terms.push_back(accumulator_.multiply(operand_(row[i]), operand_(x.column(c)[i])));
        while (terms.size() > 1) {
          std::swap(terms[random_() % terms.size()], terms.back());
          const double last = terms.back();
          terms.pop_back();
          double& other = terms[random_() % terms.size()];
          other = accumulator_.add(other, last);
        }
        double sum = storage_(terms.front());
        if (map.bias) sum = storage_.add(sum, storage_(bias[r]));
        y.column(c)[r] = sum;
      }
    }
    return y;
  }

  RoundedWorld world_;
  FormatArithmetic accumulator_, operand_, storage_;
  bool shuffled_;
  mutable std::mt19937_64 random_{7};
  mutable std::vector<Block> blocks_;
};

// What an engine that runs `model` writes down: all operations but scores and probabilities, which the rounded world keeps to itself.
inline std::vector<NamedArray> emulated_dump(const Model& model, std::span<const Column> columns, const Profile& profile, bool shuffled = false) {
  const RecordingWorld world(profile, shuffled);
  const Decoder<RecordingWorld> decoder(model, world);
  Decoder<RecordingWorld>::Memory memory;
  world.linear(model.unembedding, decoder.final(decoder.hidden(columns, memory)));
  std::vector<NamedArray> arrays;
  std::size_t next = 0;
  for (const OperationName& operation : operations_of(model)) {
    if (operation.kind == OperationKind::scores || operation.kind == OperationKind::probabilities) continue;
    const RoundedWorld::Block& block = world.blocks().at(next++);
    arrays.push_back({operation.name, {block.tokens, block.width}, block.values});
  }
  if (next != world.blocks().size()) throw std::logic_error("emulated_dump: operations and names do not match");
  return arrays;
}

inline NamedArray& named(std::vector<NamedArray>& arrays, const std::string& name) {
  for (NamedArray& array : arrays)
    if (array.name == name) return array;
  throw std::logic_error("no array " + name);
}

// Through a file, as from any engine.
inline Dump dump_of(const std::vector<NamedArray>& arrays) {
  static int number = 0;
  const auto path = std::filesystem::temp_directory_path() / ("snellen-validation-" + std::to_string(::getpid()) + "-" + std::to_string(number++) + ".safetensors");
  std::ofstream(path, std::ios::binary) << safetensors_content(arrays);
  Dump dump(path, read_arrays(path), {}, {});
  std::filesystem::remove(path);  // the mapping stays
  return dump;
}

}  // namespace snellen::testing
