// A case as a table: from its own file, or put together by a sweep.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <optional>
#include <string>

#include "cases/case.hpp"

namespace snellen {

// The TOML file at `path`; InputError where there is none ("expected WHAT (a .toml file)") or its text is not TOML.
toml::table parsed_toml(const std::filesystem::path& path, const std::string& what);

// As read_case(file), of a table whose keys lie in `file`, where relative paths are looked for too; `name` becomes the case's name.
Case read_case(const toml::table& table, const std::filesystem::path& file, const std::string& name, const std::optional<std::filesystem::path>& model = {});

}  // namespace snellen
