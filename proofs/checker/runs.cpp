#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/horizon.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/run_cover.hpp"

namespace snellen::check {
namespace {

constexpr int attempts = 3, eras_to_spare = 3;
constexpr std::size_t most_eras = 1200, eras_beyond_hint = 48;
constexpr std::int64_t most_explicit = 20'000, tokens_to_spare = 32;
constexpr std::size_t most_ranges = 400'000;  // of one claim

// Judges claims on a cover whose tail begins at next().
class Judge {
 public:
  Judge(const Certificate& c, const RunCover& cover) : c_(c), cover_(cover), a_(cover.arithmetic()), tail_(cover.tail()), tail_final_(cover.forward().final(tail_)) {}

  bool tail_serves(const CertificateClaim& claim) const {
    const ClaimNumbers& numbers = claim.numbers;
    if (fact_of(claim.id) == "limit.tail") return near_limit(at_place(tail_, tail_final_), numbers);
    if (numbers.contains("overflow from")) return all_overflow(c_, numbers, at_place(tail_, tail_final_));
    if (numbers.contains("from")) return collapses(at_place(tail_, tail_final_), tail_final_, numbers);
    return true;
  }

  Finding judge(const CertificateClaim& claim) {
    const ClaimNumbers& numbers = claim.numbers;
    ranges_ = 0;
    if (numbers.contains("status") && numbers.at("status") == "never") return settled("that such a run is distinct infinitely often is of a kind that this program does not know");
    if (!tail_serves(claim)) return open(fmt::format("the tail from n = {} on is too wide", cover_.next().str()));
    if (fact_of(claim.id) == "limit.tail")
      return every(numbers, *parse_length(numbers.at("from")), [&](const Vector& x, const Vector&) { return near_limit(x, numbers) ? 'C' : 'U'; }, "the distance from the limit");
    if (numbers.contains("overflow from"))
      return every(numbers, *parse_length(numbers.at("overflow from")), [&](const Vector& x, const Vector&) { return all_overflow(c_, numbers, x) ? 'C' : 'U'; }, "overflow");
    Finding result = numbers.contains("from") ? collapse_from(*parse_length(numbers.at("from")), numbers) : verified();
    if (result.status == Status::verified && numbers.contains("distinct at")) result = distinct_at(*parse_length(numbers.at("distinct at")), numbers);
    if (result.status == Status::verified && numbers.contains("distinct at or after")) result = distinct_after(*parse_length(numbers.at("distinct at or after")), numbers);
    return result;
  }

 private:
  struct Two { Vector hidden, final; };
  const Vector& at_place(const Vector& hidden, const Vector& final) const { return c_.at == "final" ? final : hidden; }
  std::optional<std::int64_t> token(const Vector& final) const { return argmax(cover_.forward().logits({final})[0]); }

  // Any two vectors of the box.
  bool collapses(const Vector& x, const Vector& final, const ClaimNumbers& numbers) const {
    return all_collapse(c_, a_, numbers, x, [&] { return token(final); });
  }
  bool near_limit(const Vector& x, const ClaimNumbers& numbers) const {
    const Vector limit = c_.at == "final" ? cover_.forward().final(cover_.limit()) : cover_.limit();
    const Number d = distance(a_, numbers.at("norm"), x, limit);
    return is_finite(d) && mpfr_lessequal_p(upper(d), parse_exact(numbers.at("upper"))->get());
  }

