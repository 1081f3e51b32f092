#include "bounds/certify.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bounds/claims.hpp"
#include "bounds/collapse.hpp"
#include "bounds/difference.hpp"
#include "bounds/distance.hpp"
#include "bounds/engine_length.hpp"
#include "bounds/engine_run.hpp"
#include "bounds/family_text.hpp"
#include "bounds/work.hpp"
#include "lib/error.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// Precision is raised by this at first, and by twice as much each time.
constexpr long first_raise = 64;

// Correct bits of a distance, relative to itself, below which the differences themselves are evaluated; these are rounded to `difference_digits` bits.
constexpr long wanted_distance_bits = 30, difference_digits = 64;

long finest_precision(const std::vector<Format>& formats) {
  long precision = 24;
  for (const Format& format : formats) precision = std::max(precision, static_cast<long>(format.precision));
  return precision;
}

std::vector<CollapseRow> empty_rows(const CertifyRequest& request) {
  std::vector<CollapseRow> rows;
  const auto add = [&](std::optional<Format> format, Criterion criterion, std::optional<Metric> metric, std::optional<Dyadic> eps) {
    CollapseRow row;
    row.format = std::move(format), row.criterion = criterion, row.metric = metric, row.eps = std::move(eps);
    rows.push_back(std::move(row));
  };
  for (const Criterion criterion : request.criteria) {
    if (criterion == Criterion::argmax) {
      add(std::nullopt, criterion, std::nullopt, std::nullopt);
    } else if (criterion == Criterion::bitwise) {
      for (const Format& format : request.formats) add(format, criterion, std::nullopt, std::nullopt);
    } else if (request.eps) {
      for (const Metric metric : request.metrics) add(std::nullopt, criterion, metric, *request.eps);
    } else {
      for (const Format& format : request.formats)
        for (const Metric metric : request.metrics) add(format, criterion, metric, Dyadic::power_of_two(1 - format.precision));
    }
  }
  return rows;
}

std::size_t index_of(const std::vector<Metric>& metrics, Metric metric) {
  return static_cast<std::size_t>(std::find(metrics.begin(), metrics.end(), metric) - metrics.begin());
}

// Distances of all pairs of an evaluation or a run; Vectors is a vector of certified vectors or of points.
template <class Vectors>
std::vector<PairDistances> pair_distances(const CertifyRequest& request, const Evaluation& pairs, const Vectors& vectors, long bits) {
  std::vector<PairDistances> result(pairs.first.size());
  parallel_for(result.size(), [&](std::size_t i) {
    result[i].n = request.family.from + static_cast<std::int64_t>(i);
    for (const Metric metric : request.metrics)
      result[i].by_metric.push_back(distance(metric, vectors[pairs.first[i]], vectors[pairs.second[i]], bits));
  });
  return result;
}

bool all_accurate(const std::vector<PairDistances>& distances) {
  return std::all_of(distances.begin(), distances.end(), [](const PairDistances& pair) {
    return std::all_of(pair.by_metric.begin(), pair.by_metric.end(), [](const Enclosure& d) { return is_accurate(d, wanted_distance_bits); });
  });
}

// What the norms of the pairs' differences say of their distances, too.
void sharpen(const CertifyRequest& request, const std::vector<std::optional<CertifiedVector>>& differences, std::vector<PairDistances>& distances) {
  for (std::size_t i = 0; i < distances.size(); ++i)
    for (std::size_t m = 0; m < request.metrics.size() && differences[i]; ++m)
      distances[i].by_metric[m] = intersection(distances[i].by_metric[m], norm_of(request.metrics[m], *differences[i], difference_digits));
}

void decide(const CertifyRequest& request, const Evaluation& evaluation, Certification& result) {
  result.next_tokens.clear();
  if (!evaluation.next_tokens.empty())
    for (const std::size_t column : evaluation.first) result.next_tokens.push_back(evaluation.next_tokens[column]);
  for (CollapseRow& row : result.rows) {
    std::vector<RoundedHull> hulls;
    if (row.criterion == Criterion::bitwise)
      for (const CertifiedVector& vector : evaluation.vectors) hulls.emplace_back(*row.format, vector);
    row.verdicts.clear();
    for (std::size_t i = 0; i < evaluation.first.size(); ++i) {
      const std::size_t a = evaluation.first[i], b = evaluation.second[i];
      switch (row.criterion) {
        case Criterion::bitwise: row.verdicts.push_back(bitwise(hulls[a], hulls[b])); break;
        case Criterion::tolerance:
          row.verdicts.push_back(tolerance(result.distances[i].by_metric[index_of(request.metrics, *row.metric)], *row.eps));
          break;
        case Criterion::argmax: row.verdicts.push_back(argmax(evaluation.next_tokens[a], evaluation.next_tokens[b])); break;
      }
    }
    summarise(row, request.family.from);
  }
}

