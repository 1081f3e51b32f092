#include "proofs/checker/horizon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/sequences.hpp"

namespace snellen::check {
namespace {

// What the first tokens of a sequence show of how many bits intervals lose from layer to layer. From a guess of this only time depends.
constexpr std::size_t first_tokens = 3;
constexpr long spare_bits = 24;  // later tokens lose more

long lost_bits(const Model& model, const Certificate& c, long bits, long most) {
  std::vector<Token> tokens = sequence(*c.sequences, c.from);
  tokens.resize(std::min(tokens.size(), first_tokens));
  if (tokens.empty()) return 0;
  for (;; bits = std::min(most, 2 * bits)) {
    const Forward forward(model, bits);
    const Vector x = forward.final(forward.run(Seating(tokens).seats()).hidden.back());
    Dyadic widest(53), width(53), largest(53);
    for (const Number& entry : x) {
      mpfr_sub(width.get(), upper(entry), lower(entry), MPFR_RNDU);
      mpfr_max(widest.get(), widest.get(), width.get(), MPFR_RNDU);
      if (mpfr_cmpabs(upper(entry), largest.get()) > 0) mpfr_abs(largest.get(), upper(entry), MPFR_RNDU);
    }
    if (is_finite(x) && mpfr_regular_p(largest.get())) return mpfr_regular_p(widest.get()) ? bits + static_cast<long>(mpfr_get_exp(widest.get()) - mpfr_get_exp(largest.get())) : 0;
    if (bits >= most) return 0;
  }
}

struct Run { Letter letter; std::int64_t count; };

// "D88 C112"; nothing where it is not of this form or does not cover `lengths` lengths.
std::optional<std::vector<Run>> parse_verdicts(const std::string& text, std::int64_t lengths) {
  std::vector<Run> runs;
  std::int64_t total = 0;
  for (const char *at = text.data(), *const end = at + text.size(); at < end;) {
    Run run{*at, 0};
    if (std::string_view("CDOU").find(run.letter) == std::string_view::npos) return std::nullopt;
    const auto [next, error] = std::from_chars(at + 1, end, run.count);
    if (error != std::errc() || run.count < 1 || run.count > lengths - total || (next < end && *next != ' ')) return std::nullopt;
    total += run.count;
    runs.push_back(run);
    at = next < end ? next + 1 : next;
    if (next < end && at == end) return std::nullopt;
  }
  return total == lengths ? std::optional(runs) : std::nullopt;
}

// All of a claim's lengths, in order: the first that is refuted decides; one that is open leaves it open.
template <class F>
Finding all_of(std::int64_t from, std::int64_t to, const PairVectors& e, const F& at) {
  Finding result = verified();
  for (std::int64_t n = from; n <= std::min(to, e.last()); ++n) {
    Finding one = at(n);
    if (one.status == Status::refuted) return one;
    if (one.is_open() && !result.is_open()) result = std::move(one);
  }
  if (to > e.last() && !result.is_open()) return settled(fmt::format("only lengths up to {} were asked for: those are as claimed", e.last()));
  return result;
}

Finding within(const Number& d, const Dyadic& low, const Dyadic& high, const std::string& what) {
  if (!is_finite(d)) return open(what + " is not known: an enclosure is not finite");
  if (mpfr_lessequal_p(low.get(), lower(d)) && mpfr_lessequal_p(upper(d), high.get())) return verified();
  const std::string both = fmt::format("{} lies in {}, the certificate says [{}, {}]", what, shown(d), low.decimal(12, MPFR_RNDD), high.decimal(12, MPFR_RNDU));
  return mpfr_less_p(upper(d), low.get()) || mpfr_less_p(high.get(), lower(d)) ? refuted(both) : open(both);
}

Finding letter(char claimed, std::int64_t n, const ClaimNumbers& numbers, const PairVectors& e) {
  if (claimed == 'U') return verified();  // nothing is claimed
  const Letter found = e.verdict_at(n, numbers);
  if (found == claimed) return verified();
  const std::string what = fmt::format("claimed {}, found {} at {}", claimed, found, e.place_of(n, numbers));
  return found == 'U' ? open(what) : refuted(what);
}

Finding judge(const CertificateClaim& claim, const Certificate& c, const PairVectors& e, bool limit_known) {
  const std::string fact = *fact_of(claim.id);
  const ClaimNumbers& numbers = claim.numbers;
  const auto length = [&](const char* name) { return std::stoll(numbers.at(name)); };  // the reader checked that it is one of the certificate's
  if (fact == "distances") {
    const auto norm = static_cast<std::size_t>(std::find(c.norms.begin(), c.norms.end(), numbers.at("norm")) - c.norms.begin());
    return all_of(c.from, c.to, e, [&](std::int64_t n) {
      const auto& listed = c.distances[static_cast<std::size_t>(n - c.from)].by_norm[norm];
      const auto low = parse_exact(listed.lower), high = parse_exact(listed.upper);
      if (!low || !high) return refuted(fmt::format("n = {}: the ends that are listed are no hex floats", n));
      return within(e.distance_at(n, numbers.at("norm")), *low, *high, fmt::format("n = {}: D_{}", n, numbers.at("norm")));
    });
  }
  if (fact == "tokens")
    return all_of(c.from, c.to, e, [&](std::int64_t n) {
      const auto& listed = c.next_tokens[static_cast<std::size_t>(n - c.from)];
      const auto found = e.token_at(n);
      if (!listed || found == listed) return verified();
      return found ? refuted(fmt::format("n = {}: the next token is {}, the certificate says {}", n, *found, *listed)) : open(fmt::format("n = {}: the next token is not certain", n));
    });
  if (fact == "verdicts") {
    const auto runs = parse_verdicts(numbers.at("verdicts"), c.to - c.from + 1);
    if (!runs) return refuted("the verdicts do not cover each length once");
    std::vector<char> letters;
    for (const Run& run : *runs) letters.insert(letters.end(), static_cast<std::size_t>(run.count), run.letter);
    return all_of(c.from, c.to, e, [&](std::int64_t n) { return letter(letters[static_cast<std::size_t>(n - c.from)], n, numbers, e); });
  }
  if (fact == "collapse") return all_of(length("from"), c.to, e, [&](std::int64_t n) { return letter('C', n, numbers, e); });
  if (fact == "distinct") return all_of(length("n"), length("n"), e, [&](std::int64_t n) { return letter('D', n, numbers, e); });
  // limit
  return all_of(c.to, c.to, e, [&](std::int64_t n) {
    const auto d = limit_known ? e.distance_from_limit(n, numbers.at("norm")) : std::nullopt;
    if (!d) return settled("the limit " + numbers.at("limit") + " is of a kind that this program does not know");
    return within(*d, *parse_exact(numbers.at("lower")), *parse_exact(numbers.at("upper")), fmt::format("n = {}: the distance from the limit", n));
  });
}

std::string list_text(const std::vector<std::int64_t>& tokens) { return fmt::format("[{}]", fmt::join(tokens, ", ")); }

}  // namespace

std::optional<std::int64_t> window_reach(const Model& model) {
  constexpr std::size_t longest = 100'000;
  if (!std::holds_alternative<NoPositions>(model.positions)) return std::nullopt;
  std::size_t reach = 0;
  for (const Layer& layer : model.layers) {
    if (!layer.attention.window || *layer.attention.window > longest) return std::nullopt;
    reach += *layer.attention.window - 1;
  }
  return reach <= longest ? std::optional(static_cast<std::int64_t>(reach)) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> limit_tokens(const Model& model, const CertificateSequences& s, const std::string& text) {
  if (s.every > 0 || s.unit.empty() || !std::holds_alternative<NoPositions>(model.positions)) return std::nullopt;
  if (s.unit.size() == 1 && s.suffix.empty() && text == list_text(s.unit)) return s.unit;
  const auto reach = window_reach(model);
  if (!reach) return std::nullopt;
  const std::string begin = list_text(s.unit) + "^", end = s.suffix.empty() ? "" : " . " + list_text(s.suffix);
  if (!text.starts_with(begin) || !text.ends_with(end) || text.size() < begin.size() + end.size()) return std::nullopt;
  const auto copies = parse_length(text.substr(begin.size(), text.size() - begin.size() - end.size()));
  if (!copies || *copies > *reach + 1) return std::nullopt;
  std::vector<std::int64_t> tokens = run_of(s, static_cast<std::int64_t>(*copies));
  tokens.insert(tokens.end(), s.suffix.begin(), s.suffix.end());
  return static_cast<std::int64_t>(tokens.size()) > *reach ? std::optional(tokens) : std::nullopt;
}

std::optional<std::vector<std::int64_t>> limit_of_claims(const Model& model, const Certificate& c) {
  for (const CertificateClaim& claim : c.claims)
    if (claim.numbers.contains("limit")) return limit_tokens(model, *c.sequences, claim.numbers.at("limit"));
  return std::nullopt;
}

std::unique_ptr<const PairVectors> check_horizon(const Model& model, const Certificate& c, const Options& options, Budget& budget, Findings& findings) {
  const std::initializer_list<std::string_view> facts = {"distances", "verdicts", "tokens", "collapse", "distinct", "limit"};
  const std::int64_t last = std::min(c.to, options.up_to.value_or(c.to));
  std::unique_ptr<const PairVectors> evaluated;
  if (!findings.any_open(facts)) return evaluated;
  if (last < c.from) {
    findings.ask(facts, [&](const CertificateClaim&) { return settled(fmt::format("only lengths up to {} were asked for", last)); });
    return evaluated;
  }
  const std::optional<std::vector<Token>> limit = limit_of_claims(model, c);
  const double products = products_of_pairs(model, c, c.from, last);
  const auto producer = static_cast<long>(c.precision_bits);
  const long lost = budget.affords(products) ? std::max(0L, lost_bits(model, c, std::min(options.max_bits, producer + 64), options.max_bits)) : 0;
  for (long bits = std::min(options.max_bits, producer + lost + spare_bits);; bits = std::min(options.max_bits, 2 * bits)) {
    if (!budget.affords(products)) {
      findings.ask(facts, [&](const CertificateClaim&) {
        return settled(fmt::format("another pass over the lengths {} to {} would take about {:.1e} products, more than are left (--work, --up-to)", c.from, last, products));
      });
      return evaluated;
    }
    budget.spend(products);
    options.say(fmt::format("lengths {} to {} at {} bits", c.from, last, bits));
    evaluated = std::make_unique<const PairVectors>(model, c, c.from, last, limit, bits);
    const PairVectors& e = *evaluated;
    findings.ask(facts, [&](const CertificateClaim& claim) { return judge(claim, c, e, claim.numbers.contains("limit") && limit && limit_tokens(model, *c.sequences, claim.numbers.at("limit")) == limit); });
    if (!findings.any_open(facts) || bits >= options.max_bits) return evaluated;
  }
}

}  // namespace snellen::check
