#include "reports/sweep_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "lib/error.hpp"
#include "reports/csv_report.hpp"

namespace snellen {
namespace {

using Json = nlohmann::json;

std::string text_or_empty(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

std::optional<std::int64_t> integer(const Json& value) { return value.is_number_integer() ? std::optional(value.get<std::int64_t>()) : std::nullopt; }

void require(bool holds, const std::string& key, const std::string& expected) {
  if (!holds) throw InputError(key, "found something else, expected " + expected);
}

// What is not an integer, or is beyond 64 bits, has none.
std::int64_t count_of(const Json& json, const char* key) {
  const auto value = integer(json.at(key));
  require(value.has_value(), key, "an integer");
  return *value;
}

// A decimal as reports have it, "inf" and "nan" among them.
std::string number_of(const Json& json, const char* key) {
  const auto text = json.at(key).get<std::string>();
  double value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(end == text.data() + text.size() && error != std::errc::invalid_argument, key, "a number");
  return text;
}

// A length of any size that a proof writes down: none has 2^22 bits.
std::string length_of(const Json& json, const char* key) {
  constexpr std::size_t most_digits = 1'300'000;
  const auto text = json.at(key).get<std::string>();
  require(!text.empty() && text.size() <= most_digits && text.find_first_not_of("0123456789") == std::string::npos, key, "a whole number");
  return text;
}

// D(n) of a report whose sweep keeps them: under every metric a lower and an upper end, as results.h5 has them.
void require_distances(const Json& report) {
  const Json &pairs = report.at("distances"), &metrics = report.at("metrics");
  require(pairs.is_array(), "distances", "a list");
  require(metrics.is_array() && metrics.size() <= 3, "metrics", "a list of l1, l2, linf");
  for (const Json& pair : pairs) {
    count_of(pair, "n");
    for (const Json& metric : metrics)
      for (const char* end : {"lower", "upper"}) number_of(pair.at(metric.get<std::string>()), end);
  }
}

SweepRow row_of(const Json& json) {
  SweepRow row;
  row.format = text_or_empty(json.at("format")), row.criterion = text_or_empty(json.at("criterion"));
  row.norm = text_or_empty(json.at("norm"));
  if (!json.at("eps").is_null()) row.eps = number_of(json, "eps");
  row.first = integer(json.at("first")), row.last_distinct = integer(json.at("last_distinct")), row.collapsed_from = integer(json.at("collapsed_from"));
  row.undecided = count_of(json, "undecided"), row.overflow = count_of(json, "overflow");
  const Json& known = json.at("inevitable_from");
  row.lower = length_of(known, "lower");
  if (!known.at("upper").is_null()) row.upper = length_of(known, "upper");
  row.scope = text_or_empty(known.at("scope")), row.status = text_or_empty(known.at("status"));
  if (json.at("proof").is_object() && !json.at("proof").at("overflow_from").is_null()) row.overflow_from = length_of(json.at("proof"), "overflow_from");
  for (const auto& [profile, seen] : json.at("observed").items())
    row.observed[profile] = {integer(seen.at("first_collapse")), integer(seen.at("last_distinct")), integer(seen.at("collapsed_from"))};
  return row;
}

std::string number(const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : ""; }

}  // namespace

bool SweepAxisSummary::numeric() const {
  return std::all_of(numbers.begin(), numbers.end(), [](const auto& value) { return value && *value > 0; });
}

SweepResults sweep_results(const Json& manifest) {
  SweepResults results;
  results.title = manifest.at("title").get<std::string>(), results.name = manifest.at("name").get<std::string>();
  results.sha256 = manifest.at("sha256").get<std::string>();
  const Json& layout = manifest.at("layout");
  results.x = layout.at("x").get<std::string>(), results.y = layout.at("y").get<std::string>();
  results.criterion = layout.at("criterion").get<std::string>(), results.norm = layout.at("norm").get<std::string>();
  for (const Json& json : manifest.at("axes")) {
    SweepAxisSummary axis{json.at("label").get<std::string>(), json.at("names").get<std::vector<std::string>>(), {}, json.at("seeds").get<bool>()};
    for (const Json& value : json.at("numbers")) axis.numbers.push_back(value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
    results.axes.push_back(std::move(axis));
  }
  results.expected = manifest.at("points").size();
  return results;
}

void add_point(SweepResults& results, const std::string& name, const std::vector<std::size_t>& at, const std::string& body) {
  SweepPointResult point{name, at, "", nullptr, {}, body};
  Json json = Json::parse(body);
  if (json.at("status") == "failed") {
    point.error = json.at("error").get<std::string>();
  } else {
    point.report = std::move(json.at("report"));
    count_of(point.report, "precision_bits");
    require(point.report.at("model").at("sha256").is_string(), "model.sha256", "a text");
    if (point.report.contains("distances")) require_distances(point.report);
    for (const Json& row : point.report.at("collapse")) point.rows.push_back(row_of(row));
  }
  results.points.push_back(std::move(point));
}

std::vector<std::string> profiles_of(const SweepResults& results) {
  std::set<std::string> profiles;
  for (const SweepPointResult& point : results.points)
    for (const SweepRow& row : point.rows)
      for (const auto& [profile, seen] : row.observed) profiles.insert(profile);
  return {profiles.begin(), profiles.end()};
}

std::string sweep_csv(const SweepResults& results) {
  const std::vector<std::string> profiles = profiles_of(results);
  std::string text = "point";
  for (const SweepAxisSummary& axis : results.axes) text += ",", text += csv_field(axis.label);
  text += ",status,precision_bits,model_sha256,format,criterion,norm,eps,first,last_distinct,collapsed_from,undecided,overflow,lower,upper,scope,known,overflow_from";
  for (const std::string& profile : profiles)
    for (const char* what : {"first", "last_distinct", "collapsed_from"}) text += "," + csv_field(fmt::format("{}: {}", profile, what));
  text += ",error\n";
  for (const SweepPointResult& point : results.points) {
    std::string head = point.name;
    for (std::size_t a = 0; a < results.axes.size(); ++a) head += ",", head += csv_field(results.axes[a].names[point.at[a]]);
    if (point.failed()) {
      text += head + ",failed,,,,,,,,,,,,,,,," + std::string(3 * profiles.size(), ',') + "," + csv_field(point.error) + "\n";
      continue;
    }
    head += fmt::format(",done,{},{}", point.report.at("precision_bits").get<long>(),
                        csv_field(point.report.at("model").at("sha256").get<std::string>()));
    for (const SweepRow& row : point.rows) {
      text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}", head, csv_field(row.format), csv_field(row.criterion), csv_field(row.norm), row.eps,
                          number(row.first), number(row.last_distinct), number(row.collapsed_from), row.undecided, row.overflow, row.lower, row.upper.value_or(""),
                          csv_field(row.scope), csv_field(row.status),
                          row.overflow_from);
      for (const std::string& profile : profiles) {
        const auto found = row.observed.find(profile);
        const SweepObserved seen = found == row.observed.end() ? SweepObserved() : found->second;
        text += fmt::format(",{},{},{}", number(seen.first_collapse), number(seen.last_distinct), number(seen.collapsed_from));
      }
      text += ",\n";
    }
  }
  return text;
}

}  // namespace snellen