// From which n on, up to the horizon, D(n) is certified to be below the run's own certified error (of the pair's first vector, the larger end
// of D against the smaller end of the error).
std::optional<std::int64_t> below_error_from(const std::vector<PairDistances>& distances, const std::vector<PairDistances>& errors, std::size_t metric) {
  std::optional<std::int64_t> from;
  for (std::size_t i = distances.size(); i-- > 0;) {
    if (!(distances[i].by_metric[metric].upper < errors[i].by_metric[metric].lower)) break;
    from = distances[i].n;
  }
  return from;
}

void add_run(const CertifyRequest& request, const Profile& profile, const Evaluation& evaluation, const EngineVectors& vectors, long bits,
             Certification& result) {
  EngineRun run{profile.name, profile.description, vectors.trouble, pair_distances(request, evaluation, vectors.vectors, bits), {}, {}};
  for (std::size_t i = 0; i < evaluation.first.size(); ++i) {
    PairDistances error{result.distances[i].n, {}};
    const std::size_t a = evaluation.first[i];
    for (const Metric metric : request.metrics) error.by_metric.push_back(distance(metric, vectors.vectors[a], evaluation.vectors[a], bits));
    run.errors.push_back(std::move(error));
  }
  for (CollapseRow& row : result.rows) {
    Observed observed = summarise_run(profile.name, observed_verdicts(row, vectors, run.distances, request.metrics, evaluation), request.family.from);
    if (row.metric) observed.below_error_from = below_error_from(result.distances, run.errors, index_of(request.metrics, *row.metric));
    row.observed.push_back(std::move(observed));
  }
  result.runs.push_back(std::move(run));
}

// The run's lengths for every n >= 1, with what was seen of the run itself.
void follow_for_ever(const Model& model, const CertifyRequest& request, const Profile& profile, Progress& progress, Certification& result) {
  const EngineLimits limits = engine_limits_within(request.inevitable_work.value_or(default_inevitable_work));
  EngineLengths lengths = engine_lengths(model, profile, request.family, request.at, result.rows, request.metrics, limits, progress);
  result.runs.back().constant = std::move(lengths.constant);
  for (std::size_t r = 0; r < result.rows.size(); ++r) {
    Observed& observed = result.rows[r].observed.back();
    join(lengths.rows[r], observed, request.family.from, request.family.to);
    observed.for_ever = std::move(lengths.rows[r]);
  }
}

// All n >= 1, whatever the family's first length is.
void prove_for_all(const Model& model, const CertifyRequest& request, const Evaluation& evaluation, Progress& progress, Certification& result) {
  result.inevitable = true;
  std::vector<InevitableQuestion> questions;
  for (const CollapseRow& row : result.rows) questions.push_back({row.format, row.criterion, row.metric, row.eps});
  Family family = request.family;
  family.from = family.to = 1;
  const InevitableLimits limits = limits_within(request.inevitable_work.value_or(default_inevitable_work), model, request.max_bits);
  InevitableAnswer answer = inevitable_lengths(model, family, request.at, questions, limits, progress);
  for (std::size_t r = 0; r < result.rows.size(); ++r) join(result.rows[r], request.family.from, answer.rows[r]);
  result.proofs = std::move(answer.proofs);
  result.unsupported = std::move(answer.unsupported);
  if (!answer.limit) return;
  Limit limit{std::move(answer.limit_sequence), {answer.limit->begin(), answer.limit->end()}, {}, {}, std::move(answer.tail_from), std::move(answer.tail_theorem), {}};
  const bool next_tokens = std::find(request.criteria.begin(), request.criteria.end(), Criterion::argmax) != request.criteria.end();
  if (next_tokens) limit.next_token = answer.limit_next_token;
  const CertifiedVector& last = evaluation.vectors[evaluation.first.back()];
  for (const Metric metric : request.metrics) limit.distances.push_back(distance(metric, last, *answer.limit, result.precision_bits + 32));
  for (const Metric metric : request.metrics)
    if (answer.tail) limit.tail_distances.push_back(distance(metric, *answer.tail, *answer.limit, result.precision_bits + 32).upper);
  result.limit = std::move(limit);
}

