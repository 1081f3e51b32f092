#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <span>

#include "lib/error.hpp"
#include "lib/files/json.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/sha256.hpp"
#include "proofs/certificate/certificate.hpp"
#include "proofs/certificate/numbers.hpp"

namespace snellen {
namespace {

using Json = nlohmann::json;

// Far more than any certificate has; bounds what a hostile one can ask for.
constexpr std::int64_t most_lengths = 1'000'000;
constexpr std::int64_t most_bits = 1'000'000;
constexpr std::size_t longest_number = 100'000;  // characters

std::string shown(const Json& value) { return printable(value.dump(-1, ' ', true, Json::error_handler_t::replace)); }

// An object of which every key must be asked for.
class Fields {
 public:
  Fields(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json.is_object()) throw InputError(place_, "found " + shown(json) + ", expected an object");
  }
  ~Fields() = default;
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  bool has(const char* key) const { return json_.contains(key); }
  const Json& at(const char* key) {
    taken_.insert(key);
    const auto found = json_.find(key);
    if (found == json_.end()) throw InputError(place_ + key, "missing");
    return *found;
  }
  [[noreturn]] void refuse(const char* key, const std::string& expected) const { throw InputError(place_ + key, "found " + shown(json_.at(key)) + ", expected " + expected); }
  std::string text(const char* key) {
    if (!at(key).is_string()) refuse(key, "a text");
    return json_.at(key).get<std::string>();
  }
  std::string one_of(const char* key, std::initializer_list<const char*> values) {
    const std::string value = text(key);
    std::string names;
    for (const char* one : values) {
      if (value == one) return value;
      names += (names.empty() ? "" : ", ") + std::string(one);
    }
    refuse(key, "one of " + names);
  }
  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) { return integer_of(at(key), key, least, most); }
  bool boolean(const char* key) {
    if (!at(key).is_boolean()) refuse(key, "true or false");
    return json_.at(key).get<bool>();
  }
  const Json& array(const char* key, std::size_t most) {
    if (!at(key).is_array() || json_.at(key).size() > most) refuse_size(key, most);
    return json_.at(key);
  }
  std::vector<std::string> texts(const char* key, std::size_t most) {
    std::vector<std::string> result;
    for (const Json& one : array(key, most)) {
      if (!one.is_string()) refuse(key, "texts");
      result.push_back(one.get<std::string>());
    }
    return result;
  }
  std::vector<std::int64_t> tokens(const char* key) {
    std::vector<std::int64_t> result;
    for (const Json& one : array(key, static_cast<std::size_t>(most_lengths))) result.push_back(integer_of(one, key, 0, std::numeric_limits<std::int32_t>::max()));
    return result;
  }
  std::int64_t integer_of(const Json& value, const char* key, std::int64_t least, std::int64_t most) const {
    const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::max<std::int64_t>(most, 0)) : value.is_number_integer();
    if (fits) {
      const auto number = value.get<std::int64_t>();
      if (number >= least && number <= most) return number;
    }
    throw InputError(place_ + key, fmt::format("found {}, expected an integer from {} to {}", shown(value), least, most));
  }
  std::string place(const std::string& key) const { return place_ + key; }
  void nothing_else() const {
    for (const auto& [key, value] : json_.items())
      if (!taken_.contains(key)) throw InputError(place_ + printable(key), "is not known");
  }

 private:
  [[noreturn]] void refuse_size(const char* key, std::size_t most) const {
    throw InputError(place_ + key, fmt::format("found {}, expected a list of at most {}", json_.at(key).is_array() ? "a longer list" : shown(json_.at(key)), most));
  }
  const Json& json_;
  std::string place_;
  std::set<std::string, std::less<>> taken_;
};

CertificateModel read_model(const Json& json, const std::string& place) {
  Fields f(json, place);
  CertificateModel m{f.text("source"), f.text("architecture"), f.text("sha256"), f.integer("layers", 0, most_lengths), f.integer("width", 0, 1 << 30)};
  f.nothing_else();
  return m;
}

