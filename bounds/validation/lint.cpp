#include "bounds/validation/lint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "lib/model/operations.hpp"

namespace snellen {
namespace {

using Kind = Finding::Kind;

bool is_square(OperationKind kind) { return kind == OperationKind::scores || kind == OperationKind::probabilities; }

std::uint64_t hash_of(const std::vector<double>& values) {
  std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a over the words
  for (const double x : values) {
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3u;
    hash ^= hash >> 29;
  }
  return hash;
}

class Linter {
 public:
  Linter(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile)
      : model_(model), columns_(columns), dump_(dump), largest_(profile.storage.largest().to_double(MPFR_RNDD)) {}

  Lint run() {
    const auto operations = operations_of(model_);
    for (const OperationName& operation : operations) {
      const auto tokens = dump_.contains(operation.name) ? dump_.tokens_of(operation, columns_.size()) : std::nullopt;
      if (!tokens || *tokens == columns_.size()) continue;
      report(Kind::wrong_tokens, operation.name,
             fmt::format("has {} tokens where {} were given{}", *tokens, columns_.size(),
                         *tokens == columns_.size() + 1 ? " (a beginning-of-sequence token put before them?)" : *tokens == 1 ? " (the last token only?)" : ""),
             true);
      return std::move(result_);
    }
    for (const OperationName& operation : operations)
      if (dump_.contains(operation.name)) examine(operation, dump_.read(operation, columns_.size()));
    if (result_.largest > 0) result_.headroom_bits = std::log2(largest_ / result_.largest);
    if (result_.largest > 0 && result_.headroom_bits < 3)
      report(Kind::headroom, result_.largest_at, fmt::format("reaches {:.4g}, {:.1f} doublings below the largest number of the storage format", result_.largest, result_.headroom_bits));
    return std::move(result_);
  }

 private:
  void report(Kind kind, const std::string& operation, const std::string& text, bool fatal = false) { result_.findings.push_back({kind, operation, operation + " " + text, fatal}); }

  void examine(const OperationName& operation, const DumpedTensor& x) {
    const std::size_t width = x.width, tokens = x.tokens;
    // Scores are masked with infinities.
    bool zero = true, constant = true, numbers = true;
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      const double value = x.values[i];
      const std::size_t token = i / width, entry = i % width;
      if (std::isnan(value)) {
        if (numbers && !seen_nan_) report(Kind::not_a_number, operation.name, fmt::format("is NaN from token {}, entry {} on: the first in the program", token, entry));
        seen_nan_ = true, numbers = false;
      } else if (std::isinf(value) && operation.kind != OperationKind::scores) {
        if (numbers && !seen_infinity_) report(Kind::infinite, operation.name, fmt::format("is infinite at token {}, entry {}: the first in the program", token, entry));
        seen_infinity_ = true, numbers = false;
      }
      zero = zero && value == 0;
      constant = constant && value == x.values.front();
      if (std::isfinite(value) && operation.kind != OperationKind::scores && std::fabs(value) > result_.largest)
        result_.largest = std::fabs(value), result_.largest_at = operation.name;
    }
    if (is_square(operation.kind)) return;
    if (zero) report(Kind::zero, operation.name, "is all zeros");
    else if (constant && x.values.size() > 1) report(Kind::constant, operation.name, fmt::format("is {:.6g} everywhere", x.values.front()));
    if (zero || constant) return;
    if (tokens > 1) {
      const auto [earlier, isnew] = hashes_.try_emplace(hash_of(x.values), operation.name);
      if (!isnew) report(Kind::duplicate, operation.name, "is the same tensor as " + earlier->second);
    }
    examine_tokens(operation, x);
    if (operation.name == "hidden.0" && std::holds_alternative<NoPositions>(model_.positions) && model_.embedding_scale.is_one()) examine_embeddings(operation, x);
  }

