// Claims about an emulated engine: it is run again, in the checker's own arithmetic, from the first layer to the last, until nothing changes any more.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/engine_run.hpp"
#include "proofs/checker/for_all.hpp"
#include "proofs/checker/judge.hpp"

namespace snellen::check {
namespace {

constexpr long distance_bits = 256;
constexpr std::int64_t longest_length = std::int64_t{1} << 50;

// Why this program follows no such engine for ever; nothing where it does.
std::optional<std::string> engine_refused(const Model& model, const CertificateSequences& s) {
  if (s.unit.size() != 1 || s.every > 0 || !s.suffix.empty()) return "sequences other than a prefix and a run of one token";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "positions added to the embeddings";
  for (const Layer& layer : model.layers) {
    if (layer.attention.rotary && layer.attention.rotary->dimensions >= 2) return "rotary positions";
    if (!layer.attention.alibi.empty() && !layer.attention.window) return "slopes without a window";
  }
  return std::nullopt;
}

// Judges claims on a run that was followed from some length on: S_n ends at position |P| + n - 1.
class EngineJudge {
 public:
  EngineJudge(const Certificate& c, const EngineRun& run) : c_(c), run_(run), last_(run.hidden()) {}

  Finding judge(const CertificateClaim& claim) const {
    const ClaimNumbers& numbers = claim.numbers;
    const auto from = static_cast<std::int64_t>(*parse_length(numbers.at("from")));
    for (std::size_t r = run_at(from); r < last_.size(); ++r) {
      const bool never_ends = r + 1 == last_.size();
      const std::int64_t first = std::max(last_[r].first, before() + from - 1);
      // Two tokens of one run have one vector; then the last of this run and the first of the next.
      if (never_ends || last_[r + 1].first - first > 1)
        if (const Letter found = compare(r, r, numbers); found != 'C') return wrong(found, first - before() + 1, r, r);
      if (never_ends) break;
      if (const Letter found = compare(r, r + 1, numbers); found != 'C') return wrong(found, last_[r + 1].first - before(), r, r + 1);
    }
    if (numbers.at("status") != "exact" || from == 1) return verified();
    const Letter found = compare(run_at(from - 1), run_at(from), numbers);
    if (found == 'C') return refuted(fmt::format("the engine's pair collapses at n = {}, too", from - 1));
    return found == 'U' ? open(fmt::format("the engine's pair at n = {} is not decided", from - 1)) : verified();
  }

 private:
  std::int64_t before() const { return static_cast<std::int64_t>(c_.sequences->prefix.size()); }
  // The run that S_n ends in.
  std::size_t run_at(std::int64_t n) const {
    const auto next = std::upper_bound(last_.begin(), last_.end(), before() + n - 1, [](std::int64_t position, const Run& run) { return position < run.first; });
    return static_cast<std::size_t>(next - last_.begin()) - 1;
  }

  const Column& column(std::size_t r) const { return c_.at == "final" ? run_.finals()[r] : last_[r].column; }

