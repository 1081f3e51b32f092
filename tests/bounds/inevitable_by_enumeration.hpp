// Small models and questions for exact lengths, and enumeration of what it can reach.
#pragma once

#include "bounds/certify.hpp"
#include "bounds/inevitable.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/number/length.hpp"
#include "tests/catch.hpp"

namespace snellen::testing {

inline RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 1, m.position = position, m.gain = 0.5;
  return m;
}

inline Family run_after(std::vector<Token> prefix) {
  Family family;
  family.prefix = std::move(prefix), family.unit = {2}, family.from = 1, family.to = 1;
  return family;
}

inline InevitableQuestion bitwise_in(const char* format) {
  InevitableQuestion q;
  q.format = find_format(format).value();
  return q;
}

inline std::vector<InevitableQuestion> questions() {
  std::vector<InevitableQuestion> all;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) all.push_back(bitwise_in(name));
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16"})
    for (const Metric metric : {Metric::l1, Metric::linf}) {
      InevitableQuestion q = bitwise_in(name);
      q.criterion = Criterion::tolerance, q.metric = metric, q.eps = Dyadic::power_of_two(1 - q.format->precision);
      all.push_back(q);
    }
  InevitableQuestion next;
  next.criterion = Criterion::argmax;
  all.push_back(next);
  return all;
}

inline InevitableAnswer ask(const Model& model, const Family& family, const InevitableLimits& limits = {}) {
  SilentProgress silent;
  return inevitable_lengths(model, family, Place::final, questions(), limits, silent);
}

// f(row, r) for every row of certify()'s enumeration up to the horizon that answers question r.
template <class F>
void for_each_enumerated(const Model& model, const Family& family, const std::vector<InevitableQuestion>& asked, std::int64_t horizon, const F& f) {
  CertifyRequest request;
  request.family = family;
  request.family.to = horizon;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) request.formats.push_back(find_format(name).value());
  request.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  request.metrics = {Metric::l1, Metric::linf};
  SilentProgress silent;
  const Certification c = certify(model, request, silent);
  std::size_t found = 0;
  for (const CollapseRow& row : c.rows)
    for (std::size_t r = 0; r < asked.size(); ++r) {
      const bool same_format = row.format ? asked[r].format && *row.format == *asked[r].format && row.format->name == asked[r].format->name : !asked[r].format;
      if (row.criterion != asked[r].criterion || row.metric != asked[r].metric || !same_format) continue;
      INFO((row.format ? row.format->name : "argmax") << " " << name_of(row.criterion));
      f(row, r);
      ++found;
    }
  REQUIRE(found == asked.size());
}

struct Agreement { std::size_t exact = 0, never = 0; };

// Every exact answer below `horizon` is what certify() finds by enumeration up to there; a larger one is distinct at no smaller n than enumeration shows. Where the
// answer is `never`, one of the last `kinds` pairs up to the horizon is distinct. Every answer is the one or the other.
inline Agreement agreement(const Model& model, const Family& family, const InevitableAnswer& answer, std::int64_t horizon) {
  Agreement agreed;
  for_each_enumerated(model, family, questions(), horizon, [&](const CollapseRow& row, std::size_t r) {
    REQUIRE(answer.rows[r].answer.scope == Scope::all);
    if (answer.rows[r].answer.status == Status::never) {
      REQUIRE(!answer.rows[r].answer.upper);
      REQUIRE(row.last_distinct);
      REQUIRE(*row.last_distinct > horizon - family.kinds());
      REQUIRE(Length(answer.rows[r].answer.lower) > 0);
      ++agreed.never;
      return;
    }
    REQUIRE(answer.rows[r].answer.status == Status::exact);
    const std::int64_t found = Length(answer.rows[r].answer.lower) > horizon ? horizon + 1 : std::stoll(answer.rows[r].answer.lower);
    if (found > horizon) return;
    REQUIRE(row.inevitable.lower == std::to_string(found));
    REQUIRE(row.inevitable.upper == std::to_string(found));
    ++agreed.exact;
  });
  return agreed;
}

