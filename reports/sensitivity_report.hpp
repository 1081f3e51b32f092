// What `snellen sensitivity` says: how much the output still depends on every input token, certified, beside bounds that are read off attention.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bounds/sensitivity.hpp"
#include "reports/gnuplot.hpp"
#include "reports/write.hpp"

namespace snellen {

// The result in sentences, one a line. The first is the headline.
std::vector<std::string> sensitivity_sentences(const Sensitivity& s);
std::string sensitivity_text(const Sensitivity& s);
// The header and one line a token (of a long sequence the first and last ones): certified norms, bounds, and how loose these are.
std::vector<std::vector<std::string>> sensitivity_table(const Sensitivity& s);
std::string sensitivity_align(const Sensitivity& s);

// How many times the certified norm a bound is: at most bound / lower end, at least bound / upper end.
struct Looseness {
  double least, most;
};
Looseness looseness(const Dyadic& bound, const Enclosure& norm);
// Is the bound proved to be less than the norm?
inline bool violated(const Dyadic& bound, const Enclosure& norm) { return bound < norm.lower; }

// The median over the tokens that reach the output at all, of the looseness at most.
double median_looseness(const Sensitivity& s, const Dyadic TokenSensitivity::*bound);

// Schema snellen.sensitivity/1: nothing in it depends on the machine.
nlohmann::ordered_json sensitivity_json(const Sensitivity& s);
// One line a token: RFC 4180, first line the column names.
std::string sensitivity_csv(const Sensitivity& s);

struct SensitivityPictures {
  Picture by_token, heat, growth, by_layer;
};
SensitivityPictures draw(const Sensitivity& s, const std::string& program = "gnuplot");
std::string sensitivity_page(const Sensitivity& s, const SensitivityPictures& pictures);

struct SensitivityFiles {
  std::vector<File> files;            // sensitivity.json, .csv and .html; of a logit gradient.safetensors: gradient.lower, gradient.upper [tokens, width] F64
  std::vector<std::string> warnings;  // a picture could not be drawn
};
SensitivityFiles sensitivity_files(const Sensitivity& s);

}  // namespace snellen