  // Over [from, to], a part of the era.
  Two over(const RunCover::EraStates& era, const Length& from, const Length& to) const {
    Number t = era.era.position(from);
    unite(t, era.era.position(to));
    Two two;
    for (const Row& entry : era.hidden) two.hidden.push_back(cover_.taylor().over(entry, t));
    for (const Row& entry : era.final) two.final.push_back(cover_.taylor().over(entry, t));
    return two;
  }
  Two at(const Length& n) const {
    if (n <= cover_.explicit_tokens()) {
      const Vector& hidden = cover_.at_explicit(static_cast<std::int64_t>(n));
      return {hidden, cover_.forward().final(hidden)};
    }
    if (n >= cover_.next()) return {tail_, tail_final_};
    const auto era = std::partition_point(cover_.eras().begin(), cover_.eras().end(), [&](const RunCover::EraStates& e) { return e.era.last() < n; });
    return over(*era, n, n);
  }
  // The era that holds both n and n + 1.
  const RunCover::EraStates* era_of_pair(const Length& n) const {
    for (const RunCover::EraStates& era : cover_.eras())
      if (era.era.first() <= n && n < era.era.last()) return &era;
    return nullptr;
  }
  Letter compare(const Two& x, const Two& y, const ClaimNumbers& numbers) const {
    const std::string& criterion = numbers.at("criterion");
    if (criterion == "argmax") return same_token(token(x.final), token(y.final));
    const Vector &u = at_place(x.hidden, x.final), &v = at_place(y.hidden, y.final);
    if (criterion == "tolerance") return tolerance(distance(a_, numbers.at("norm"), u, v), *parse_exact(numbers.at("eps")));
    return RoundedVector(format_of(c_, numbers), u).compared_with(RoundedVector(format_of(c_, numbers), v));
  }
  Letter pair(const Length& n, const ClaimNumbers& numbers) const {
    const RunCover::EraStates* era = era_of_pair(n);
    if (!era || numbers.at("criterion") != "tolerance") return compare(at(n), at(n + 1), numbers);
    Vector step;  // of one polynomial, so that what both vectors share cancels
    const Number from = era->era.position(n), to = era->era.position(n + 1);
    for (const Row& entry : c_.at == "final" ? era->final : era->hidden) step.push_back(cover_.taylor().step_between(entry, from, to));
    return tolerance(norm_of(a_, numbers.at("norm"), step), *parse_exact(numbers.at("eps")));
  }
  // All pairs from <= n < to within the era.
  bool pairs_collapse(const RunCover::EraStates& era, const Length& from, const Length& to, const ClaimNumbers& numbers) const {
    if (numbers.at("criterion") != "tolerance") {
      const Two box = over(era, from, to);
      return collapses(at_place(box.hidden, box.final), box.final, numbers);
    }
    Number t = era.era.position(from);
    unite(t, era.era.position(to));
    Vector step;
    for (const Row& entry : c_.at == "final" ? era.final : era.hidden) step.push_back(cover_.taylor().step_over(entry, t, era.era.step()));
    return tolerance(norm_of(a_, numbers.at("norm"), step), *parse_exact(numbers.at("eps"))) == 'C';
  }

  Finding pair_collapses(const Length& n, const ClaimNumbers& numbers) const {
    const Letter found = pair(n, numbers);
    if (found == 'C') return verified();
    return found == 'U' ? open(fmt::format("the pair at n = {} is not decided", n.str())) : refuted(fmt::format("at n = {} the pair does not collapse: {}", n.str(), shown_pair(n, numbers)));
  }

  Finding collapse_from(const Length& from, const ClaimNumbers& numbers) {
    if (from < 1) return settled("lengths begin at 1");
    const auto& eras = cover_.eras();
    for (std::size_t e = eras.size(); e-- > 0 && eras[e].era.last() >= from;) {
      if (Finding f = pair_collapses(eras[e].era.last(), numbers); f.status != Status::verified) return f;  // with the first of what follows
      std::vector<std::pair<Length, Length>> ranges{{std::max(from, eras[e].era.first()), eras[e].era.last()}};
      while (!ranges.empty()) {
        const auto [first, last] = ranges.back();
        ranges.pop_back();
        if (first >= last) continue;
        if (++ranges_ > most_ranges) return open("too many ranges of lengths");
        if (last - first == 1) {
          if (Finding f = pair_collapses(first, numbers); f.status != Status::verified) return f;
        } else if (!pairs_collapse(eras[e], first, last, numbers)) {
          const Length middle = (first + last) / 2;
          ranges.push_back({first, middle}), ranges.push_back({middle, last});
        }
      }
    }
    for (Length n = cover_.explicit_tokens(); n >= from; --n)
      if (Finding f = pair_collapses(n, numbers); f.status != Status::verified) return f;
    return verified();
  }