CertificateSequences read_sequences(const Json& json, const std::string& place) {
  Fields f(json, place);
  CertificateSequences s;
  s.prefix = f.tokens("prefix");
  if (f.has("sampled")) s.sampled = f.tokens("sampled");
  else s.unit = f.tokens("unit");
  if (s.unit.empty() && s.sampled.empty()) f.refuse(f.has("sampled") ? "sampled" : "unit", "at least one token");
  s.suffix = f.tokens("suffix");
  if (!f.at("delimiter").is_null()) {
    Fields d(f.at("delimiter"), f.place("delimiter."));
    s.every = d.integer("every", 1, most_lengths);
    s.delimiter = d.tokens("tokens");
    if (s.delimiter.empty()) d.refuse("tokens", "at least one token");
    d.nothing_else();
  }
  s.repeat_last = f.one_of("pair", {"next", "repeat-last"}) == "repeat-last";
  f.nothing_else();
  return s;
}

CertificateFormat read_format(const std::string& name, const Json& json, const std::string& place) {
  Fields f(json, place);
  constexpr std::int64_t most_exponent = std::int64_t{1} << 28;
  CertificateFormat format{name, f.integer("precision", 2, most_bits), f.integer("emin", -most_exponent, most_exponent), 0, f.one_of("overflow", {"infinity", "saturate", "nan"}),
                           f.boolean("top_code_is_nan")};
  format.emax = f.integer("emax", format.emin, most_exponent);
  f.nothing_else();
  const auto meant = known_format(name);
  const bool user = name == fmt::format("p{}:{}:{}", format.precision, format.emin, format.emax) && format.overflow == "infinity" && !format.top_code_is_nan;
  const bool same = meant && meant->precision == format.precision && meant->emin == format.emin && meant->emax == format.emax && meant->overflow == format.overflow &&
                    meant->top_code_is_nan == format.top_code_is_nan;
  if (!same && !user) throw InputError(place + "precision", "found a format of another shape than " + in_quotes(name) + " has");
  return format;
}

ListedDistances read_distances(const Json& json, const std::string& place, const std::vector<std::string>& norms) {
  Fields f(json, place);
  ListedDistances listed{f.integer("n", 0, most_lengths), {}};
  for (const std::string& norm : norms) {
    const std::vector<std::string> ends = f.texts(norm.c_str(), 2);
    if (ends.size() != 2 || ends[0].size() > longest_number || ends[1].size() > longest_number) f.refuse(norm.c_str(), "a lower and an upper end");
    listed.by_norm.push_back({ends[0], ends[1]});
  }
  f.nothing_else();
  return listed;
}

bool is_one_of(const std::string& value, std::initializer_list<std::string_view> list) { return std::find(list.begin(), list.end(), value) != list.end(); }

// What the statements are about: the criterion with what it needs and nothing else, lengths among those evaluated.
void check_numbers(const CertificateClaim& claim, const std::string& fact, const Certificate& c, const std::string& place) {
  const auto& numbers = claim.numbers;
  const auto refuse = [&](const std::string& name, const std::string& expected) {
    throw InputError(place + "numbers." + name, (numbers.contains(name) ? "found " + in_quotes(numbers.at(name)) : std::string("missing")) + ", expected " + expected);
  };
  const auto text = [&](const std::string& name) { return numbers.contains(name) ? numbers.at(name) : std::string(); };
  const auto only = [&](const char* name, bool wanted) {
    if (numbers.contains(name) != wanted) refuse(name, wanted ? "a value" : "none");
  };
  const auto exact = [&](const char* name) {
    auto value = parse_exact(text(name));
    if (!value) refuse(name, "a hex float");
    return *std::move(value);
  };
  for (const char* name : {"from", "to", "n", "distinct at", "distinct at or after", "overflow from", "tail from"})
    if (numbers.contains(name) && !parse_length(numbers.at(name))) refuse(name, "a length");
  const auto is = [&](const char* name, std::int64_t value) {
    if (text(name) != std::to_string(value)) refuse(name, std::to_string(value));
  };
  const auto within = [&](const char* name) {
    if (const auto n = parse_length(text(name)); !n || *n < c.from || *n > c.to) refuse(name, fmt::format("a length from {} to {}", c.from, c.to));
  };
  const bool about_rows = is_one_of(fact, {"verdicts", "collapse", "distinct", "inevitable", "engine"});
  if (about_rows) {
    if (!is_one_of(text("criterion"), {"bitwise", "tolerance", "argmax"})) refuse("criterion", "bitwise, tolerance or argmax");
    const bool tolerance = text("criterion") == "tolerance";
    only("norm", tolerance), only("eps", tolerance);
    if (!tolerance) only("format", text("criterion") == "bitwise");
    if (tolerance) {
      const Dyadic eps = exact("eps");
      if (!eps.is_finite() || mpfr_sgn(eps.get()) <= 0) refuse("eps", "a positive number");
      for (const CertificateFormat& format : c.formats)
        if (format.name == text("format") && !(eps == Dyadic::power_of_two(static_cast<long>(1 - format.precision)))) refuse("eps", "2^(1 - precision) of the format");
    }
  }
  if (is_one_of(fact, {"distances", "limit", "limit.tail"})) only("norm", true);
  if (is_one_of(fact, {"distances", "verdicts", "tokens"})) is("from", c.from), is("to", c.to);
  if (fact == "collapse") within("from"), is("to", c.to);
  if (fact == "distinct") within("n");
  if (fact == "limit") is("n", c.to), exact("lower"), exact("upper");
  if (fact == "limit.tail") exact("upper");
  if (is_one_of(fact, {"inevitable", "engine"}) && !is_one_of(text("status"), {"exact", "bracket", "never", "unknown"})) refuse("status", "exact, bracket, never or unknown");
  if ((fact == "distances" && c.distances.empty()) || (fact == "tokens" && c.next_tokens.empty())) throw InputError(place + "id", "speaks of a list that is empty");

  const std::string by_criterion(theorem_of_criterion(text("criterion")));
  const bool fits = fact == "inevitable" ? is_one_of(claim.theorem, {"inevitable_by_eras", "window_kinds", "inevitable_by_kinds", "inevitable_by_majorant", "inevitable_by_steps",
                                                                     "inevitable_by_phases", "inevitable_by_rotation", "inevitable_by_harmonics", by_criterion})
                    : fact == "limit.tail" ? is_one_of(claim.theorem, {"convex_hull", "window_kinds", "periodic_hull", "inevitable_by_majorant"})
                    : fact == "engine"     ? claim.theorem == "fixed_point_forever"
                    : fact == "tokens"     ? claim.theorem == "argmax_margin"
                    : about_rows           ? claim.theorem == by_criterion
                                           : claim.theorem == "distance_enclosed";
  if (!fits) throw InputError(place + "theorem", "found " + in_quotes(claim.theorem) + ", which does not prove such a claim");
}

