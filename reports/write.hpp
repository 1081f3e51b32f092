// Puts a certification's reports into a folder, all or none of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bounds/result.hpp"
#include "reports/environment.hpp"

namespace snellen {

struct Written {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> warnings;  // a picture could not be drawn: the HTML report says so in its place
};

// report.json, report.html, distances.csv, certificate.json, environment.json. The folder is made if it is not there; earlier
// reports in it are replaced and other files left alone. InputError, with the path and the system's reason, if anything cannot be
// written: then what was there before is there still, and nothing new.
Written write_reports(const Certification& c, const Environment& environment, const std::filesystem::path& directory);

struct File {
  std::string name, content;
};
// The same for any set of files. Where this process is killed on the way, a new set or the old one is complete, or the last of `files` is not there; the next
// writer clears away what was left. Several processes may write into one folder: one set after the other.
void write_all_or_none(const std::vector<File>& files, const std::filesystem::path& directory);

}  // namespace snellen
