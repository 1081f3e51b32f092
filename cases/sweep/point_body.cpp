#include "cases/sweep/point_body.hpp"

#include <algorithm>

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view failed_marks = "\"status\":\"failed\",\"again\":";

Json head(const Sweep& sweep, const SweepPoint& point) {
  Json coordinates = Json::object();
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    const SweepAxis& axis = sweep.axes[a];
    coordinates[axis.label] = Json::parse(canonical_text(*axis.keys[0].values[point.at[a]]));
  }
  return {{"schema", "snellen.point/1"}, {"point", point.name}, {"status", ""}, {"again", false}, {"coordinates", std::move(coordinates)}};
}

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string done_body(const Sweep& sweep, const SweepPoint& point, Json report) {
  if (!sweep.distances) {
    for (const char* key : {"distances", "next_tokens"}) report.erase(key);
    for (Json& run : report["engine_runs"])
      for (const char* key : {"distances", "errors"}) run.erase(key);
  }
  Json body = head(sweep, point);
  body["status"] = "done";
  body.erase("again");
  body["report"] = std::move(report);
  return text_of(body);
}

std::string failed_body(const Sweep& sweep, const SweepPoint& point, const std::string& error, bool again) {
  Json body = head(sweep, point);
  body["status"] = "failed";
  body["again"] = again;
  body["error"] = error;
  return text_of(body);
}

PointStatus status_of(std::string_view body) {
  const std::size_t at = body.substr(0, 300).find(failed_marks);
  if (at == std::string_view::npos) return PointStatus::done;
  return body.substr(at + failed_marks.size()).starts_with("true") ? PointStatus::failed_again : PointStatus::failed;
}

}  // namespace snellen
