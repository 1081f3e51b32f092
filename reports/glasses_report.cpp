#include "reports/glasses_report.hpp"

#include <fmt/format.h>

#include "bounds/family_text.hpp"
#include "reports/numbers.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

std::string largest_text(const Glasses& row) {
  if (!row.fails_without) return "none needed";
  return row.largest ? std::to_string(*row.largest) : "not even 1";
}

std::string next_larger(const Glasses& row) {
  if (!row.fails_without || row.tried.empty()) return "-";
  return fmt::format("{} fails at n = {}", row.tried.back().every, row.tried.back().fails_at);
}

template <class Number>
Json or_null(const std::optional<Number>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

std::vector<std::vector<std::string>> glasses_table(const GlassesResult& result, const Family& family) {
  std::vector<std::vector<std::string>> lines = {{"format", "kept apart", "without glasses", "largest spacing", "tried in vain, the last"}};
  for (const Glasses& row : result.rows) {
    lines.push_back({row.format ? row.format->name : "exact model", fmt::format("{} > {}", label_of(row.metric), power_text(row.eps)),
                     row.fails_without ? fmt::format("not proved at n = {}", *row.fails_without) : fmt::format("apart to n = {}", family.to), largest_text(row),
                     next_larger(row)});
  }
  return lines;
}

Json glasses_json(const GlassesResult& result, const CertifyRequest& request, const Model& model) {
  Json rows = Json::array();
  for (const Glasses& row : result.rows) {
    Json tried = Json::array();
    for (const TriedSpacing& spacing : row.tried) tried.push_back({{"every", spacing.every}, {"fails_at", spacing.fails_at}});
    rows.push_back({{"format", row.format ? Json(row.format->name) : Json(nullptr)},
                    {"norm", name_of(row.metric)},
                    {"eps", decimal_text(row.eps, MPFR_RNDN)},
                    {"eps_hex", row.eps.hex()},
                    {"needed", row.fails_without.has_value()},
                    {"fails_without", or_null(row.fails_without)},
                    {"largest", or_null(row.largest)},
                    {"tried", std::move(tried)}});
  }
  Family run = request.family;  // without the spacing that the case happens to have
  run.delimiter.reset();
  return {{"schema", "snellen.glasses/1"},
          {"case", request.case_name},
          {"title", request.title},
          {"model", {{"source", model.source}, {"sha256", model.sha256}}},
          {"family", family_text(run)},
          {"delimiter", request.family.delimiter->tokens},
          {"from", request.family.from},
          {"to", request.family.to},
          {"precision_bits", result.precision_bits},
          {"spacings", std::move(rows)}};
}

}  // namespace snellen
