#include "reports/sweep_hdf5.hpp"

#ifdef SNELLEN_HAVE_HDF5
#include <fmt/format.h>
#include <hdf5.h>
#include <mpfr.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "lib/version.hpp"
#include "reports/length_scale.hpp"
#endif

namespace snellen {

#ifndef SNELLEN_HAVE_HDF5

HdfFile sweep_hdf5(const SweepResults&) { return {"", "this build of Snellen has no HDF5 (Debian and Ubuntu: libhdf5-dev)"}; }

#else
namespace {

constexpr std::size_t most_text = std::size_t{1} << 30;  // bytes of a column, each of its texts as long as the longest

// An identifier of HDF5's with the call that closes it.
class Handle {
 public:
  Handle(hid_t value, herr_t (*close)(hid_t), const char* what) : value_(value), close_(close) {
    if (value < 0) throw std::runtime_error(std::string("HDF5 cannot ") + what);
  }
  ~Handle() { close_(value_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return value_; }

 private:
  hid_t value_;
  herr_t (*close_)(hid_t);
};

void check(herr_t result, const char* what) {
  if (result < 0) throw std::runtime_error(std::string("HDF5 cannot ") + what);
}

// Fixed-length UTF-8: no reader needs anything special for it.
Handle text_type(std::size_t length) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, std::max<std::size_t>(1, length));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  return Handle(type, H5Tclose, "make a type");
}

void attribute(hid_t object, const std::string& name, const std::string& value) {
  const Handle type = text_type(value.size()), space(H5Screate(H5S_SCALAR), H5Sclose, "make a space");
  const Handle attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, "make an attribute");
  std::string padded = value;
  padded.resize(std::max<std::size_t>(1, value.size()));
  check(H5Awrite(attribute, type, padded.data()), "write an attribute");
}

class Group {
 public:
  Group(hid_t parent, const std::string& name) : properties_(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "make properties"), group_(make(parent, name), H5Gclose, "make a group") {}
  operator hid_t() const { return group_; }

  void write(const std::string& name, const std::vector<double>& values, const std::string& unit, const std::string& meaning, hsize_t columns = 1) const {
    write(name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values.data(), values.size(), unit, meaning, columns);
  }
  void write(const std::string& name, const std::vector<std::int64_t>& values, const std::string& unit, const std::string& meaning) const {
    write(name, H5T_STD_I64LE, H5T_NATIVE_INT64, values.data(), values.size(), unit, meaning, 1);
  }
  void write(const std::string& name, const std::vector<std::string>& values, const std::string& unit, const std::string& meaning) const {
    std::size_t length = 1;
    for (const std::string& value : values) length = std::max(length, value.size());
    if (values.size() > most_text / length) throw std::runtime_error("HDF5 cannot hold " + name + " in texts of one length: the longest has " + std::to_string(length) + " bytes");
    std::string packed;
    for (std::string value : values) {
      value.resize(length);
      packed += value;
    }
    const Handle type = text_type(length);
    write(name, type, type, packed.data(), values.size(), unit, meaning, 1);
  }

 private:
  hid_t make(hid_t parent, const std::string& name) const {
    H5Pset_obj_track_times(properties_, false);
    return H5Gcreate2(parent, name.c_str(), H5P_DEFAULT, properties_, H5P_DEFAULT);
  }
  void write(const std::string& name, hid_t stored, hid_t native, const void* data, std::size_t count, const std::string& unit, const std::string& meaning, hsize_t columns) const {
    const hsize_t sizes[2] = {count / columns, columns};
    const Handle space(H5Screate_simple(columns == 1 ? 1 : 2, sizes, nullptr), H5Sclose, "make a space"), properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "make properties");
    H5Pset_obj_track_times(properties, false);
    const Handle set(H5Dcreate2(group_, name.c_str(), stored, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose, "make a dataset");
    if (count > 0) check(H5Dwrite(set, native, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), "write a dataset");
    attribute(set, "unit", unit);
    attribute(set, "meaning", meaning);
  }

