#include "bounds/inevitable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "bounds/inevitable_by_eras.hpp"
#include "bounds/inevitable_by_period.hpp"
#include "bounds/inevitable_by_phases.hpp"
#include "bounds/inevitable_by_window.hpp"
#include "lib/error.hpp"
#include "lib/number/length.hpp"

namespace snellen {
namespace {

struct Way {
  const char* name;
  std::optional<std::string> (*refuses)(const InevitableTask&);
  InevitableAnswer (*answer)(const InevitableTask&, Progress&);
};

// The sharpest first: a later way is taken while some row is open.
constexpr std::array<Way, 4> ways{{{"windows", window_refuses, by_window},
                                   {"eras", eras_refuse, by_eras},
                                   {"periods", period_refuses, by_period},
                                   {"phases", phases_refuse, by_phases}}};

// What no way can say anything of.
std::optional<std::string> no_proof_for_all(const Family& family) {
  if (family.sample) return "sampled tokens: nothing holds for all n";
  // Nothing is known of lengths that are not examined, and S_0 is a sequence of another kind.
  if (family.from != 1) return "lengths that do not begin at 1";
  return std::nullopt;
}

void sharpen_row(InevitableRow& row, InevitableRow other) {
  if (row.answer.status == Status::never) return;
  if (other.answer.status == Status::never) {
    row = std::move(other);
    return;
  }
  const bool raises = Length(other.answer.lower) > Length(row.answer.lower);
  const bool lowers = other.answer.upper && (!row.answer.upper || Length(*other.answer.upper) < Length(*row.answer.upper));
  if (raises) row.answer.lower = other.answer.lower;
  if (lowers) row.answer.upper = other.answer.upper, row.theorem = other.theorem;
  if (raises || lowers) row.undecided = other.undecided;
  if (!row.answer.upper) return;
  const Length lower(row.answer.lower), upper(*row.answer.upper);
  if (lower > upper) throw std::logic_error("two proofs contradict each other");
  row.answer.status = lower == upper ? Status::exact : Status::bracket;
  if (lower == upper) row.undecided = 0;
}

}  // namespace

bool InevitableAnswer::decided() const {
  return !rows.empty() && std::all_of(rows.begin(), rows.end(), [](const InevitableRow& row) {
    return row.answer.status == Status::exact || row.answer.status == Status::never;
  });
}

void InevitableAnswer::sharpen(InevitableAnswer other) {
  if (rows.empty()) {
    *this = std::move(other);
    return;
  }
  for (std::size_t r = 0; r < rows.size(); ++r) sharpen_row(rows[r], std::move(other.rows[r]));
  for (InevitableProof& proof : other.proofs) {
    const auto same = std::find_if(proofs.begin(), proofs.end(), [&](const InevitableProof& p) { return p.theorem == proof.theorem; });
    if (same == proofs.end()) proofs.push_back(std::move(proof));
    else *same = std::move(proof);  // a later attempt, with more precision
  }
  if (other.limit) limit = std::move(other.limit);
  if (other.unsupported.empty()) unsupported.clear();
}

InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& questions,
                                    const InevitableLimits& limits, Progress& progress) {
  if (const auto problem = problem_of(family, model)) throw InputError(problem->key, problem->description);
  const InevitableTask task{model, family, place, questions, limits};
  InevitableAnswer answer;
  std::vector<std::string> refusals;
  if (const auto reason = no_proof_for_all(family)) {
    refusals.push_back(*reason);
  } else {
    for (const Way& way : ways) {
      if (answer.decided()) break;
      if (const auto why = way.refuses(task)) refusals.push_back(fmt::format("{}: {}", way.name, *why));
      else answer.sharpen(way.answer(task, progress));
    }
  }
  if (!answer.rows.empty()) return answer;
  answer.unsupported = fmt::format("{}", fmt::join(refusals, "; "));
  answer.rows.resize(questions.size());
  for (InevitableRow& row : answer.rows) row.answer = {std::to_string(std::min<std::int64_t>(family.from, 1)), std::nullopt, Scope::all, Status::unknown};
  return answer;
}

}  // namespace snellen
