// What a certification says, as plain data: no rounding happens after this point except outward, to decimals.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/family.hpp"
#include "lib/number/enclosure.hpp"
#include "lib/number/format.hpp"

namespace snellen {

enum class Metric { l1, l2, linf };
enum class Criterion { bitwise, tolerance, argmax };
// About one pair of sequences. `overflow`: some coordinate has no finite value in the format, which is neither collapse nor distinctness.
enum class Verdict { collapsed, distinct, undecided, overflow };

std::string_view name_of(Metric metric);        // "l1", "l2", "linf"
std::string_view name_of(Criterion criterion);  // "bitwise", "tolerance", "argmax"
std::string_view name_of(Verdict verdict);      // "collapsed", "distinct", "undecided", "overflow"
char letter_of(Verdict verdict);                // 'C', 'D', 'U', 'O'
// "D88 C112": each verdict's letter and for how many n in a row it holds.
std::string run_length(const std::vector<Verdict>& verdicts);

struct PairDistances {
  std::int64_t n = 0;
  std::vector<Enclosure> by_metric;  // in the order of Certification::metrics
};

enum class Scope { all, horizon };
enum class Status { exact, bracket, never, unknown };

std::string_view name_of(Scope scope);    // "all", "horizon"
std::string_view name_of(Status status);  // "exact", "bracket", "never", "unknown"

// From which length on collapse is proved for every n (up to infinity, or to the horizon).
// lower: 1 + the largest n proved distinct; upper: the least N from which every n is proved to collapse. Decimal strings: lengths of any size.
struct Inevitable {
  std::string lower;
  std::optional<std::string> upper;
  Scope scope = Scope::horizon;
  Status status = Status::unknown;
};

// From which length on an emulated engine's own outputs collapse for every n: proved of that program, not seen up to a horizon.
struct EngineLength {
  Inevitable known;    // scope `all`
  std::string reason;  // why it is not exact
};

// One way in which something was proved for every n: its theorem, what was checked (sentences), and its parameters.
struct InevitableProof {
  std::string theorem;
  std::vector<std::string> hypotheses;
  std::map<std::string, std::string> numbers;
};

// What a row's answer of scope `all` rests on, or why there is none.
struct Basis {
  std::string theorem;                         // empty where nothing is proved for all n
  std::map<std::string, std::string> numbers;  // of the attempt that proved it
  std::int64_t undecided = 0;                  // n between lower and upper that were examined in vain (counted up to a maximum)
  std::optional<std::string> overflow_from;    // from here on, for ever, the vectors have no finite value in the format: neither collapse nor distinctness
  std::string open;                            // why no more is proved; empty where the answer is exact or never
};

// What an engine run showed under a row's criterion, up to the horizon. A fact about that run, not a bound.
struct Observed {
  std::string profile;
  std::optional<std::int64_t> first_distinct, last_distinct, first_collapse;
  // The least N such that every n from N to the horizon was seen to collapse.
  std::optional<std::int64_t> collapsed_from;
  // From here to the horizon D(n) is certified to be below the certified error of the run itself. Tolerance rows only.
  std::optional<std::int64_t> below_error_from;
  std::optional<EngineLength> for_ever = std::nullopt;  // where it was asked for
};

struct CollapseRow {
  std::optional<Format> format;  // none: argmax of the exact model
  Criterion criterion = Criterion::bitwise;
  std::optional<Metric> metric;  // tolerance only
  std::optional<Dyadic> eps;     // tolerance only
  std::optional<std::int64_t> first, last_distinct;  // the first n proved to collapse (an undecided one may precede it), the last proved distinct
  std::optional<std::int64_t> collapsed_from;            // the least n from which to the horizon every pair is proved to collapse
  std::int64_t undecided = 0, overflow = 0;              // up to the horizon
  Inevitable inevitable;                                 // for every n >= 1 where something is proved of them all, else up to the horizon
  Basis basis;
  std::vector<Observed> observed;
  std::vector<Verdict> verdicts;  // one for each n = from, ..., to
};

// The largest n proved distinct, beyond the horizon too where the row's answer has the scope `all`.
std::optional<std::string> last_distinct(const CollapseRow& row);

// Where an engine run first produced a NaN or an infinity.
struct Trouble {
  std::string what;       // "nan" or "overflow"
  std::string place;      // "layer 3, attention norm"
  std::int64_t position;  // of the token
};

struct EngineRun {
  std::string profile, description;
  std::optional<Trouble> trouble;
  std::vector<PairDistances> distances;  // of the run's own vectors, enclosed
  std::vector<PairDistances> errors;     // || y_run(S_n) - y(S_n) ||, certified
  std::optional<EngineLength> constant = std::nullopt;  // the same bits for every n from here on; where it was asked for
};

struct Claim {
  std::string id, statement, theorem;
  Scope scope = Scope::horizon;
  std::map<std::string, std::string> numbers;
  std::vector<std::string> hypotheses = {};  // of the theorem, as they were checked
};

// What y(S_n) (or x(L)) tends to: all that is left of the sequence when n grows.
struct Limit {
  std::string sequence;                    // whose vector it is, for people: "[2]"
  std::vector<Enclosure> vector;
  std::optional<std::int64_t> next_token;  // of the exact model, where it was asked for and is certified
  std::vector<Enclosure> distances;        // from y(S_n) at the horizon, in the order of Certification::metrics
  std::string tail_from, tail_theorem;     // for every n from here on the distances are at most
  std::vector<Dyadic> tail_distances;
};

struct Certification {
  std::string title, case_name;
  std::string model_source, model_architecture, model_sha256;
  std::optional<Family> sequences;       // none: the lists of softmax_distance.hpp
  std::string family;                    // for people: "[1] . [2]^n, pairs (S_n, S_n+1)"
  std::string second = "S_{n+1}";        // what S_n is compared with
  std::string at;                        // "final" or "hidden"
  std::int64_t from = 0, to = 0;
  std::size_t layers = 0, width = 0;
  long precision_bits = 0;               // at which everything was decided, or the stated maximum
  std::vector<Metric> metrics;
  std::vector<PairDistances> distances;
  // The same by the two vectors alone, where the differences themselves made them sharper (bounds/difference.hpp); empty otherwise. A certificate lists these: its checker
  // subtracts intervals, which never shows that nothing differs, and shows the size of 2^-k only with more than k bits.
  std::vector<PairDistances> subtracted;
  // Of S_n, n = from, ..., to: the argmax of the exact model, none where it is not certified. Empty unless argmax was asked for.
  std::vector<std::optional<std::int64_t>> next_tokens;
  std::vector<CollapseRow> rows;
  std::vector<EngineRun> runs;
  bool inevitable = false;               // a proof for all n was asked for
  std::vector<InevitableProof> proofs;
  std::string unsupported;               // why nothing is proved for all n, where that holds of every row
  std::optional<Limit> limit;
  std::vector<Claim> claims;
  std::vector<std::string> assumptions;  // sentences
  std::vector<std::string> warnings;
  bool undecided() const;                // something up to the horizon
};

}  // namespace snellen
