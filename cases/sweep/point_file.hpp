// The file of one point: what was computed, and how to tell that it is whole.
//
//   {"schema": "snellen.point-file/1", "sha256": "...", "bytes": 12345, "commit": "..."}
//   {"schema": "snellen.point/1", "point": NAME, ...}
//
// Two lines. The first has the digest and the size of the second, and the commit that computed it; the second is a line of results.jsonl, as it stands.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace snellen {

struct PointFile {
  std::string body;    // the second line, without its end
  std::string commit;
};

std::string point_file_text(const PointFile& point);

// What the file holds. `problem` where it is not whole: "found 4096 bytes, expected 5120", "its SHA-256 is ..., expected ..."; it is never used then.
struct PointRead {
  std::optional<PointFile> point;
  std::string problem;
};
// Neither of both where there is no such file.
PointRead read_point_file(const std::filesystem::path& path, const std::string& name);

}  // namespace snellen