// Every answer has an upper end for all n; no pair from it on up to the horizon is anything but collapsed, and the pair before the lower end is distinct.
// Returns the number of upper ends up to the horizon.
inline std::size_t check_brackets(const Model& model, const Family& family, const std::vector<InevitableQuestion>& asked, const InevitableAnswer& answer,
                                  std::int64_t horizon) {
  std::size_t below = 0;
  for_each_enumerated(model, family, asked, horizon, [&](const CollapseRow& row, std::size_t r) {
    const Inevitable& found = answer.rows[r].answer;
    INFO("row " << r << ": " << found.lower << " to " << found.upper.value_or("none"));
    REQUIRE((found.upper && found.scope == Scope::all));
    for (std::int64_t n = 1; n <= horizon; ++n) {
      const Verdict verdict = row.verdicts[static_cast<std::size_t>(n - 1)];
      if (Length(*found.upper) <= n) REQUIRE(verdict == Verdict::collapsed);
      if (Length(found.lower) == n + 1) REQUIRE(verdict == Verdict::distinct);
    }
    if (Length(*found.upper) <= horizon) ++below;
  });
  return below;
}

// The same where every answer is exact.
inline std::size_t check_by_enumeration(const Model& model, const Family& family, const InevitableAnswer& answer, std::int64_t horizon) {
  const Agreement agreed = agreement(model, family, answer, horizon);
  REQUIRE(agreed.never == 0);
  return agreed.exact;
}

// The number of exact lengths above 1 that are one less in the second answer; all must be.
inline std::size_t lowered_by_one(const InevitableAnswer& answer, const InevitableAnswer& appended) {
  std::size_t tested = 0;
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    REQUIRE(answer.rows[r].answer.status == Status::exact);
    REQUIRE(appended.rows[r].answer.status == Status::exact);
    const Length one = Length(answer.rows[r].answer.lower), less = Length(appended.rows[r].answer.lower);
    if (one == 1) continue;
    REQUIRE(less == one - 1);
    ++tested;
  }
  return tested;
}

// The same of answers that bracket: the brackets of N and of N - 1 leave room for one N. Returns the number of lower ends above 1.
inline std::size_t may_be_lowered_by_one(const InevitableAnswer& answer, const InevitableAnswer& appended) {
  std::size_t tested = 0;
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    const Inevitable &one = answer.rows[r].answer, &less = appended.rows[r].answer;
    INFO("row " << r << ": " << one.lower << " to " << one.upper.value_or("none") << ", appended " << less.lower << " to " << less.upper.value_or("none"));
    REQUIRE((one.upper && less.upper));
    if (Length(one.lower) == 1) continue;
    REQUIRE(Length(*less.upper) >= Length(one.lower) - 1);
    REQUIRE(Length(less.lower) <= Length(*one.upper) - 1);
    ++tested;
  }
  return tested;
}

// Rows with no exact answer, with one, and with a bracket at most a thousand wide.
struct Shortfall { std::size_t open = 0, exact = 0, tight = 0; };

// What too few bits, eras or tokens leave: `unknown` or a bracket that what all of them prove does not contradict. Bits are at most max_bits.
inline void check_short_of(Shortfall& shortfall, const InevitableAnswer& answer, const InevitableAnswer& short_of, long max_bits) {
  for (const InevitableProof& proof : short_of.proofs)
    if (proof.numbers.contains("bits")) REQUIRE(std::stol(proof.numbers.at("bits")) <= max_bits);
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    const Inevitable &a = answer.rows[r].answer, &b = short_of.rows[r].answer;
    INFO("row " << r << ": " << a.lower << " to " << a.upper.value_or("none") << ", with " << max_bits << " bits " << b.lower << " to " << b.upper.value_or("none"));
    REQUIRE(a.upper);
    REQUIRE(Length(b.lower) <= Length(*a.upper));
    if (b.upper) REQUIRE(Length(*b.upper) >= Length(a.lower));
    if (b.status == Status::exact) REQUIRE((a.status != Status::exact || b.lower == a.lower));
    ++(b.status == Status::exact ? shortfall.exact : shortfall.open);
    if (b.status == Status::bracket && Length(b.lower) > 1 && Length(*b.upper) <= 1000 * Length(b.lower)) ++shortfall.tight;
  }
}

// A shortfall at each of these numbers of bits, in one attempt.
inline Shortfall with_few_bits(const Model& model, const Family& family, const InevitableAnswer& answer, std::initializer_list<long> bits) {
  Shortfall shortfall;
  for (const long most : bits) {
    InevitableLimits limits;
    limits.max_bits = most, limits.attempts = 1;
    check_short_of(shortfall, answer, ask(model, family, limits), most);
  }
  return shortfall;
}

}  // namespace snellen::testing