  // holds(x, y) on boxes that contain the vectors of all n >= from, the tail apart.
  template <class F>
  Finding every(const ClaimNumbers&, const Length& from, const F& holds, const std::string& what) {
    if (from < 1) return settled("lengths begin at 1");
    const auto& eras = cover_.eras();
    for (std::size_t e = eras.size(); e-- > 0 && eras[e].era.last() >= from;) {
      std::vector<std::pair<Length, Length>> ranges{{std::max(from, eras[e].era.first()), eras[e].era.last()}};
      while (!ranges.empty()) {
        const auto [first, last] = ranges.back();
        ranges.pop_back();
        if (++ranges_ > most_ranges) return open("too many ranges of lengths");
        const Two box = over(eras[e], first, last);
        if (holds(at_place(box.hidden, box.final), box.final) == 'C') continue;
        if (first == last) return open(fmt::format("{} at n = {} is not as claimed, as far as the enclosure says", what, first.str()));
        const Length middle = (first + last) / 2;
        ranges.push_back({first, middle}), ranges.push_back({middle + 1, last});
      }
    }
    for (Length n = cover_.explicit_tokens(); n >= from; --n) {
      const Two point = at(n);
      if (holds(at_place(point.hidden, point.final), point.final) != 'C') return open(fmt::format("{} at n = {} is not as claimed, as far as the enclosure says", what, n.str()));
    }
    return verified();
  }

  Finding distinct_at(const Length& n, const ClaimNumbers& numbers) const {
    if (n < 1) return settled("lengths begin at 1");
    const Letter found = pair(n, numbers);
    if (found == 'D') return verified();
    return found == 'U' ? open(fmt::format("the pair at n = {} is not decided", n.str())) : refuted(fmt::format("at n = {} the pair is not distinct: {}", n.str(), shown_pair(n, numbers)));
  }

  // Some pair from n on: the one at n, or one between two lengths whose vectors are too far apart for all to collapse (`distinct_between`, proofs/era.md).
  Finding distinct_after(const Length& n, const ClaimNumbers& numbers) const {
    if (n < 1) return settled("lengths begin at 1");
    if (pair(n, numbers) == 'D') return verified();
    std::vector<Length> later;
    for (const RunCover::EraStates& era : cover_.eras()) later.push_back(era.era.first()), later.push_back(era.era.last());
    const Two here = at(n);
    for (const Length& m : later) {
      if (m <= n) continue;
      if (numbers.at("criterion") != "tolerance") {
        if (compare(here, at(m), numbers) == 'D') return verified();
        continue;
      }
      const Two there = at(m);
      const Number d = distance(a_, numbers.at("norm"), at_place(here.hidden, here.final), at_place(there.hidden, there.final));
      Dyadic apart(a_.bits());
      const Length steps = m - n;
      mpfr_mul_z(apart.get(), parse_exact(numbers.at("eps"))->get(), steps.backend().data(), MPFR_RNDU);
      if (tolerance(d, apart) == 'D') return verified();
    }
    return open(fmt::format("no pair from n = {} on is proved to be distinct", n.str()));
  }

  std::string shown_pair(const Length& n, const ClaimNumbers& numbers) const {
    const Two x = at(n), y = at(n + 1);
    const std::string& criterion = numbers.at("criterion");
    if (criterion == "argmax") {
      const auto text = [](const std::optional<std::int64_t>& t) { return t ? std::to_string(*t) : "not certain"; };
      return fmt::format("the next tokens are {} and {}", text(token(x.final)), text(token(y.final)));
    }
    const Vector &u = at_place(x.hidden, x.final), &v = at_place(y.hidden, y.final);
    if (criterion == "tolerance") return fmt::format("D_{} lies in {}", numbers.at("norm"), shown(distance(a_, numbers.at("norm"), u, v)));
    for (std::size_t i = 0; i < u.size(); ++i)
      if (RoundedVector(format_of(c_, numbers), {u[i]}).compared_with(RoundedVector(format_of(c_, numbers), {v[i]})) != 'C')
        return fmt::format("coordinate {} is {} and {}", i, shown(u[i]), shown(v[i]));
    return "all coordinates round alike";
  }

