#include "reports/csv_report.hpp"

#include <map>

#include "reports/numbers.hpp"

namespace snellen {
namespace {

// A run's distances or errors, or the exact model's distances, found by n.
class Series {
 public:
  Series(std::string prefix, const std::vector<PairDistances>& pairs) : prefix_(std::move(prefix)) {
    for (const PairDistances& pair : pairs) at_[pair.n] = &pair;
  }

  void append_names(std::string& line, const std::vector<Metric>& metrics, const std::string& suffix) const {
    for (const Metric metric : metrics)
      for (const char* end : {".lower", ".upper"}) line += ',' + csv_field(prefix_ + std::string(name_of(metric)) + suffix + end);
  }

  void append_values(std::string& line, std::int64_t n, std::size_t metrics) const {
    const auto found = at_.find(n);
    for (std::size_t m = 0; m < metrics; ++m) {
      if (found == at_.end() || m >= found->second->by_metric.size())
        line += ",,";
      else
        line += ',' + lower_text(found->second->by_metric[m].lower) + ',' + upper_text(found->second->by_metric[m].upper);
    }
  }

 private:
  std::string prefix_;
  std::map<std::int64_t, const PairDistances*> at_;
};

}  // namespace

std::string csv_field(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string result = "\"";
  for (const char c : field) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

std::string csv_report(const Certification& c) {
  const Series exact("", c.distances);
  std::vector<Series> runs;  // distances, errors, distances, errors, ...
  std::string text = "n";
  exact.append_names(text, c.metrics, "");
  for (const EngineRun& run : c.runs) {
    runs.emplace_back(run.profile + '.', run.distances).append_names(text, c.metrics, ".distance");
    runs.emplace_back(run.profile + '.', run.errors).append_names(text, c.metrics, ".error");
  }
  text += '\n';
  for (const PairDistances& pair : c.distances) {
    text += std::to_string(pair.n);
    exact.append_values(text, pair.n, c.metrics.size());
    for (const Series& series : runs) series.append_values(text, pair.n, c.metrics.size());
    text += '\n';
  }
  return text;
}

}  // namespace snellen
