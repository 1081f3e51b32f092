#include "cases/sweep/sweep.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>

#include "cases/case_table.hpp"
#include "lib/error.hpp"
#include "lib/files/load_model.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/sha256.hpp"
#include "lib/version.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

std::string sha256_of(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

// Puts a value at "model.random.layers", making tables on the way.
void set(toml::table& table, const AxisKey& key, const toml::node& value, const std::string& file) {
  toml::table* at = &table;
  std::size_t begin = 0;
  for (std::size_t dot; (dot = key.name.find('.', begin)) != std::string::npos; begin = dot + 1) {
    const std::string part = key.name.substr(begin, dot - begin);
    if (!at->contains(part)) at->insert_or_assign(toml::key(part, key.place), toml::table());
    at = at->get(part)->as_table();
    if (!at)
      throw InputError(fmt::format("{}:{}: axis.key", file, key.place.begin.line),
                       fmt::format("found \"{}\", but {} is no table in the template", printable(key.name), printable(key.name.substr(0, dot))));
  }
  const std::string last = key.name.substr(begin);
  at->erase(last);  // so that the new key is kept, whose line messages name
  value.visit([&](const auto& v) { at->insert_or_assign(toml::key(last, key.place), v); });
}

toml::table resolved(const Sweep& sweep, const std::vector<std::size_t>& at) {
  toml::table table = sweep.pattern;
  for (std::size_t a = 0; a < sweep.axes.size(); ++a)
    for (const AxisKey& key : sweep.axes[a].keys) set(table, key, *key.values[at[a]], sweep.file.string());
  return table;
}

Case read_point(const Sweep& sweep, const std::vector<std::size_t>& at, const std::string& name) { return read_case(resolved(sweep, at), sweep.file, name); }

// Every value of every axis, beside the others' first values and beside their last: a wrong key or value is found before anything is run, while a value that
// goes with some of the others only is left to the points.
void check_values(const Sweep& sweep) {
  std::vector<std::size_t> first(sweep.axes.size(), 0), last;
  for (const SweepAxis& axis : sweep.axes) last.push_back(axis.size() - 1);
  const auto is_good = [&](const std::vector<std::size_t>& at) {
    try {
      read_point(sweep, at, sweep.name);
      return true;
    } catch (const MissingModel&) {
      throw;
    } catch (const InputError&) {
      return false;
    }
  };
  for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
    for (std::size_t v = 0; v < sweep.axes[a].size(); ++v) {
      std::vector<std::size_t> low = first, high = last;
      low[a] = high[a] = v;
      if (!is_good(low) && !is_good(high)) read_point(sweep, low, sweep.name);  // throws
    }
  }
}

// How many points the axes make. Before anything is done with each value: a line of a file can name a million of them.
std::size_t count_points(const Sweep& sweep) {
  std::size_t count = 1;
  for (const SweepAxis& axis : sweep.axes) {
    if (axis.size() > max_sweep_points / count)
      throw InputError(sweep.file.string() + ": axis", fmt::format("found more than {} points, expected fewer", max_sweep_points));
    count *= axis.size();
  }
  return count;
}

void make_points(Sweep& sweep, std::size_t count) {
  std::map<std::string, std::string> model_hashes;  // by path
  std::set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    SweepPoint point{std::vector<std::size_t>(sweep.axes.size()), ""};
    std::size_t rest = i;
    for (std::size_t a = sweep.axes.size(); a-- > 0; rest /= sweep.axes[a].size()) point.at[a] = rest % sweep.axes[a].size();
    const toml::table table = resolved(sweep, point.at);
    std::string hash;
    if (const auto path = table["model"]["path"].value<std::string>()) {
      auto known = model_hashes.find(*path);
      if (known == model_hashes.end()) {
        Case c;
        c.file = sweep.file;
        c.model = fs::path(*path);
        known = model_hashes.emplace(*path, load_model(find_model(c)).sha256).first;
      }
      hash = known->second;
    }
    point.name = point_name(table, hash);
    if (!names.insert(point.name).second)
      throw InputError(sweep.file.string() + ": axis", "found two points that are the same (" + printable(sweep.describe(point)) + "), expected each once");
    sweep.points.push_back(std::move(point));
  }
}

