#include "lib/files/json.hpp"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

using nlohmann::json;

// Looks at every event of a text and builds nothing: what is refused is refused before anything is built of it. (A callback of json::parse() sees the same
// events, but then the parser goes through all earlier members of an array at the end of each object in it, which takes the square of the text's length.)
class Inspection final : public json::json_sax_t {
 public:
  Inspection(const std::string& place, int maximum_depth) : place_(place), maximum_depth_(maximum_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_array(std::size_t) override { return deeper(), true; }
  bool end_array() override { return --depth_, true; }
  bool start_object(std::size_t) override { return deeper(), keys_.emplace_back(), true; }
  bool end_object() override { return --depth_, keys_.pop_back(), true; }
  bool key(string_t& key) override {
    if (!keys_.back().insert(key).second) throw InputError(place_, fmt::format("key {} occurs twice in one object", in_quotes(key)));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override { return false; }  // json::parse() says it again

 private:
  void deeper() {
    if (++depth_ > maximum_depth_) throw InputError(place_, fmt::format("JSON nested more than {} deep", maximum_depth_));
  }

  const std::string& place_;
  const int maximum_depth_;
  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

json parse_json(std::string_view text, const std::string& place, int maximum_depth) {
  constexpr std::size_t maximum_size = 100'000'000;
  if (text.size() > maximum_size) {
    throw InputError(place, fmt::format("{} bytes of JSON, expected at most {}", text.size(), maximum_size));
  }
  // The parser takes a NUL for the end: what follows it, be it the rest of a header, would be left out without a word.
  if (const std::size_t nul = text.find('\0'); nul != text.npos) throw InputError(place, fmt::format("is not valid JSON: a NUL at byte {}", nul));
  Inspection inspection(place, maximum_depth);
  json::sax_parse(text.begin(), text.end(), &inspection);
  try {
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& error) {
    throw InputError(place, "is not valid JSON: " + printable(error.what()));
  }
}

}  // namespace snellen
