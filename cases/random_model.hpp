// The keys of a synthetic model in a case: model.random = { seed = 1, layers = 2, ... }.
#pragma once

#include <initializer_list>
#include <string_view>

#include "cases/toml_section.hpp"
#include "lib/model/synthetic.hpp"

namespace snellen {

extern const std::initializer_list<std::string_view> random_model_keys;

RandomModel read_random_model(const TomlSection& section);

}  // namespace snellen
