// S_n = P . a^n through two layers with rotary positions whose frequencies are multiples of one ("Again, two layers", proofs/rope.md). By causality the state of token j of the run after the first
// layer is that of S_j, known from the shares (share_run.hpp); the second layer's attention of token n is summed up over all tokens before it (token_sums.hpp).
#pragma once

#include <functional>
#include <map>

#include "proofs/checker/double_layer.hpp"
#include "proofs/checker/share_run.hpp"
#include "proofs/checker/token_sums.hpp"

namespace snellen::check {

// Why this is no such run; nothing where it is.
std::optional<std::string> two_layers_refused(const Model& model, const CertificateSequences& sequences);

class TwoLayers {
 public:
  // Not refused. What is referred to outlives this object. `final`: vectors are y, else x(L). `smallest_mode`: of RotaryMass.
  TwoLayers(const Model& model, const CertificateSequences& sequences, bool final, long bits, long smallest_mode);
  TwoLayers(const TwoLayers&) = delete;
  TwoLayers& operator=(const TwoLayers&) = delete;
  const IntervalArithmetic& arithmetic() const { return first_.arithmetic(); }

  bool runs_in_doubles() const { return doubles_.has_value(); }
  std::int64_t tokens() const { return tokens_; }  // of the run that are remembered
  // Remembers the tokens tokens() + 1, ..., to, and gives the vectors of those n of them for which asked(n) holds, in order.
  std::vector<Vector> follow(std::int64_t to, const std::function<bool(std::int64_t)>& asked);
  const Vector& limit() const { return limit_; }

  // The limit's query (times the scale) as it is turned at a token n whose phase n / multiples_[0] lies in these radians.
  Vector query_at(const Number& phase) const;

  // Points of the circle of phases, of which the fastest plane's turn has 32 or more; and of a cell between two of them where it is refined.
  std::size_t points() const { return points_; }
  static constexpr std::size_t fineness = 8;
  // For all n >= from >= tokens() at once (`two_layers_again`, proofs/rope.md): y_n - y = s d + (1 - s) g with s = from / n, g in `later`, and d a mean of members of the boxes of the two points that the phase of n,
  // n / multiples_[0] radians, lies between. False where nothing is known, or the judge said so once. What meets all tokens is kept until the run is followed further.
  class Judge {
   public:
    virtual ~Judge() = default;
    virtual void later(const Vector& g) = 0;                       // first
    virtual bool point(const Vector& box, std::size_t c) = 0;      // c = 0, ..., points() - 1; on all threads
    // Then these points, rising, are met again with their cells refined, if there are any; nothing: given up, as by a false.
    virtual std::optional<std::vector<std::size_t>> refined() = 0;
    // The box of the point c / fineness, which replaces `point`'s where `fineness` divides c; on all threads.
    virtual bool fine(const Vector& box, std::size_t c) = 0;
  };
  bool beyond(std::int64_t from, Judge& judge);
  // How many points the sums would have to be taken at for these to be refined.
  std::size_t unknown(const std::vector<std::size_t>& refined) const;

 private:
  // For every j >= tokens(): at least j |q_j - q|_2 of every head (times the scale) and j |k_j - k|_2 of every kv head; j (v_j - v) is the sum over the first layer's shares of a member of values[share] times a number
  // from `most`[share], which contains 0.
  struct Movement {
    std::vector<Upper> queries, keys;
    std::vector<Vector> values;
    Vector most;
  };
  struct Point { std::vector<TokenSums::Sums> heads; };           // the sums of the limit's query at a phase
  struct Reach {                                                  // of one head, all n >= from
    Upper query_move;      // |log| of what the query's move changes a known token's weight by
    Upper later_move;      // of what both moves change a later token's weight by
    Upper later, later_growth;  // the sum of w_j / j over the later tokens j is at most later + later_growth (n / from - 1)
    Upper curvature;       // what is off a chord between two neighbours, times the larger spread
    Upper half_cell;       // a spread anywhere is at most this times the larger one of the cell's ends
  };

  std::size_t heads() const { return attention_.heads; }
  std::size_t kv_head(std::size_t h) const { return h / (attention_.heads / attention_.kv_heads); }
  Upper length(const Number* x) const;  // of a head
  Vector shares_up_to(std::int64_t from) const;  // the largest ones that tokens from `from` on give to those of P
  Movement movement() const;
  // States below the second layer of n = begin, begin + 1, ..., the first layer's masses given, and what it makes of them before rotation.
  Forward::Projections in_intervals(const std::vector<Vector>& masses, std::int64_t begin, std::vector<Vector>& states) const;
  Forward::Projections in_doubles(const std::vector<Vector>& masses, std::int64_t begin, std::vector<Vector>& states) const;
  Reach reach(std::size_t h, std::int64_t from, const Movement& movement, std::size_t points) const;
  std::vector<Point> sums_at(const std::vector<std::size_t>& phases) const;  // at 2 pi c / (points_ * fineness)
  void meet_circle();
  void meet_fine(const std::vector<std::size_t>& phases);
  const Point& at(std::size_t phase) const;  // met
  // Of a point and its neighbours at this distance (in the unit of sums_at): what holds on the cells between them.
  struct Cells {
    struct Head {
      Number per_mass;  // n over all weights
      Upper off;        // of the numerators from what is between the ends' ones, in the 2-norm
    };
    std::vector<Head> heads;
    Vector numerators;  // per_mass times N_n without what later tokens add, up to `off`
  };
  std::optional<Cells> cells(std::size_t phase, std::size_t distance, std::int64_t from, const std::vector<Reach>& reaches) const;
  // y or x(L), and their derivatives by the first layer's shares, then by the second's outputs, for all shares from 0 to these and all outputs that are off the limit's by these.
  Sloped sloped(const Vector& shares, const Vector& outputs) const;
  std::optional<Number> per_mass(std::size_t h, std::int64_t from, const Reach& reach, const Number& known) const;

  const Model& model_;
  Model below_;                      // the first layer alone
  const Layer& layer_;               // the second
  const Attention& attention_;
  ShareRun first_;
  bool final_;
  std::int64_t before_;              // tokens of P
  std::vector<std::int64_t> multiples_;
  std::size_t points_;
  Number scale_;
  Vector query_, key_, value_;       // of the limit, before rotation; the query times the scale
  Vector limit_;
  struct InDoubles {
    DoubleLayer first;
    DoubleVector embedding;
    DoubleNorm norm;                 // of the second layer, and its maps
    DoubleLinear query, key, value;
  };
  std::optional<InDoubles> doubles_; // where they know the first layer's activation: some times as fast, and good enough for sums over tokens
  std::vector<TurningScore> scores_; // of the limit's query and key
  std::optional<RotaryMass> mass_;   // of equal keys
  std::vector<TokenSums> memory_;    // of every kv head
  std::int64_t tokens_ = 0;
  std::vector<Point> circle_;        // of these tokens
  std::map<std::size_t, Point> fine_;
  std::int64_t circle_tokens_ = -1;
  Vector masses_;                    // Z_n of the first layer, n = tokens()
};

}  // namespace snellen::check
