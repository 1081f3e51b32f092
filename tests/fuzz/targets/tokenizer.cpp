// A tokenizer.json; after a NUL byte, which no JSON has, a text for it.
#include "lib/files/tokenizer/from_json.hpp"
#include "tests/fuzz/targets/tokenizers.hpp"

namespace snellen::fuzz {
namespace {

void run(Bytes input) {
  const std::string_view all = text_of(input);
  const std::size_t end = std::min(all.find('\0'), all.size());
  const Tokenizer tokenizer = tokenizer_from_json(all.substr(0, end), "tokenizer.json");
  check_tokenizer(tokenizer, end < all.size() ? all.substr(end + 1) : "");
}

const Registered registered({"tokenizer", run});

}  // namespace
}  // namespace snellen::fuzz
