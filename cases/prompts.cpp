#include "cases/prompts.hpp"

#include <fmt/format.h>

#include <fstream>
#include <optional>

#include "lib/error.hpp"
#include "lib/files/json.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer.hpp"

namespace snellen {
namespace {

std::vector<Token> tokens_of(const nlohmann::json& ids, const std::string& place) {
  std::vector<Token> tokens;
  for (const nlohmann::json& id : ids) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::uint64_t{1} << 62) throw InputError(place, "found " + printable(id.dump()) + ", expected a token id");
    tokens.push_back(id.get<Token>());
  }
  return tokens;
}

}  // namespace

std::vector<std::vector<Token>> read_prompts(const std::filesystem::path& file, const std::filesystem::path& model) {
  const std::string name = printable(file.string());
  std::ifstream in(file, std::ios::binary);
  if (!in) throw InputError(name, "cannot be read, expected a file with a prompt on each line");
  std::optional<Tokenizer> tokenizer;
  std::vector<std::vector<Token>> prompts;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string place = fmt::format("{}:{}", name, number);
    const nlohmann::json prompt = parse_json(line, place);
    if (prompt.is_array()) {
      prompts.push_back(tokens_of(prompt, place));
    } else if (prompt.is_string()) {
      if (!tokenizer) tokenizer.emplace(load_tokenizer(model));
      prompts.push_back(tokenizer->encode(prompt.get_ref<const std::string&>(), place).tokens);
    } else {
      throw InputError(place, "found " + std::string(prompt.type_name()) + ", expected a JSON string or a list of token ids");
    }
  }
  // A folder opens and cannot be read; a disk may fail in the middle: fewer prompts than there are would be answered without a word.
  if (in.bad()) throw InputError(name, fmt::format("cannot be read beyond line {}, expected a file with a prompt on each line", prompts.size()));
  return prompts;
}

}  // namespace snellen
