#include "bounds/glasses.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

// Correct bits asked of a vector beyond those that tell eps from 1.
constexpr long spare_bits = 16;
constexpr long first_raise = 64;
// Spacings are evaluated together, while their columns are about as few as this: few at first, since the first spacings may do, then twice as many each time.
constexpr std::size_t first_columns = 32, most_columns = 512;

// With a delimiter after every `every` run tokens, the pairs up to `to`.
struct Question {
  std::int64_t every = 0, to = 0;
};

Family spaced(Family family, std::int64_t every, std::int64_t to) {
  family.delimiter->every = every;
  family.to = to;
  return family;
}

Family without_delimiter(Family family) {
  family.delimiter.reset();
  return family;
}

// Branches may not have branches, so that only sequences that are prefixes of one another can share what they have in common with another spacing's.
bool share_a_trunk(const Family& family) { return family.suffix.empty() && family.pair == Pair::next; }

// The pairs of all questions, question after question: the trunk is the run without delimiters, of which every spacing has a beginning, and each spacing a branch.
FamilyBlock block_of(const Family& family, const std::vector<Question>& questions) {
  if (questions.size() == 1) return family_block(spaced(family, questions[0].every, questions[0].to));
  std::int64_t longest = 0;
  std::vector<std::vector<Token>> sequences;
  for (const Question& q : questions) {
    longest = std::max(longest, std::min(q.every, q.to + 1));  // a unit has a token or more
    sequences.push_back(spaced(family, q.every, q.to).sequence(q.to + 1));
  }
  const std::vector<Token> trunk = without_delimiter(family).sequence(longest);
  SequenceTree tree(trunk);
  FamilyBlock block;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const std::vector<Token>& sequence = sequences[i];
    const auto common = static_cast<std::size_t>(std::mismatch(trunk.begin(), trunk.end(), sequence.begin(), sequence.end()).first - trunk.begin());
    const std::vector<Token> rest(sequence.begin() + static_cast<std::ptrdiff_t>(common), sequence.end());
    const std::size_t branch = tree.add(common, rest) + 1 - rest.size();
    const Family asked = spaced(family, questions[i].every, questions[i].to);
    const auto last_of = [&](std::int64_t n) {
      const std::size_t last = asked.prefix.size() + static_cast<std::size_t>(asked.run_length(n)) - 1;
      return last < common ? last : branch + (last - common);
    };
    for (std::int64_t n = asked.from; n <= asked.to; ++n) {
      block.first.push_back(last_of(n));
      block.second.push_back(last_of(n + 1));
    }
  }
  block.columns = tree.columns();
  return block;
}

class Search {
 public:
  Search(const Model& model, const CertifyRequest& request, Progress& progress) : model_(model), request_(request), progress_(progress) {
    long precision = 0;
    for (const Format& format : request.formats) precision = std::max(precision, static_cast<long>(format.precision));
    accuracy_ = precision + spare_bits;
    if (request.start_bits) bits_ = std::min(request.max_bits, *request.start_bits);
  }

  std::vector<Glasses> rows() {
    const Family plain = without_delimiter(request_.family);
    const auto open = first_open(family_block(plain), {{0, plain.to}});
    std::vector<Glasses> result = empty_rows();
    for (std::size_t r = 0; r < result.size(); ++r) {
      result[r].fails_without = open[r][0];
      start_.push_back(open[r][0] ? plain.run_length(*open[r][0] + 1) - 1 : 0);
    }
    outcomes_.resize(result.size());
    for (std::int64_t every = start_.empty() ? 0 : *std::max_element(start_.begin(), start_.end()); every > 0;) {
      if (!searched(every)) {
        --every;
        continue;
      }
      const std::vector<Question> batch = short_questions(every);
      for (std::vector<Question> next = batch; !next.empty(); next = unfinished()) ask(next);
      every = batch.back().every - 1;
      columns_at_once_ = std::min(most_columns, 2 * columns_at_once_);
    }
    for (std::size_t r = 0; r < result.size(); ++r) {
      if (found(r)) result[r].largest = best(r)->first;
      for (const auto& [every, outcome] : outcomes_[r])
        if (every <= start_[r] && every > result[r].largest.value_or(0)) result[r].tried.push_back({every, *outcome.fails_at});
    }
    return result;
  }

  long bits() const { return used_bits_; }

 private:
  struct Outcome {
    std::optional<std::int64_t> fails_at;
    std::int64_t proved_to = 0;  // without one: every pair up to here is proved distinct
  };

  std::vector<Glasses> empty_rows() const {
    std::vector<Glasses> rows;
    if (request_.eps) {
      for (const Metric metric : request_.metrics) rows.push_back({{}, metric, *request_.eps, {}, {}, {}});
      return rows;
    }
    for (const Format& format : request_.formats)
      for (const Metric metric : request_.metrics) rows.push_back({format, metric, Dyadic::power_of_two(1 - format.precision), {}, {}, {}});
    return rows;
  }