  void examine_tokens(const OperationName& operation, const DumpedTensor& x) {
    const auto row = [&](std::size_t t) { return std::span(x.values).subspan(t * x.width, x.width); };
    const auto blank = [&](std::size_t t) { return std::all_of(row(t).begin(), row(t).end(), [](double v) { return v == 0; }); };
    std::size_t trailing = 0, leading = 0;
    while (trailing < x.tokens && blank(x.tokens - 1 - trailing)) ++trailing;
    while (leading < x.tokens && blank(leading)) ++leading;
    if (trailing + leading > 0 && trailing < x.tokens && !reported_padding_) {
      report(Kind::padded, operation.name, fmt::format("has {} {} tokens of zeros (padding?)", trailing > 0 ? trailing : leading, trailing > 0 ? "last" : "first"));
      reported_padding_ = true;
    }
    bool different = false;  // of tokens that differ, or stand at different places
    for (std::size_t t = 1; t < x.tokens && !different; ++t) different = !std::equal(row(0).begin(), row(0).end(), row(t).begin());
    bool should = false;
    for (const Column& column : columns_) should = should || column.token != columns_[0].token;
    if (!different && should && x.tokens > 1 && !reported_equal_) {
      report(Kind::equal_tokens, operation.name, "has the same vector for every token, though the tokens differ (broadcast?)");
      reported_equal_ = true;
    }
  }

  // Whose embeddings are these?
  void examine_embeddings(const OperationName& operation, const DumpedTensor& x) {
    const DoubleRounder rounder(*find_format(x.format));
    std::vector<double> embedding(model_.width);
    const auto is_row_of = [&](std::size_t t, Token token) {
      model_.embedding->read_row(static_cast<std::size_t>(token), embedding);
      for (std::size_t i = 0; i < model_.width; ++i)
        if (rounder(embedding[i]) != x.values[t * x.width + i]) return false;
      return true;
    };
    std::vector<std::size_t> wrong;
    for (std::size_t t = 0; t < x.tokens; ++t)
      if (!is_row_of(t, columns_[t].token)) wrong.push_back(t);
    if (wrong.empty()) return;
    std::vector<std::optional<std::size_t>> place(x.tokens);  // of the token whose embedding stands there
    bool all = true;
    for (std::size_t t = 0; t < x.tokens; ++t) {
      for (std::size_t other = 0; other < x.tokens && !place[t]; ++other)
        if (is_row_of(t, columns_[other].token)) place[t] = other;
      all = all && place[t];
    }
    if (all) {
      report(Kind::permuted_tokens, operation.name, fmt::format("holds the given tokens in another order: at {} stands the token given at {}", wrong.front(), *place[wrong.front()]));
      return;
    }
    const std::size_t t = wrong.front();
    for (Token token = 0; static_cast<std::size_t>(token) < model_.vocabulary; ++token) {
      if (!is_row_of(t, token)) continue;
      report(Kind::other_tokens, operation.name, fmt::format("holds the embedding of token id {} at {}, where {} was given", token, t, columns_[t].token));
      return;
    }
  }

  const Model& model_;
  std::span<const Column> columns_;
  const Dump& dump_;
  double largest_;
  Lint result_;
  std::unordered_map<std::uint64_t, std::string> hashes_;
  bool seen_nan_ = false, seen_infinity_ = false, reported_padding_ = false, reported_equal_ = false;
};

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::wrong_tokens: return "wrong number of tokens";
    case Kind::not_a_number: return "NaN";
    case Kind::infinite: return "infinity";
    case Kind::zero: return "all zeros";
    case Kind::constant: return "constant";
    case Kind::duplicate: return "duplicate";
    case Kind::equal_tokens: return "equal tokens";
    case Kind::padded: return "padding";
    case Kind::permuted_tokens: return "permuted tokens";
    case Kind::other_tokens: return "other tokens";
    case Kind::headroom: return "little headroom";
  }
  return "";
}

Lint lint(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile) { return Linter(model, columns, dump, profile).run(); }

}  // namespace snellen
