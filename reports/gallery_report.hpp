// One page for many cases that stand for something in a paper: what the paper says, what is certified of it, and the picture, side by side.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bounds/expectation.hpp"
#include "bounds/result.hpp"

namespace snellen {

struct GalleryItem {
  std::string case_name;
  PaperClaim claim;
  std::optional<Certification> result;  // none: the case was left out
  std::string left_out = {};            // why
  std::map<std::int64_t, std::string> pieces = {};  // what the tokens of result->next_tokens are spelled like, where the model has a tokenizer
};

// What is certified of a claim, in a sentence: "Linf <= 2^-7 (bf16) for every n from 41 to the horizon 64." ASCII, as reports/words.hpp.
std::string standing_sentence(const PaperClaim& claim, const CollapseRow& row, const Certification& c);

// One file, nothing fetched, no scripts. Items with the same exhibit stand together, with one picture, in the order of their first item; below them the
// collapse lengths of all cases by format. A case's own report is expected at CASE/report.html beside it.
std::string gallery_page(const std::string& title, const std::vector<GalleryItem>& items, std::vector<std::string>& warnings);
// Schema snellen.gallery/1: nothing in it depends on the machine.
nlohmann::ordered_json gallery_json(const std::string& title, const std::vector<GalleryItem>& items);

}  // namespace snellen