  // The largest spacing of row r that has not failed, with how far it is proved; null: all that were asked about have failed.
  const std::pair<const std::int64_t, Outcome>* best(std::size_t r) const {
    const auto it = std::find_if(outcomes_[r].begin(), outcomes_[r].end(), [&](const auto& o) { return o.first <= start_[r] && !o.second.fails_at; });
    return it == outcomes_[r].end() ? nullptr : &*it;
  }
  bool found(std::size_t r) const { return best(r) && best(r)->second.proved_to == request_.family.to; }
  bool searched(std::int64_t every) const {
    for (std::size_t r = 0; r < start_.size(); ++r)
      if (every <= start_[r] && !found(r)) return true;
    return false;
  }

  // Spacings from `every` downwards. Where a spacing fails it mostly fails in its first groups: those first, for a fraction of the cost.
  std::vector<Question> short_questions(std::int64_t every) const {
    std::vector<Question> batch;
    for (std::size_t columns = 0; every > 0 && searched(every); --every) {
      const Question q{every, std::min(request_.family.to, std::max(request_.family.from, 2 * every))};
      columns += static_cast<std::size_t>(spaced(request_.family, q.every, q.to).run_length(q.to + 1) - std::min(every, q.to));
      if (!batch.empty() && (columns > columns_at_once_ || !share_a_trunk(request_.family))) break;
      batch.push_back(q);
    }
    return batch;
  }

  // What has not failed in its first groups, up to the horizon: for each row the largest.
  std::vector<Question> unfinished() const {
    std::set<std::int64_t, std::greater<>> spacings;
    for (std::size_t r = 0; r < start_.size(); ++r)
      if (best(r) && !found(r)) spacings.insert(best(r)->first);
    std::vector<Question> questions;
    for (const std::int64_t every : spacings) questions.push_back({every, request_.family.to});
    if (!questions.empty() && !share_a_trunk(request_.family)) questions.resize(1);
    return questions;
  }

  void ask(const std::vector<Question>& questions) {
    const auto open = first_open(block_of(request_.family, questions), questions);
    for (std::size_t r = 0; r < open.size(); ++r)
      for (std::size_t i = 0; i < questions.size(); ++i) outcomes_[r][questions[i].every] = {open[r][i], open[r][i] ? 0 : questions[i].to};
  }

  // [row][question]: the first n whose pair is not proved distinct.
  std::vector<std::vector<std::optional<std::int64_t>>> first_open(const FamilyBlock& block, const std::vector<Question>& questions) {
    if (bits_ == 0) bits_ = std::min(request_.max_bits, predict_bits(model_, block.columns, accuracy_));
    const std::vector<Glasses> rows = empty_rows();
    for (long raise = first_raise;; raise *= 2) {
      const Evaluation evaluation = evaluate(model_, block, request_.at, false, bits_, progress_);
      used_bits_ = std::max(used_bits_, bits_);
      bool undecided = false;
      std::vector<std::vector<std::optional<std::int64_t>>> result(rows.size());
      for (std::size_t r = 0; r < rows.size(); ++r) {
        std::size_t pair = 0;
        for (const Question& q : questions) {
          std::optional<std::int64_t> fails_at;
          for (std::int64_t n = request_.family.from; n <= q.to; ++n, ++pair) {
            if (fails_at) continue;
            const Enclosure d = distance(rows[r].metric, evaluation.vectors[evaluation.first[pair]], evaluation.vectors[evaluation.second[pair]], bits_ + 32);
            const Verdict verdict = tolerance(d, rows[r].eps);
            if (verdict != Verdict::distinct) fails_at = n;
            undecided = undecided || (verdict == Verdict::undecided);
          }
          result[r].push_back(fails_at);
        }
      }
      if (!undecided || bits_ == request_.max_bits) return result;
      bits_ = std::min(request_.max_bits, bits_ + raise);
    }
  }

  const Model& model_;
  const CertifyRequest& request_;
  Progress& progress_;
  std::size_t columns_at_once_ = first_columns;
  long accuracy_ = 0, bits_ = 0, used_bits_ = 0;
  std::vector<std::int64_t> start_;                        // one a row: the largest spacing that can differ from none; 0: no glasses are needed
  std::vector<std::map<std::int64_t, Outcome, std::greater<>>> outcomes_;  // one a row, by spacing, the largest first
};

}  // namespace

GlassesResult glasses(const Model& model, const CertifyRequest& request, Progress& progress) {
  if (!request.family.delimiter) throw InputError("family.delimiter", "missing, expected the tokens to be spaced: delimiter = { every = 1, tokens = [5] }");
  if (const auto problem = problem_of(spaced(request.family, 1, request.family.to), model)) throw InputError(problem->key, problem->description);
  Search search(model, request, progress);
  GlassesResult result;
  result.rows = search.rows();
  result.precision_bits = search.bits();
  return result;
}

}  // namespace snellen
