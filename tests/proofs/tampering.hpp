// Certificates and models changed by a seeded hand, so that something they say is false: none may pass.
//
// A claim made weaker may still be true and verified, so every change here makes one false, or says what nobody can prove; where the sentence, the id and the digest must
// follow, they do: a forger knows how they are made.
#pragma once

#include <cmath>
#include <functional>
#include <map>

#include "lib/error.hpp"
#include "lib/number/splitmix64.hpp"
#include "proofs/certificate/numbers.hpp"
#include "tests/proofs/certificates.hpp"

namespace snellen::testing {

using Json = nlohmann::json;

class Tamperer {
 public:
  Tamperer(const Example& example, std::uint64_t seed) : example_(example), random_(seed) {}

  struct Tampered {
    std::string what;
    Json certificate;
    Model model;
  };
  // Nothing where the change that was drawn does not exist in this certificate.
  std::optional<Tampered> draw() {
    Tampered t{"", example_.certificate, example_.model};
    const std::vector<std::pair<std::string, std::function<bool(Tampered&)>>> changes = {
        {"an end of a distance moved across the other", [&](Tampered& x) { return move_end(x.certificate); }},
        {"a length in a list changed", [&](Tampered& x) { return x.certificate["distances"][pick(x.certificate["distances"].size())]["n"] = 77, true; }},
        {"two lengths' distances exchanged", [&](Tampered& x) { return exchange(x.certificate["distances"]); }},
        {"a verdict moved to the next length", [&](Tampered& x) { return move_verdict(x.certificate); }},
        {"a claim from an earlier length on", [&](Tampered& x) { return lower_from(x.certificate); }},
        {"a distinct pair at a length where it is none", [&](Tampered& x) { return move_distinct(x.certificate); }},
        {"a threshold changed", [&](Tampered& x) { return change_eps(x.certificate); }},
        {"a format changed", [&](Tampered& x) { return change_format(x.certificate); }},
        {"a next token changed", [&](Tampered& x) { return change_token(x.certificate); }},
        {"a token of the sequences changed", [&](Tampered& x) { return change_sequence(x.certificate); }},
        {"the horizon widened in a claim", [&](Tampered& x) { return widen_claim(x.certificate); }},
        {"the horizon widened with made-up entries", [&](Tampered& x) { return widen_all(x.certificate); }},
        {"a scope widened", [&](Tampered& x) { return widen_scope(x.certificate); }},
        {"the place changed", [&](Tampered& x) { return x.certificate["at"] = "hidden", true; }},
        {"a bound of the distance from the limit lowered", [&](Tampered& x) { return move_limit(x.certificate); }},
        {"a bit of a weight flipped", [&](Tampered& x) { return flip_bit(x.model, x.certificate); }},
        {"a sentence changed", [&](Tampered& x) { return change_sentence(x.certificate); }},
    };
    const auto& [what, change] = changes[pick(changes.size())];
    t.what = what;
    if (!change(t) || (t.certificate == example_.certificate && t.model.sha256 == example_.model.sha256)) return std::nullopt;
    return t;
  }

 private:
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(random_.below(count)); }
  // A claim with this property, of all those that have it.
  Json* any_claim(Json& c, const std::function<bool(const Json&)>& has) {
    std::vector<Json*> found;
    for (Json& claim : c["claims"])
      if (has(claim)) found.push_back(&claim);
    return found.empty() ? nullptr : found[pick(found.size())];
  }
  static bool is(const Json& claim, const std::string& fact) { return fact_of(claim["id"].get<std::string>()) == fact; }
  // A forger lets the sentence follow, one time in two.
  void follow(Json& claim) {
    if (pick(2) == 0) return;
    const std::string fact = *fact_of(claim["id"].get<std::string>());
    const ClaimNumbers numbers = claim["numbers"].get<ClaimNumbers>();
    claim["id"] = claim_id(fact, numbers), claim["statement"] = claim_statement(fact, numbers);
  }