std::vector<std::string> assumptions(const Model& model, Place at, bool inevitable, std::int64_t from) {
  std::vector<std::string> lines{
      "The model is read as a function of real numbers: every stored weight means its stored value exactly, a decimal of the configuration means the "
      "double nearest to it, and roots, exponentials and rotations are the exact real functions.",
      "Certified numbers rest on FLINT/Arb, MPFR, the compiler and the processor's integer arithmetic; no floating-point result enters them unenclosed.",
      "Engine runs are facts about the stated profile on these inputs, up to the horizon, or for every n where it is said; another summation order may give other bits."};
  if (inevitable && from != 1)
    lines.push_back(fmt::format("Lengths were evaluated from n = {} on; what is proved for every n speaks of every n >= 1, of the same prefix, unit and suffix.", from));
  if (at == Place::hidden) lines.push_back("Vectors are compared before the final norm; absolute tolerances depend on their scale.");
  if (model.logit_softcap) lines.push_back("The soft-cap of the logits is increasing, so that it changes no next token; it is left out.");
  return lines;
}

}  // namespace

Certification certify(const Model& model, const CertifyRequest& request, Progress& progress) {
  if (const auto problem = problem_of(request.family, model)) throw InputError(problem->key, problem->description);
  const FamilyBlock block = family_block(request.family);

  Certification result;
  result.title = request.title, result.case_name = request.case_name;
  result.model_source = model.source, result.model_architecture = model.architecture, result.model_sha256 = model.sha256;
  result.sequences = request.family, result.family = family_text(request.family);
  if (request.family.pair == Pair::repeat_last) result.second = "S_n with its last token repeated";
  result.at = request.at == Place::final ? "final" : "hidden";
  result.from = request.family.from, result.to = request.family.to;
  result.layers = model.layers.size(), result.width = model.width;
  result.metrics = request.metrics;
  result.rows = empty_rows(request);
  result.assumptions = assumptions(model, request.at, request.inevitable, request.family.from);
  const auto positions = static_cast<std::size_t>(std::max_element(block.columns.begin(), block.columns.end(), [](const Column& a, const Column& b) {
                                                    return a.position < b.position;
                                                  })->position) + 1;
  if (model.context_length && positions > *model.context_length)
    result.warnings.push_back(fmt::format("The longest sequence has {} tokens; the model was made for at most {}.", positions, *model.context_length));

  const bool next_tokens = std::find(request.criteria.begin(), request.criteria.end(), Criterion::argmax) != request.criteria.end();
  long bits = std::min(request.max_bits, request.start_bits ? *request.start_bits
                                                            : predict_bits(model, block.columns, finest_precision(request.formats) + spare_rounding_bits));
  Evaluation evaluation;
  const auto related = counterparts(request.family, block);
  const bool affordable = related && work_of_differences(model, block) <= most_difference_work;
  std::vector<std::optional<CertifiedVector>> differences;
  for (long raise = first_raise;; raise *= 2) {
    evaluation = evaluate(model, block, request.at, next_tokens, bits, progress);
    result.precision_bits = bits;
    result.distances = pair_distances(request, evaluation, evaluation.vectors, bits + 32);
    result.subtracted.clear();
    if (affordable && !all_accurate(result.distances)) {
      if (differences.empty()) differences = evaluate_differences(model, block, *related, request.at, std::min(request.max_bits, difference_bits(model)), progress);
      result.subtracted = result.distances;
      sharpen(request, differences, result.distances);
    }
    decide(request, evaluation, result);
    if (!result.undecided() || bits == request.max_bits) break;
    bits = std::min(request.max_bits, bits + raise);
  }
  if (result.undecided())
    result.warnings.push_back(fmt::format("At the stated maximum of {} bits some pairs stayed undecided; they are counted as neither collapsed nor distinct.", bits));

  if (request.inevitable) prove_for_all(model, request, evaluation, progress, result);
  for (const Profile& profile : request.profiles) {
    add_run(request, profile, evaluation, run_engine(model, profile, block, request.at, next_tokens, progress), result.precision_bits + 32, result);
    if (request.inevitable) follow_for_ever(model, request, profile, progress, result);
  }
  result.claims = claims_of(result);
  return result;
}

}  // namespace snellen