  const Certificate& c_;
  const RunCover& cover_;
  const IntervalArithmetic& a_;
  Vector tail_, tail_final_;
  std::size_t ranges_ = 0;
};

// What the certificate says of how it was proved: hints, from which nothing follows.
struct Hints {
  std::size_t degree = 20;
  long bits = 160;
  Length tail_from = 1;
};

Hints hints_of(const Certificate& c) {
  Hints hints;
  for (const CertificateClaim& claim : c.claims) {
    const auto fact = fact_of(claim.id);
    if (fact != "inevitable" && fact != "limit.tail") continue;
    const auto number = [&](const char* name) { return claim.numbers.contains(name) ? parse_length(claim.numbers.at(name)) : std::nullopt; };
    if (const auto degree = number("degree"); degree && *degree <= 128) hints.degree = std::max(hints.degree, static_cast<std::size_t>(*degree));
    if (const auto bits = number("bits"); bits && *bits <= 4096) hints.bits = std::max(hints.bits, static_cast<long>(*bits));
    for (const char* name : {"tail from", "from"})
      if (const auto from = number(name); from && hints.tail_from < *from) hints.tail_from = *from;
  }
  return hints;
}

}  // namespace

void check_runs(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"inevitable", "limit.tail"};
  if (!findings.any_open(facts)) return;
  const CertificateSequences& s = *c.sequences;
  const bool slopes = std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& l) { return !l.attention.alibi.empty(); });
  std::string refusal = run_refused(model, !slopes).value_or("");
  if (refusal.empty() && (s.unit.size() != 1 || s.every > 0 || !s.suffix.empty() || s.repeat_last)) refusal = "sequences other than a prefix and a run of one token, in pairs (S_n, S_n+1)";
  if (!refusal.empty()) return findings.ask(facts, [&](const CertificateClaim&) { return settled("this program proves nothing for every n of " + refusal); });
  findings.ask({"limit.tail"}, [&](const CertificateClaim& claim) {
    const auto tokens = limit_tokens(model, s, claim.numbers.at("limit"));
    return tokens == s.unit ? Finding() : settled("the limit is of a kind that this program does not know");
  });

  const Hints hints = hints_of(c);
  for (int attempt = 0; attempt < attempts && findings.any_open(facts); ++attempt) {
    RunCover::Settings settings;
    settings.degree = hints.degree + 8 * static_cast<std::size_t>(attempt);
    settings.bits = std::min<long>(options.max_bits, hints.bits + 32 + 64 * attempt);
    settings.wanted = -4 * static_cast<long>(settings.degree) - 16;
    if (slopes) {  // lengths one by one; more of them where the tail was too wide
      if (hints.tail_from > most_explicit) return findings.ask(facts, [](const CertificateClaim&) { return settled("the tail begins beyond what this program evaluates one by one"); });
      settings.wanted = -32 * (attempt + 1);
      settings.explicit_tokens = std::max<std::int64_t>(settings.explicit_tokens, static_cast<std::int64_t>(hints.tail_from) * (4 + attempt) / 4 + tokens_to_spare);
    }
    const auto tokens = static_cast<double>(settings.explicit_tokens) + static_cast<double>(s.prefix.size());
    const double products = tokens * products_of_layers(model) + tokens * tokens / 2 * products_of_attention(model);
    const auto broke = [&] { findings.ask(facts, [](const CertificateClaim&) { return settled("it would take more products than are left (--work)"); }); };
    if (!budget.affords(products)) return broke();
    budget.spend(products);
    options.say(fmt::format("lengths 1 to {} at {} bits, for every n", settings.explicit_tokens, settings.bits));
    RunCover cover(model, s.prefix, s.unit[0], settings);
    std::string broken;
    for (std::size_t beyond = 0; !slopes && broken.empty();) {
      if (cover.next() >= hints.tail_from) {
        if (beyond % 4 == 0) {
          const Judge judge(c, cover);
          bool closed = true;
          findings.ask(facts, [&](const CertificateClaim& claim) {
            const bool never = claim.numbers.contains("status") && claim.numbers.at("status") == "never";
            closed = closed && (never || judge.tail_serves(claim));
            return Finding();
          });
          if (closed) {  // the pair that straddles the tail's beginning needs a tail with room to spare
            for (int more = 0; more < eras_to_spare && broken.empty() && budget.affords(cover.products_of_era()); ++more) {
              budget.spend(cover.products_of_era());
              if (!cover.extend()) broken = "an enclosure beyond the tail's beginning is not finite";
            }
            break;
          }
        }
        if (++beyond > eras_beyond_hint) break;
      }
      if (cover.eras().size() >= most_eras) break;
      if (!budget.affords(cover.products_of_era())) return broke();
      budget.spend(cover.products_of_era());
      if (cover.eras().size() % 16 == 0) options.say(fmt::format("lengths from {} on, degree {}, {} bits", cover.next().str(), settings.degree, settings.bits));
      if (!cover.extend()) broken = fmt::format("an enclosure of the lengths up to {} is not finite at degree {} and {} bits", cover.eras().back().era.last().str(), settings.degree, settings.bits);
    }
    if (!broken.empty()) {
      findings.ask(facts, [&](const CertificateClaim&) { return open(broken); });
      continue;
    }
    Judge judge(c, cover);
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge.judge(claim); });
  }
}

}  // namespace snellen::check