  Letter compare(std::size_t x, std::size_t y, const ClaimNumbers& numbers) const {
    const std::string& criterion = numbers.at("criterion");
    if (criterion == "argmax") {
      if (tokens_.empty()) tokens_ = run_.next_tokens(run_.finals());
      return tokens_[x] < 0 || tokens_[y] < 0 ? 'U' : tokens_[x] == tokens_[y] ? 'C' : 'D';
    }
    return criterion == "tolerance" ? of_distance(column(x), column(y), numbers) : of_values(column(x), column(y), numbers);
  }
  // Entries that are equal add nothing to a norm; most are.
  Letter of_distance(const Column& x, const Column& y, const ClaimNumbers& numbers) const {
    Vector u, v;
    for (std::size_t i = 0; i < x.size(); ++i)
      if (x[i] != y[i]) u.push_back(a_.of(x[i])), v.push_back(a_.of(y[i]));
    return tolerance(distance(a_, numbers.at("norm"), u, v), *parse_exact(numbers.at("eps")));
  }
  Letter of_values(const Column& x, const Column& y, const ClaimNumbers& numbers) const {
    CertificateFormat format = *std::find_if(c_.formats.begin(), c_.formats.end(), [&](const CertificateFormat& f) { return f.name == numbers.at("format"); });
    if (!SoftFloat::carries(format)) return RoundedVector(format, exact(x)).compared_with(RoundedVector(format, exact(y)));
    format.overflow = "infinity";  // saturating formats have no finite value beyond the largest either
    const SoftFloat rounding(format);
    Letter letter = 'C';
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double u = rounding.round(x[i]), v = rounding.round(y[i]);
      if (std::isnan(u) || std::isnan(v)) return 'O';
      if (u != v) letter = 'D';
    }
    return letter;
  }
  Vector exact(const Column& x) const {
    Vector result;
    for (const double entry : x) result.push_back(a_.of(entry));
    return result;
  }
  Finding wrong(Letter found, std::int64_t n, std::size_t x, std::size_t y) const {
    const std::string place = fmt::format("n = {}", n);
    if (found == 'U') return open("the engine's pair at " + place + " is not decided");
    if (found == 'O') return refuted("at " + place + " a coordinate of the engine's vector has no finite value in the format");
    const Column &u = column(x), &v = column(y);
    for (std::size_t i = 0; i < u.size(); ++i)
      if (u[i] != v[i]) return refuted(fmt::format("at {} the engine's pair does not collapse; coordinate {} is {} and {}", place, i, u[i], v[i]));
    return refuted("at " + place + " the engine's pair does not collapse");
  }

  const Certificate& c_;
  const EngineRun& run_;
  const std::vector<Run>& last_;
  IntervalArithmetic a_{distance_bits};
  mutable std::vector<std::int64_t> tokens_;  // after each run's vector, once they are asked for
};

}  // namespace

void check_engines(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  if (!findings.any_open({"engine"})) return;
  if (const auto refusal = engine_refused(model, *c.sequences)) return findings.ask({"engine"}, [&](const CertificateClaim&) { return settled("this program follows no engine for every n of " + *refusal); });
  std::map<std::string, std::vector<const CertificateClaim*>> by_profile;
  for (const CertificateClaim& claim : c.claims)
    if (fact_of(claim.id) == "engine") by_profile[claim.numbers.at("profile")].push_back(&claim);
  for (const auto& entry : by_profile) {
    const std::string& name = entry.first;  // not by a structured binding: clang before 16 lets no lambda capture one
    const std::vector<const CertificateClaim*>& claims = entry.second;
    const auto answer = [&](const auto& judge) {
      findings.ask({"engine"}, [&](const CertificateClaim& claim) { return claim.numbers.at("profile") == name; }, judge);
    };
    const std::optional<EngineProfile> profile = engine_profile(name);
    if (!profile) {
      answer([&](const CertificateClaim&) { return settled("the engine " + name + " is none that this program can follow"); });
      continue;
    }
    // The last layer is followed from where the first claim needs it; claims that begin too early for the work that is left are given up one after another.
    std::set<std::int64_t> firsts;
    for (const CertificateClaim* claim : claims) {
      const Length from = *parse_length(claim->numbers.at("from"));
      if (from >= 1 && from <= longest_length) firsts.insert(std::max<std::int64_t>(1, static_cast<std::int64_t>(from) - 1));
    }
    options.say(fmt::format("the engine {} for every n", name));
    EngineRun run(model, c.sequences->prefix, c.sequences->unit[0], *profile, budget);
    while (!firsts.empty() && !run.follow(static_cast<std::int64_t>(c.sequences->prefix.size()) + *firsts.begin() - 1)) firsts.erase(firsts.begin());
    const EngineJudge judge(c, run);
    const std::int64_t first = firsts.empty() ? longest_length : *firsts.begin();
    answer([&](const CertificateClaim& claim) {
      const Length from = *parse_length(claim.numbers.at("from"));
      if (from < 1) return settled("lengths begin at 1");
      return from > longest_length || std::max(Length(1), from - 1) < first ? settled(run.trouble()) : judge.judge(claim);
    });
  }
}

}  // namespace snellen::check
