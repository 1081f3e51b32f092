#include "bounds/inevitable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "bounds/family_text.hpp"
#include "bounds/inevitable_by_eras.hpp"
#include "bounds/inevitable_by_far_pairs.hpp"
#include "bounds/inevitable_by_harmonics.hpp"
#include "bounds/inevitable_by_majorant.hpp"
#include "bounds/inevitable_by_norms.hpp"
#include "bounds/inevitable_by_period.hpp"
#include "bounds/inevitable_by_phases.hpp"
#include "bounds/inevitable_by_response.hpp"
#include "bounds/inevitable_by_rotation.hpp"
#include "bounds/inevitable_by_window.hpp"
#include "bounds/work.hpp"
#include "lib/error.hpp"
#include "lib/number/length.hpp"

namespace snellen {
namespace {

struct Way {
  const char* name;
  std::int64_t tokens;  // of the run, evaluated one by one, at the least
  std::optional<std::string> (*refuses)(const InevitableTask&);
  InevitableAnswer (*answer)(const InevitableTask&, Progress&);
};

// The sharpest first: a later way is taken while some row is open.
constexpr std::array<Way, 10> ways{{{"windows", least_tokens, window_refuses, by_window},
                                   {"eras", least_tokens, eras_refuse, by_eras},
                                   {"periods", least_tokens, period_refuses, by_period},
                                   {"rotations", least_tokens, rotation_refuses, by_rotation},
                                   {"harmonics", least_tokens, harmonics_refuse, by_harmonics},
                                   {"response", least_tokens, response_refuses, by_response},
                                   {"majorants", least_tokens, majorant_refuses, by_majorant},
                                   {"far pairs", least_tokens, far_pairs_refuse, by_far_pairs},
                                   {"phases", least_tokens, phases_refuse, by_phases},
                                   {"norms", 1, norms_refuse, by_norms}}};

// What no way can say anything of.
std::optional<std::string> no_proof_for_all(const InevitableTask& task) {
  const Family& family = task.family;
  if (family.sample) return family.sample->in_turn ? "tokens in turn: no way to prove it for all n" : "sampled tokens: nothing holds for all n";
  // Nothing is known of lengths that are not examined, and S_0 is a sequence of another kind. (certify() asks from 1 on.)
  if (family.from != 1) return "lengths that do not begin at 1";
  return std::nullopt;
}

// What would cost more than it may.
std::optional<std::string> too_many_tokens(const InevitableTask& task, const Way& way) {
  const std::size_t least = task.family.prefix.size() + task.family.suffix.size() + static_cast<std::size_t>(way.tokens);
  if (least > task.limits.max_tokens) return fmt::format("the budget allows {} tokens of this model, and a proof needs at least {}", task.limits.max_tokens, least);
  return std::nullopt;
}

// True where the other row adds something.
bool sharpen_row(InevitableRow& row, InevitableRow other) {
  if (row.answer.status == Status::never && other.answer.upper) throw std::logic_error("two proofs contradict each other");
  if (row.answer.status == Status::never) return false;
  if (other.answer.status == Status::never) {
    if (row.answer.upper) throw std::logic_error("two proofs contradict each other");
    const std::string lower = Length(row.answer.lower) > Length(other.answer.lower) ? row.answer.lower : other.answer.lower;
    row = std::move(other);
    row.answer.lower = lower;
    return true;
  }
  const bool raises = Length(other.answer.lower) > Length(row.answer.lower);
  const bool lowers = other.answer.upper && (!row.answer.upper || Length(*other.answer.upper) < Length(*row.answer.upper));
  const bool overflows = other.overflow_from && (!row.overflow_from || Length(*other.overflow_from) < Length(*row.overflow_from));
  if (raises) row.answer.lower = other.answer.lower;
  if (lowers) row.answer.upper = other.answer.upper;
  if (overflows) row.overflow_from = other.overflow_from;
  if (lowers || overflows) row.theorem = other.theorem, row.numbers = std::move(other.numbers);
  if (raises || lowers) row.undecided = other.undecided;
  // What a later way, or a later attempt, could not do either leaves the reason as it was.
  if (raises || lowers || overflows || row.open.empty()) row.open = std::move(other.open);
  if (row.overflow_from && row.answer.upper) throw std::logic_error("two proofs contradict each other");
  if (row.answer.upper) {
    const Length lower(row.answer.lower), upper(*row.answer.upper);
    if (lower > upper) throw std::logic_error("two proofs contradict each other");
    row.answer.status = lower == upper ? Status::exact : Status::bracket;
    if (lower == upper) row.undecided = 0;
  }
  if (row.decided()) row.open.clear();
  return raises || lowers || overflows;
}

}  // namespace

bool InevitableRow::decided() const { return answer.status == Status::exact || answer.status == Status::never || overflow_from.has_value(); }

bool InevitableAnswer::decided() const {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const InevitableRow& row) { return row.decided(); });
}

