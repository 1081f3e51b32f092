#include "reports/sweep_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lib/number/length.hpp"
#include "reports/length_scale.hpp"

namespace snellen {
namespace {

bool answers(const SweepRow& row, const SweepQuestion& question, const std::string& format) {
  return row.criterion == question.criterion && row.norm == question.norm && row.format == format;
}

// "2031", "8.3e11": rounded up, as a length from which on something holds is.
std::string compact(const std::string& digits) {
  if (digits.size() <= 6) return digits;
  int leading = std::stoi(digits.substr(0, 2)) + (digits.find_first_not_of('0', 2) != std::string::npos ? 1 : 0);
  std::size_t exponent = digits.size() - 1;
  if (leading == 100) leading = 10, ++exponent;
  return fmt::format("{}.{}e{}", leading / 10, leading % 10, exponent);
}

SweepCell cell_of_row(const SweepRow& row) {
  SweepCell cell;
  cell.to_horizon = row.scope == "horizon";
  if (!row.overflow_from.empty()) {
    cell.kind = SweepCell::Kind::overflow, cell.text = "overflow";
  } else if (row.status == "never") {
    cell.kind = SweepCell::Kind::never, cell.text = "never";
  } else if (row.upper) {
    cell.kind = SweepCell::Kind::length;
    cell.log10 = cell.least = cell.most = std::max(0.0, log10_of_length(*row.upper));
    cell.text = compact(*row.upper);
  } else {
    const std::string last = Length(Length(row.lower) - 1).str();
    cell.kind = SweepCell::Kind::open, cell.log10 = std::max(0.0, log10_of_length(last)), cell.text = fmt::format(">{}", compact(last));
  }
  return cell;
}

}  // namespace

std::vector<SweepQuestion> questions_of(const SweepResults& results) {
  std::vector<SweepQuestion> all;
  for (const SweepPointResult& point : results.points)
    for (const SweepRow& row : point.rows)
      if (std::none_of(all.begin(), all.end(), [&](const SweepQuestion& q) { return q.criterion == row.criterion && q.norm == row.norm; }))
        all.push_back({row.criterion, row.norm});
  std::vector<SweepQuestion> chosen;
  for (const SweepQuestion& question : all) {
    if (!results.criterion.empty() && question.criterion != results.criterion) continue;
    if (!results.norm.empty() && !question.norm.empty() && question.norm != results.norm) continue;
    const bool second = std::any_of(chosen.begin(), chosen.end(), [&](const SweepQuestion& q) { return q.criterion == question.criterion; });
    if (second || (results.criterion.empty() && question.criterion == "argmax" && all.size() > 1)) continue;
    chosen.push_back(question);
  }
  return chosen;
}

std::vector<std::string> formats_of(const SweepResults& results, const SweepQuestion& question) {
  std::vector<std::string> formats;
  for (const SweepPointResult& point : results.points)
    for (const SweepRow& row : point.rows)
      if (row.criterion == question.criterion && row.norm == question.norm && std::find(formats.begin(), formats.end(), row.format) == formats.end())
        formats.push_back(row.format);
  return formats;
}

SweepView view_of(const SweepResults& results) {
  std::vector<std::size_t> order;  // numbers first, the longest first; seeds are no place
  for (std::size_t a = 0; a < results.axes.size(); ++a)
    if (!results.axes[a].seeds) order.push_back(a);
  if (order.empty()) order.push_back(0);  // nothing but seeds
  const auto asked = [&](std::size_t a, const std::string& label) { return !label.empty() && results.axes[a].label == label; };
  const auto rank = [&](std::size_t a) {
    if (asked(a, results.x)) return 3;
    if (asked(a, results.y)) return 2;
    return results.axes[a].numeric() ? 1 : 0;
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return rank(a) != rank(b) ? rank(a) > rank(b) : results.axes[a].names.size() > results.axes[b].names.size();
  });
  SweepView view;
  view.x = order[0];
  if (order.size() > 1) view.y = order[1];
  for (std::size_t a = 0; a < results.axes.size(); ++a)
    if (a != view.x && a != view.y && !results.axes[a].seeds) view.facets.push_back(a);
  return view;
}

std::vector<Facet> facets_of(const SweepResults& results, const SweepView& view) {
  std::vector<Facet> facets = {{{}, ""}};
  for (const std::size_t a : view.facets) {
    std::vector<Facet> more;
    for (const Facet& facet : facets)
      for (std::size_t v = 0; v < results.axes[a].names.size(); ++v) {
        Facet next = facet;
        next.at.push_back(v);
        next.name += fmt::format("{}{} {}", facet.name.empty() ? "" : ", ", results.axes[a].label, results.axes[a].names[v]);
        more.push_back(std::move(next));
      }
    facets = std::move(more);
  }
  return facets;
}

SweepCell cell_of(const SweepResults& results, const SweepView& view, const SweepQuestion& question, const std::string& format, const Facet& facet, std::size_t x,
                  std::size_t y) {
  std::vector<SweepCell> cells;
  for (const SweepPointResult& point : results.points) {
    if (point.at[view.x] != x || (view.y && point.at[*view.y] != y)) continue;
    bool here = true;
    for (std::size_t f = 0; f < view.facets.size(); ++f) here = here && point.at[view.facets[f]] == facet.at[f];
    if (!here) continue;
    if (point.failed()) {
      SweepCell failed;
      failed.kind = SweepCell::Kind::failed, failed.text = "failed";
      cells.push_back(failed);
    }
    for (const SweepRow& row : point.rows)
      if (answers(row, question, format)) cells.push_back(cell_of_row(row));
  }
  if (cells.empty()) return {};
  const auto order = [](const SweepCell& cell) {
    switch (cell.kind) {
      case SweepCell::Kind::length: return 0;
      case SweepCell::Kind::open: return 1;
      default: return 2;
    }
  };
  std::stable_sort(cells.begin(), cells.end(), [&](const SweepCell& a, const SweepCell& b) { return order(a) != order(b) ? order(a) < order(b) : a.log10 < b.log10; });
  SweepCell median = cells[cells.size() / 2];
  if (median.kind == SweepCell::Kind::length) {
    median.least = cells.front().log10;
    for (const SweepCell& cell : cells)
      if (cell.kind == SweepCell::Kind::length) median.most = cell.log10;
  }
  return median;
}

}  // namespace snellen