void check_claim(const CertificateClaim& claim, const Certificate& c, const std::string& place) {
  const auto fact = fact_of(claim.id);
  if (!fact) throw InputError(place + "id", "found " + in_quotes(claim.id) + ", expected the id of a claim");
  const auto given = [&](const char* name) { return claim.numbers.contains(name); };
  const auto number = [&](const char* name) { return claim.numbers.at(name); };
  if (given("norm") && std::find(c.norms.begin(), c.norms.end(), number("norm")) == c.norms.end())
    throw InputError(place + "numbers.norm", "found " + in_quotes(number("norm")) + ", expected one of the certificate's norms");
  const auto format = given("format") ? std::find_if(c.formats.begin(), c.formats.end(), [&](const CertificateFormat& f) { return f.name == number("format"); }) : c.formats.end();
  if (given("format") && format == c.formats.end())
    throw InputError(place + "numbers.format", "found " + in_quotes(number("format")) + ", expected one of the certificate's formats");
  std::string id, statement;
  try {
    id = claim_id(*fact, claim.numbers), statement = claim_statement(*fact, claim.numbers);
  } catch (const std::out_of_range&) {
    throw InputError(place + "numbers", "do not say all that the claim " + in_quotes(claim.id) + " says");
  }
  if (claim.id != id) throw InputError(place + "id", "found " + in_quotes(claim.id) + ", expected " + in_quotes(id) + ", as the numbers say");
  if (claim.statement != statement)
    throw InputError(place + "statement", "says something else than the numbers, which say: " + printable(statement));
  if (claim.scope != claim_scope(*fact)) throw InputError(place + "scope", "found " + in_quotes(claim.scope) + ", expected " + std::string(claim_scope(*fact)));
  check_numbers(claim, *fact, c, place);
}

CertificateClaim read_claim(const Json& json, const std::string& place) {
  Fields f(json, place);
  CertificateClaim claim{f.text("id"), f.text("statement"), f.text("theorem"), f.one_of("scope", {"all", "horizon"}), {}, {}};
  const Json& numbers = f.at("numbers");
  if (!numbers.is_object() || numbers.size() > 64) f.refuse("numbers", "an object of at most 64 texts");
  for (const auto& [name, value] : numbers.items()) {
    if (!value.is_string() || value.get_ref<const std::string&>().size() > longest_number) throw InputError(place + "numbers." + printable(name), "expected a text");
    claim.numbers[name] = value.get<std::string>();
  }
  if (f.has("hypotheses")) claim.hypotheses = f.texts("hypotheses", 64);
  f.nothing_else();
  return claim;
}

}  // namespace