void InevitableAnswer::sharpen(InevitableAnswer other) {
  for (InevitableRow& row : other.rows) {
    if (!row.numbers.empty()) continue;
    for (const InevitableProof& proof : other.proofs)
      if (proof.theorem == row.theorem) row.numbers = proof.numbers;
  }
  if (rows.empty()) {
    *this = std::move(other);
    return;
  }
  bool better = false;
  for (std::size_t r = 0; r < rows.size(); ++r) better |= sharpen_row(rows[r], std::move(other.rows[r]));
  for (InevitableProof& proof : other.proofs) {
    const auto same = std::find_if(proofs.begin(), proofs.end(), [&](const InevitableProof& p) { return p.theorem == proof.theorem; });
    if (same == proofs.end()) proofs.push_back(std::move(proof));
    else if (better) *same = std::move(proof);  // a later attempt, with more precision
  }
  if (other.unsupported.empty()) unsupported.clear();
  if (other.tail) tail = std::move(other.tail), tail_from = std::move(other.tail_from), tail_theorem = std::move(other.tail_theorem);
  if (!other.limit) return;
  limit = std::move(other.limit), limit_sequence = std::move(other.limit_sequence);
  if (other.limit_next_token) limit_next_token = other.limit_next_token;
}

InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& questions,
                                    const InevitableLimits& limits, Progress& progress) {
  if (const auto problem = problem_of(family, model)) throw InputError(problem->key, problem->description);
  const InevitableTask task{model, family, place, questions, limits};
  InevitableAnswer answer;
  std::vector<std::string> refusals;
  if (const auto reason = no_proof_for_all(task)) {
    refusals.push_back(*reason);
  } else {
    bool by_harmonic_sums = false, by_linear_response = false;
    for (const Way& way : ways) {
      if (answer.decided()) break;
      // The crude way adds nothing where another gave an end, nor do majorants where linear response did; nor does any where harmonics gave both ends, which are sharper and look at all that can be
      // looked at one by one.
      const auto ends = [](const InevitableRow& row) { return row.decided() || row.answer.status == Status::bracket; };
      const auto both_ends = [&](const InevitableRow& row) { return row.decided() || (ends(row) && row.answer.lower != "1"); };
      const bool all_end = !answer.rows.empty() && std::all_of(answer.rows.begin(), answer.rows.end(), ends);
      const bool by_sums = by_harmonic_sums && (way.answer == by_majorant || std::all_of(answer.rows.begin(), answer.rows.end(), both_ends));
      if (all_end && (way.answer == by_norms || by_sums || (by_linear_response && way.answer == by_majorant))) continue;
      if (const auto costly = too_many_tokens(task, way)) {
        if (refusals.empty()) refusals.push_back(*costly);
        continue;
      }
      if (const auto why = way.refuses(task)) {
        refusals.push_back(fmt::format("{}: {}", way.name, *why));
      } else {
        answer.sharpen(way.answer(task, progress));
        by_harmonic_sums = by_harmonic_sums || way.answer == by_harmonics;
        by_linear_response = by_linear_response || way.answer == by_response;
      }
    }
  }
  if (!answer.rows.empty()) {
    for (InevitableRow& row : answer.rows)
      if (!row.decided() && row.open.empty())
        row.open = row.answer.upper ? "between both ends nothing is proved by what applies here" : "the enclosures for all n stayed too wide";
    if (answer.limit && answer.limit_sequence.empty()) answer.limit_sequence = limit_text(family);
    return answer;
  }
  answer.unsupported = fmt::format("{}", fmt::join(refusals, "; "));
  answer.rows.resize(questions.size());
  for (InevitableRow& row : answer.rows) row.answer = {std::to_string(std::min<std::int64_t>(family.from, 1)), std::nullopt, Scope::all, Status::unknown};
  return answer;
}

}  // namespace snellen
