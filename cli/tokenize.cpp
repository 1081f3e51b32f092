#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/table.hpp"
#include "lib/error.hpp"
#include "lib/files/json.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/tokenizer.hpp"
#include "lib/files/tokenizer/utf8.hpp"

namespace snellen {
namespace {

struct Options {
  std::string model, file, json_lines;
  std::optional<std::string> text;
  bool ids_only = false, special = false;
};

// The text, and what to call it in a message.
struct Source {
  std::string text, place;
};

std::ifstream open(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw InputError(printable(file), "cannot be read, expected a text file");
  return in;
}

Source read(const Options& options) {
  if (options.text) return {*options.text, "TEXT"};
  if (options.file.empty()) return {{std::istreambuf_iterator<char>(std::cin), {}}, "standard input"};
  std::ifstream in = open(options.file);
  return {{std::istreambuf_iterator<char>(in), {}}, printable(options.file)};
}

std::string shown(const Tokenizer& tokenizer, Token token) {
  const auto text = tokenizer.text_of(token);
  return (text ? escaped(*text) : "(no token)") + (tokenizer.is_special(token) ? "  special" : "");
}

void surround(std::vector<Token>& tokens, const Tokenizer& tokenizer) {
  tokens.insert(tokens.begin(), tokenizer.before().begin(), tokenizer.before().end());
  tokens.insert(tokens.end(), tokenizer.after().begin(), tokenizer.after().end());
}

// A list of ids for each line, which is a text as a JSON string.
int tokenize_lines(const Tokenizer& tokenizer, const Options& options) {
  std::ifstream in = open(options.json_lines);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string place = fmt::format("{}:{}", printable(options.json_lines), number);
    const nlohmann::json text = parse_json(line, place);
    if (!text.is_string()) throw InputError(place, "found " + std::string(text.type_name()) + ", expected a JSON string");
    std::vector<Token> tokens = tokenizer.encode(text.get_ref<const std::string&>(), place).tokens;
    if (options.special) surround(tokens, tokenizer);
    fmt::print("[{}]\n", fmt::join(tokens, ", "));
  }
  return exit_passed;
}

int tokenize(const Options& options) {
  const Tokenizer tokenizer = load_tokenizer(options.model);
  if (!options.json_lines.empty()) return tokenize_lines(tokenizer, options);
  const Source source = read(options);
  Encoding encoding = tokenizer.encode(source.text, source.place);
  std::vector<Token>& tokens = encoding.tokens;
  if (options.special) surround(tokens, tokenizer);
  if (!options.ids_only) {
    std::vector<std::vector<std::string>> rows = {{"position", "id", "piece"}};
    for (std::size_t i = 0; i < tokens.size(); ++i) rows.push_back({std::to_string(i), std::to_string(tokens[i]), shown(tokenizer, tokens[i])});
    fmt::print("{}\n", table("rrl", rows));
  }
  fmt::print("[{}]\n", fmt::join(tokens, ", "));
  if (encoding.left_out > 0) {
    fmt::print(stderr, "snellen: {} characters were left out: the vocabulary has nothing for them (the reference tokenizer leaves them out without a word)\n",
               encoding.left_out);
  }
  if (!options.ids_only && !options.special) {
    const auto say = [&](const std::vector<Token>& around, std::string_view where) {
      for (const Token token : around) {
        fmt::print("The model's tokenizer puts {} (id {}) {} a text by default; it is not in this list (--special adds it).\n",
                   escaped(tokenizer.text_of(token).value_or("")), token, where);
      }
    };
    say(tokenizer.before(), "before");
    say(tokenizer.after(), "after");
  }
  return exit_passed;
}

}  // namespace

void add_tokenize(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("tokenize", "How a model's tokenizer splits a text: ids and pieces, and the ids ready for a case");
  const auto options = std::make_shared<Options>();
  verb->add_option("MODEL", options->model, "a Hugging Face folder with a tokenizer.json, the tokenizer.json itself, or a .gguf file")->required();
  CLI::Option* text = verb->add_option("TEXT", options->text, "the text (default: standard input, as it is, line ends too)");
  CLI::Option* file = verb->add_option("--file", options->file, "read the text from this file")->excludes(text);
  verb->add_option("--json-lines", options->json_lines, "many texts, each a JSON string on a line of this file: a list of ids for each")->excludes(text)->excludes(file);
  verb->add_flag("--ids", options->ids_only, "only the list of ids");
  verb->add_flag("--special", options->special, "with the special tokens that the tokenizer puts around a text by default (BOS, EOS)");
  verb->callback([options, &chosen] { chosen = [options] { return tokenize(*options); }; });
}

}  // namespace snellen