  bool move_end(Json& c) {
    Json& entry = c["distances"][pick(c["distances"].size())]["l1"];
    const Dyadic low = *parse_exact(entry[0]), high = *parse_exact(entry[1]);
    if (!low.is_finite() || !high.is_finite() || low == high) return false;
    Dyadic moved(mpfr_get_prec(low.get()) + mpfr_get_prec(high.get()) + 64);
    mpfr_sub(moved.get(), high.get(), low.get(), MPFR_RNDU);
    const std::size_t end = pick(2);
    if (end == 0) mpfr_add(moved.get(), moved.get(), high.get(), MPFR_RNDU);
    else mpfr_sub(moved.get(), low.get(), moved.get(), MPFR_RNDD);
    entry[end] = moved.hex();
    return true;
  }
  static bool disjoint(const Json& a, const Json& b) { return *parse_exact(a[1]) < *parse_exact(b[0]) || *parse_exact(b[1]) < *parse_exact(a[0]); }
  bool exchange(Json& distances) {
    Json &a = distances[pick(distances.size())]["l1"], &b = distances[pick(distances.size())]["l1"];
    if (!disjoint(a, b)) return false;  // under windows all late distances are 0
    std::swap(a, b);
    return true;
  }
  bool move_verdict(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) { return is(one, "verdicts") && one["numbers"]["verdicts"].get<std::string>().find(' ') != std::string::npos; });
    if (!claim) return false;
    // "D3 C9" becomes "D4 C8" or "D2 C10": a verdict that is proved to be another.
    std::vector<std::pair<char, std::int64_t>> runs;
    std::string text = (*claim)["numbers"]["verdicts"];
    for (std::size_t at = 0; at < text.size(); at = text.find(' ', at) == std::string::npos ? text.size() : text.find(' ', at) + 1) runs.push_back({text[at], std::stoll(text.substr(at + 1))});
    const std::size_t i = pick(runs.size() - 1);
    if (runs[i].first == 'U' || runs[i + 1].first == 'U') return false;
    const std::int64_t by = pick(2) == 0 ? 1 : -1;
    runs[i].second += by, runs[i + 1].second -= by;
    text.clear();
    for (const auto& [letter, count] : runs)
      if (count > 0) text += (text.empty() ? "" : " ") + std::string(1, letter) + std::to_string(count);
    (*claim)["numbers"]["verdicts"] = text;
    follow(*claim);
    return true;
  }
  bool lower_from(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) {
      const bool sharp = is(one, "collapse") || (is(one, "engine") && one["numbers"]["status"] == "exact");
      return (sharp && one["numbers"]["from"] != "1") || (is(one, "inevitable") && one["numbers"].contains("distinct at") && one["numbers"].contains("from"));
    });
    if (!claim) return false;
    Json& numbers = (*claim)["numbers"];
    // The upper end of a bracket may be lowered and still be true, down to the pair that is distinct.
    const bool bracket = numbers.contains("status") && numbers["status"] == "bracket";
    const std::int64_t from = bracket ? std::stoll(numbers["distinct at"].get<std::string>()) + 1 : std::stoll(numbers["from"].get<std::string>());
    numbers["from"] = std::to_string(from - 1 - static_cast<std::int64_t>(pick(static_cast<std::size_t>(from - 1))));
    follow(*claim);
    return true;
  }
  bool move_distinct(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) { return is(one, "inevitable") && one["numbers"].contains("distinct at") && one["numbers"].contains("from"); });
    if (!claim) return false;
    const Length from = *parse_length((*claim)["numbers"]["from"].get<std::string>()) + pick(1000);
    (*claim)["numbers"]["distinct at"] = from.str();
    follow(*claim);
    return true;
  }
  bool change_eps(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) { return one["numbers"].contains("eps"); });
    if (!claim) return false;
    (*claim)["numbers"]["eps"] = Dyadic::power_of_two(-static_cast<long>(pick(60)) - 20).hex();
    follow(*claim);
    return true;
  }
  bool change_format(Json& c) {
    for (auto& [name, format] : c["formats"].items()) {
      const char* const keys[] = {"precision", "emin", "emax"};
      Json& number = format[keys[pick(3)]];
      number = number.get<std::int64_t>() + (pick(2) == 0 ? 1 : -1);
      return true;
    }
    return false;
  }
  bool change_token(Json& c) {
    Json& token = c["next_tokens"][pick(c["next_tokens"].size())];
    if (token.is_null()) return false;
    token = (token.get<std::int64_t>() + 1 + static_cast<std::int64_t>(pick(4))) % 6;
    return true;
  }
  bool change_sequence(Json& c) {
    Json& list = c["family"][pick(2) == 0 ? "prefix" : "unit"];
    list[0] = (list[0].get<std::int64_t>() + 1 + static_cast<std::int64_t>(pick(4))) % 6;
    return c["family"]["prefix"] != c["family"]["unit"];  // else every sequence is one token, again and again: its claims may hold
  }
  bool widen_claim(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) { return one["numbers"].contains("to"); });
    (*claim)["numbers"]["to"] = std::to_string(c["to"].get<std::int64_t>() + 1 + static_cast<std::int64_t>(pick(1000)));
    follow(*claim);
    return true;
  }
  // One more length, with the entries of the one before: its distance is another.
  bool widen_all(Json& c) {
    const std::int64_t to = c["to"].get<std::int64_t>() + 1;
    Json last = c["distances"].back();
    if (!disjoint(last["l1"], c["distances"][c["distances"].size() - 2]["l1"])) return false;  // distances no longer change: it may be true
    last["n"] = to;
    c["distances"].push_back(std::move(last));
    c["next_tokens"].push_back(c["next_tokens"].back());
    c["to"] = to;
    for (Json& claim : c["claims"]) {
      Json& numbers = claim["numbers"];
      if (numbers.contains("to")) numbers["to"] = std::to_string(to);
      if (is(claim, "limit")) numbers["n"] = std::to_string(to);
      if (numbers.contains("verdicts")) numbers["verdicts"] = numbers["verdicts"].get<std::string>() + " C1";
      const std::string fact = *fact_of(claim["id"].get<std::string>());
      claim["statement"] = claim_statement(fact, numbers.get<ClaimNumbers>());
    }
    return true;
  }
  bool widen_scope(Json& c) {
    Json* claim = any_claim(c, [](const Json& one) { return one["scope"] == "horizon"; });
    (*claim)["scope"] = "all";
    return true;
  }
  bool move_limit(Json& c) {
    if (example_.name == "window") return false;  // there the distance is 0, below any bound
    Json* claim = any_claim(c, [](const Json& one) { return is(one, "limit") || is(one, "limit.tail"); });
    if (!claim) return false;
    Json& number = (*claim)["numbers"]["upper"];
    Dyadic value = *parse_exact(number);
    if (!value.is_finite() || mpfr_sgn(value.get()) <= 0) return false;
    mpfr_mul_2si(value.get(), value.get(), -200, MPFR_RNDN);
    number = value.hex();
    follow(*claim);
    return true;
  }
  // Of a matrix that every token meets; half the time the certificate gives the changed model's name, as a forger would.
  bool flip_bit(Model& model, Json& c) {
    Layer& layer = model.layers[pick(model.layers.size())];
    Linear* const maps[] = {&layer.value, &layer.output, &*layer.up, &*layer.down};
    Linear& map = *maps[pick(4)];
    std::vector<double> values = read_all(*map.weight);
    double& value = values[pick(values.size())];
    if (value == 0) return false;
    // An entry is m 2^-k with |m| below 128: a bit of m.
    int exponent = 0;
    std::frexp(value, &exponent);
    value += std::ldexp(1.0, exponent - 1 - static_cast<int>(pick(24)));
    map.weight = std::make_shared<DenseTensor>(map.weight->rows(), map.weight->columns(), std::move(values));
    model.sha256[0] = model.sha256[0] == '0' ? '1' : '0';
    if (pick(2) == 0) c["model"]["sha256"] = model.sha256;
    return true;
  }
  bool change_sentence(Json& c) {
    Json& claim = c["claims"][pick(c["claims"].size())];
    std::string text = claim["statement"];
    std::vector<std::size_t> digits;
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] >= '0' && text[i] <= '9') digits.push_back(i);
    if (digits.empty()) return false;
    char& digit = text[digits[pick(digits.size())]];
    digit = static_cast<char>('0' + (digit - '0' + 1 + static_cast<int>(pick(9))) % 10);
    claim["statement"] = text;
    return true;
  }

  const Example& example_;
  SplitMix64 random_;
};