// What identifies a sweep: the points in their order, and what the axes are called.
std::string hash_of(const Sweep& sweep) {
  std::string text = sweep.distances ? "snellen.sweep/1\ndistances\n" : "snellen.sweep/1\n";
  for (const SweepAxis& axis : sweep.axes) {
    text += axis.label + ":";
    for (const std::string& name : axis.names) text += " " + name;
    text += "\n";
  }
  for (const SweepPoint& point : sweep.points) text += point.name + "\n";
  return sha256_of(text);
}

SweepLayout read_layout(const Sweep& sweep, const TomlSection& whole) {
  SweepLayout layout;
  const auto section = whole.section("report", {"x", "y", "criterion", "norm"});
  if (!section) return layout;
  for (const auto& [key, value] : {std::pair<std::string_view, std::string*>{"x", &layout.x}, {"y", &layout.y}}) {
    const auto label = section->string(key);
    if (!label) continue;
    std::vector<std::string> labels;
    for (const SweepAxis& axis : sweep.axes) labels.push_back(axis.label);
    const auto found = std::find(labels.begin(), labels.end(), *label);
    if (found == labels.end()) section->refuse(key, fmt::format("the label of an axis: {}", fmt::join(labels, ", ")));
    const SweepAxis& axis = sweep.axes[static_cast<std::size_t>(found - labels.begin())];
    if (!std::all_of(axis.numbers.begin(), axis.numbers.end(), [](const auto& n) { return n.has_value(); })) section->refuse(key, "an axis of numbers");
    *value = *label;
  }
  if (!layout.x.empty() && layout.x == layout.y) section->refuse("y", "another axis than x");
  layout.criterion = section->choice<std::string>("criterion", {{"bitwise", "bitwise"}, {"tolerance", "tolerance"}, {"argmax", "argmax"}}).value_or("");
  layout.norm = section->choice<std::string>("norm", {{"l1", "l1"}, {"l2", "l2"}, {"linf", "linf"}}).value_or("");
  return layout;
}

}  // namespace

std::string Sweep::describe(const SweepPoint& point) const {
  std::string text;
  for (std::size_t a = 0; a < axes.size(); ++a) text += fmt::format("{}{} {}", a == 0 ? "" : ", ", axes[a].label, axes[a].names[point.at[a]]);
  return text;
}

std::string point_name(const toml::table& resolved, const std::string& model_sha256) {
  return sha256_of(fmt::format("snellen.point/1\n{}\n{}\n{}\n", version().version, canonical_text(resolved), model_sha256)).substr(0, 32);
}

Case case_of(const Sweep& sweep, const SweepPoint& point) { return read_point(sweep, point.at, point.name); }

Sweep read_sweep(const fs::path& file) {
  const toml::table table = parsed_toml(file, "a sweep");
  Sweep sweep;
  sweep.file = file;
  sweep.name = file.stem().string();
  std::map<std::string, unsigned> lines;
  const TomlSection section(file.string(), "", table, {"title", "case", "axis", "report", "output"}, lines);
  sweep.title = section.string("title").value_or(sweep.name);
  section.require("case", "the template: a table [case] with the tables of a case, or case = \"a case's file\"");
  if (section.has_text("case")) {
    const fs::path named(*section.string("case"));
    fs::path base = named.is_absolute() ? named : file.parent_path() / named;
    const Case c = read_case(base);  // so that what is wrong in it is said of it
    sweep.pattern = parsed_toml(base, "a case");
    sweep.pattern.erase("paper");
    if (const auto* path = std::get_if<fs::path>(&c.model); path && !c.softmax) {
      // Found beside the case: named from the sweep's folder, where it is looked for from now on.
      if (find_model(c) == base.parent_path() / *path) sweep.pattern["model"].as_table()->insert_or_assign("path", (named.parent_path() / *path).string());
    }
  } else if (section.has_table("case")) {
    sweep.pattern = *table.get("case")->as_table();
  } else {
    section.refuse("case", "a table with the tables of a case, or the file of one");
  }
  sweep.axes = read_axes(file.string(), table, lines);
  sweep.layout = read_layout(sweep, section);
  if (const auto output = section.section("output", {"distances"})) sweep.distances = output->boolean("distances").value_or(false);
  const std::size_t count = count_points(sweep);
  check_values(sweep);
  make_points(sweep, count);
  sweep.sha256 = hash_of(sweep);
  return sweep;
}

}  // namespace snellen