// What a name means. A format of another shape under a known name would make every claim about it say something else.
std::optional<CertificateFormat> known_format(const std::string& name) {
  static const std::array<CertificateFormat, 9> known{{{"e5m2", 3, -14, 15, "infinity", false},
                                                       {"e4m3", 4, -6, 8, "nan", true},
                                                       {"e5m2-saturating", 3, -14, 15, "saturate", false},
                                                       {"e4m3-saturating", 4, -6, 8, "saturate", true},
                                                       {"fp16", 11, -14, 15, "infinity", false},
                                                       {"bf16", 8, -126, 127, "infinity", false},
                                                       {"tf32", 11, -126, 127, "infinity", false},
                                                       {"fp32", 24, -126, 127, "infinity", false},
                                                       {"fp64", 53, -1022, 1023, "infinity", false}}};
  for (const CertificateFormat& format : known)
    if (format.name == name) return format;
  return std::nullopt;
}

Certificate certificate_from(const Json& json, const std::string& file, bool ignore_digest) {
  const std::string place = file + ": ";
  Fields f(json, place);
  Certificate c;
  if (const std::string schema = f.text("schema"); schema != certificate_schema)
    f.refuse("schema", std::string(certificate_schema) + ", the only version that this program understands");
  const std::string text = canonical_text(json);
  if (f.text("digest") != sha256(std::as_bytes(std::span(text))) && !ignore_digest)
    throw InputError(place + "digest", "does not fit the content: the file was changed after it was written");
  c.title = f.text("title"), c.case_name = f.text("case"), c.producer = f.text("producer");
  c.model = read_model(f.at("model"), place + "model.");
  if (!f.at("family").is_null()) c.sequences = read_sequences(f.at("family"), place + "family.");
  c.at = c.sequences ? f.one_of("at", {"final", "hidden"}) : f.one_of("at", {"softmax"});
  c.from = f.integer("from", 0, most_lengths), c.to = f.integer("to", c.from, most_lengths);
  c.precision_bits = f.integer("precision_bits", 2, most_bits);
  c.norms = f.texts("norms", 3);
  for (std::size_t i = 0; i < c.norms.size(); ++i) {
    const std::string& norm = c.norms[i];
    if ((norm != "l1" && norm != "l2" && norm != "linf") || std::count(c.norms.begin(), c.norms.end(), norm) > 1) f.refuse("norms", "l1, l2 and linf, each at most once");
  }
  const Json& formats = f.at("formats");
  if (!formats.is_object() || formats.size() > 1000) f.refuse("formats", "an object of at most 1000 formats");
  for (const auto& [name, value] : formats.items()) c.formats.push_back(read_format(name, value, place + "formats." + printable(name) + "."));
  c.assumptions = f.texts("assumptions", 1000);
  const auto lengths = static_cast<std::size_t>(c.to - c.from + 1);
  const auto one_for_each = [&](const char* key) -> const Json& {
    const Json& list = f.array(key, lengths);
    if (!list.empty() && list.size() != lengths) throw InputError(place + key, fmt::format("found {} entries, expected one for each n from {} to {}", list.size(), c.from, c.to));
    return list;
  };
  for (const Json& entry : one_for_each("distances")) {
    const std::size_t i = c.distances.size();
    c.distances.push_back(read_distances(entry, fmt::format("{}distances[{}].", place, i), c.norms));
    if (c.distances.back().n != c.from + static_cast<std::int64_t>(i))
      throw InputError(fmt::format("{}distances[{}].n", place, i), fmt::format("found {}, expected {}", c.distances.back().n, c.from + static_cast<std::int64_t>(i)));
  }
  for (const Json& entry : one_for_each("next_tokens"))
    c.next_tokens.push_back(entry.is_null() ? std::nullopt : std::optional(f.integer_of(entry, "next_tokens", 0, std::numeric_limits<std::int32_t>::max())));
  for (const Json& claim : f.array("claims", 100'000)) {
    const std::string at = fmt::format("{}claims[{}].", place, c.claims.size());
    c.claims.push_back(read_claim(claim, at));
    check_claim(c.claims.back(), c, at);
  }
  f.nothing_else();
  return c;
}

Certificate read_certificate(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  return certificate_from(parse_json(MappedFile::open(file)->text(), name), name);
}

}  // namespace snellen
