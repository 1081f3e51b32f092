// Files that are there whole or not at all, also after a power cut: written, synchronised, renamed, and their folder synchronised.
// Every function throws InputError with the path and the system's reason ("points/x.json: cannot write the file: No space left on device").
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace snellen {

// A new file at `path` (which must not exist) with this content, synchronised. `shown` is the path that messages name, `what` the thing that is written.
void write_new_file(const std::filesystem::path& path, const std::filesystem::path& shown, std::string_view content, const std::string& what = "the file");

// Makes renames and new names in a folder durable. Some file systems cannot (EINVAL): then the order of renames is theirs to keep.
void sync_folder(const std::filesystem::path& path, const std::string& what = "the file");

// Puts `content` in the place of `path` at once: whoever looks sees the old file or the new one, and several processes may do it at the same time. Nothing is
// left behind where it fails. The temporary file lies in the same folder and ends in ".tmp".
void replace_file(const std::filesystem::path& path, std::string_view content);

// The same, but false, and nothing done, where `path` is there already: of several processes exactly one gets true.
bool create_file(const std::filesystem::path& path, std::string_view content);

}  // namespace snellen