// What the program does: reads, compares the model's digest, checks. True where it would say that all is verified.
inline bool passes(const Tamperer::Tampered& t) {
  try {
    const Certificate c = certificate_from(t.certificate, "tampered", true);
    if (c.model.sha256 != t.model.sha256) return false;
    const std::vector<check::Finding> found = findings(t.model, c);
    return !found.empty() && count(found, check::Status::verified) == found.size();
  } catch (const InputError&) {
    return false;
  }
}

// `tries` changes of every kind, in turn over the examples; those that passed, by name, and how many there were of each kind.
struct Attack {
  std::vector<std::string> passed;
  std::map<std::string, std::size_t> tried;
  std::size_t total = 0;
};
inline Attack attack(const std::vector<Example>& examples, std::size_t tries, std::uint64_t seed) {
  Attack result;
  std::vector<Tamperer> hands;
  for (std::size_t i = 0; i < examples.size(); ++i) hands.emplace_back(examples[i], seed + i);
  for (std::size_t turn = 0; result.total < tries && turn < 20 * tries; ++turn) {
    const std::size_t which = turn % examples.size();
    const auto tampered = hands[which].draw();
    if (!tampered) continue;
    ++result.total, ++result.tried[tampered->what];
    if (passes(*tampered)) result.passed.push_back(examples[which].name + ": " + tampered->what);
  }
  return result;
}

}  // namespace snellen::testing