  Handle properties_, group_;
};

// The double next to a decimal in the direction given.
double outward(const std::string& decimal, mpfr_rnd_t direction) {
  mpfr_t x;
  mpfr_init2(x, 53);
  mpfr_set_str(x, decimal.c_str(), 10, direction);
  const double result = mpfr_get_d(x, direction);
  mpfr_clear(x);
  return result;
}

// A label as a name within a group.
std::string plain(std::string label) {
  std::replace(label.begin(), label.end(), '/', '_');
  return label == "." ? "_" : label;
}

void write_points(hid_t file, const SweepResults& results) {
  const Group group(file, "points");
  std::vector<std::string> names, errors, models;
  std::vector<std::int64_t> status, bits;
  for (const SweepPointResult& point : results.points) {
    names.push_back(point.name), errors.push_back(point.error), status.push_back(point.failed());
    models.push_back(point.failed() ? "" : point.report.at("model").at("sha256").get<std::string>());
    bits.push_back(point.failed() ? 0 : point.report.at("precision_bits").get<std::int64_t>());
  }
  group.write("name", names, "none", "SHA-256, shortened to 128 bits, of all that the point's result depends on");
  group.write("status", status, "none", "0: done, 1: failed");
  group.write("error", errors, "none", "why a point failed");
  group.write("precision_bits", bits, "bits", "working precision at which everything was decided, or the stated maximum; 0: failed");
  group.write("model_sha256", models, "none", "SHA-256 of the model's file, or of its weights");
  const Group coordinates(group, "coordinates");
  for (std::size_t a = 0; a < results.axes.size(); ++a) {
    const SweepAxisSummary& axis = results.axes[a];
    std::vector<std::string> texts;
    std::vector<double> numbers;
    for (const SweepPointResult& point : results.points) {
      texts.push_back(axis.names[point.at[a]]);
      numbers.push_back(axis.numbers[point.at[a]].value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    coordinates.write(plain(axis.label), texts, "none", "the point's value on the axis " + axis.label);
    if (std::all_of(axis.numbers.begin(), axis.numbers.end(), [](const auto& n) { return n.has_value(); }))
      coordinates.write(plain(axis.label) + ".number", numbers, "as in the case", "the same as a number");
  }
}

void write_rows(hid_t file, const SweepResults& results) {
  const Group group(file, "rows");
  std::vector<std::int64_t> points, first, last, from, undecided, overflow;
  std::vector<std::string> format, criterion, norm, lower, upper, scope, known, overflow_from;
  std::vector<double> eps, log_lower, log_upper;
  const double none = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < results.points.size(); ++i)
    for (const SweepRow& row : results.points[i].rows) {
      points.push_back(static_cast<std::int64_t>(i));
      format.push_back(row.format), criterion.push_back(row.criterion), norm.push_back(row.norm);
      eps.push_back(row.eps.empty() ? none : outward(row.eps, MPFR_RNDN));
      first.push_back(row.first.value_or(-1)), last.push_back(row.last_distinct.value_or(-1)), from.push_back(row.collapsed_from.value_or(-1));
      undecided.push_back(row.undecided), overflow.push_back(row.overflow);
      lower.push_back(row.lower), upper.push_back(row.upper.value_or("")), scope.push_back(row.scope), known.push_back(row.status);
      overflow_from.push_back(row.overflow_from);
      log_lower.push_back(log10_of_length(row.lower));
      log_upper.push_back(row.upper ? log10_of_length(*row.upper) : none);
    }
  const std::string length = "run units (n)";
  group.write("point", points, "none", "index into /points");
  group.write("format", format, "none", "number format; empty: the exact model, or one eps for all");
  group.write("criterion", criterion, "none", "bitwise, tolerance or argmax");
  group.write("norm", norm, "none", "of the tolerance criterion");
  group.write("eps", eps, "as the model's last vector", "threshold of the tolerance criterion, to nearest");
  group.write("first", first, length, "the first n up to the horizon proved to collapse; -1: none");
  group.write("last_distinct", last, length, "the last n up to the horizon proved distinct; -1: none");
  group.write("collapsed_from", from, length, "the least n from which to the horizon every pair is proved to collapse; -1: none");
  group.write("undecided", undecided, "pairs", "pairs up to the horizon that stayed undecided");
  group.write("overflow", overflow, "pairs", "pairs up to the horizon without a finite value in the format");
  group.write("lower", lower, length, "lower end of N*: 1 + the largest n proved distinct");
  group.write("upper", upper, length, "upper end of N*: from here on collapse is proved; empty: not known");
  group.write("scope", scope, "none", "all: for every n, to infinity; horizon: up to the horizon only");
  group.write("known", known, "none", "exact, bracket, never or unknown");
  group.write("overflow_from", overflow_from, length, "from here on, for ever, no finite value in the format; empty: not so");
  group.write("log10_lower", log_lower, "log10 of run units", "of lower, rounded: to draw with");
  group.write("log10_upper", log_upper, "log10 of run units", "of upper, rounded: to draw with");
}

void write_distances(hid_t file, const SweepResults& results) {
  const bool any = std::any_of(results.points.begin(), results.points.end(), [](const SweepPointResult& p) { return !p.failed() && p.report.contains("distances"); });
  if (!any) return;
  const Group all(file, "distances");
  for (const SweepPointResult& point : results.points) {
    if (point.failed() || !point.report.contains("distances")) continue;
    const Group group(all, point.name);
    std::vector<std::int64_t> n;
    for (const auto& pair : point.report.at("distances")) n.push_back(pair.at("n").get<std::int64_t>());
    group.write("n", n, "run units (n)", "the pair (S_n, S_{n+1})");
    for (const auto& metric : point.report.at("metrics")) {
      const std::string name = metric.get<std::string>();
      std::vector<double> ends;
      for (const auto& pair : point.report.at("distances")) {
        ends.push_back(outward(pair.at(name).at("lower").get<std::string>(), MPFR_RNDD));
        ends.push_back(outward(pair.at(name).at("upper").get<std::string>(), MPFR_RNDU));
      }
      group.write(name, ends, "as the model's last vector", "certified enclosure of D(n): lower and upper end, rounded outward", 2);
    }
  }
}

std::string content_of(const SweepResults& results) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // its messages are not for the user's standard error
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make properties"), creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "make properties");
  check(H5Pset_fapl_core(access, std::size_t{1} << 20, false), "keep a file in memory");
  H5Pset_obj_track_times(creation, false);
  const Handle file(H5Fcreate("results.h5", H5F_ACC_TRUNC, creation, access), H5Fclose, "make a file");
  attribute(file, "schema", "snellen.sweep-results/1");
  attribute(file, "title", results.title);
  attribute(file, "sweep_sha256", results.sha256);
  attribute(file, "snellen_version", version().version);
  attribute(file, "computed_by", fmt::format("{}", fmt::join(results.commits, " ")));
  attribute(file, "guarantee", "lengths and enclosures are proved for the model read as a function of real numbers; log10_* are rounded, to draw with");
  attribute(file, "environment", "environment.json beside this file says which machines, compilers and libraries computed the points");
  write_points(file, results);
  write_rows(file, results);
  write_distances(file, results);
  check(H5Fflush(file, H5F_SCOPE_GLOBAL), "finish a file");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  if (size < 0) throw std::runtime_error("HDF5 cannot show a file's bytes");
  std::string content(static_cast<std::size_t>(size), '\0');
  if (H5Fget_file_image(file, content.data(), content.size()) != size) throw std::runtime_error("HDF5 cannot show a file's bytes");
  return content;
}

}  // namespace

HdfFile sweep_hdf5(const SweepResults& results) {
  try {
    return {content_of(results), ""};
  } catch (const std::runtime_error& error) {
    return {"", error.what()};
  }
}

#endif

}  // namespace snellen
