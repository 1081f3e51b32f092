// Engine profiles as files: what the engines of a kind may do, for `snellen validate`. Keys: cases/engines/README.md.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lib/world/engine_profile.hpp"

namespace snellen {

// InputError, "file.toml:LINE: key: found ..., expected ...".
EngineProfile read_engine_profile(const std::filesystem::path& file);

// A file; the name of one of cases/engines/*.toml, looked for below the current directory, the project's root (SNELLEN_HOME), and among what was installed with the command; or one of
// `snellen profiles`, an engine with the order of its sums known. InputError where there is none.
EngineProfile find_engine_profile(const std::string& name_or_file);
// Those of cases/engines, by name.
std::vector<std::string> shipped_engine_profiles();

}  // namespace snellen
