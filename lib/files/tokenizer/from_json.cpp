#include "lib/files/tokenizer/from_json.hpp"

#include <fmt/format.h>

#include <limits>

#include "lib/error.hpp"
#include "lib/files/config_fields.hpp"
#include "lib/files/json.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

using nlohmann::json;

bool given(const json* value) { return value && !value->is_null(); }

// The object that is field `name`; nothing when it is absent or null.
const json* object_or_null(ConfigFields& fields, std::string_view name) {
  const json* value = fields.find(name);
  if (given(value) && !value->is_object()) fields.fail(name, "an object or null");
  return given(value) ? value : nullptr;
}

const json& array(ConfigFields& fields, std::string_view name) {
  const json* value = fields.find(name);
  if (!value || !value->is_array()) fields.fail(name, "an array");
  return *value;
}

std::string nested(const ConfigFields& fields, std::string_view name) { return fmt::format("{}{}.", fields.prefix(), name); }
std::string nested(const ConfigFields& fields, std::string_view name, std::size_t i) { return fmt::format("{}{}[{}].", fields.prefix(), name, i); }

// Calls visit(fields, type) for an object with a type and, where the type is Sequence, for each object of its list, however deep.
template <class Visit>
void each_step(const json& object, const std::string& place, const std::string& prefix, std::string_view list, const Visit& visit) {
  ConfigFields fields(object, place, prefix);
  const std::string type = fields.text("type");
  if (type == "Sequence") {
    const json& steps = array(fields, list);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (!steps[i].is_object()) fields.fail(list, "an array of objects");
      each_step(steps[i], place, nested(fields, list, i), list, visit);
    }
  } else {
    visit(fields, type);
  }
  fields.refuse_unread();
}

// {"String": "..."} or {"Regex": "..."}.
Pattern read_pattern(ConfigFields& fields) {
  const json* value = object_or_null(fields, "pattern");
  if (!value) fields.fail("pattern", "an object with String or Regex");
  ConfigFields pattern(*value, fields.place(), nested(fields, "pattern"));
  if (pattern.present("String") == pattern.present("Regex")) fields.fail("pattern", "an object with String or Regex");
  const bool regex = pattern.present("Regex");
  const std::string text = pattern.text(regex ? "Regex" : "String");
  pattern.refuse_unread();
  if (text.empty()) fields.fail("pattern", "a text that is not empty");
  return regex ? Pattern::regex(text, fields.place() + ": " + fields.prefix() + "pattern") : Pattern::literal(text);
}

template <class Value>
Value choice(ConfigFields& fields, std::string_view name, const std::string& found, std::initializer_list<std::pair<std::string_view, Value>> choices) {
  std::string names;
  for (const auto& [known, value] : choices) {
    if (known == found) return value;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  fields.fail(name, names);
}

Normalizer read_normalizer(const json* object, const std::string& place, Spelling& spelling) {
  Normalizer steps;
  if (!object) return steps;
  each_step(*object, place, "normalizer.", "normalizers", [&](ConfigFields& fields, const std::string& type) {
    if (type == "Replace") {
      Pattern pattern = read_pattern(fields);
      const std::string content = fields.text("content");
      if (pattern.spans(" ").front().matched && !pattern.spans("x").front().matched) spelling.space = content;
      steps.emplace_back(Replace{std::move(pattern), content});
    } else if (type == "Prepend") {
      steps.emplace_back(Prepend{fields.text("prepend")});
    } else {
      steps.emplace_back(choice<NormalForm>(fields, "type", type,
                                            {{"NFC", NormalForm::nfc}, {"NFD", NormalForm::nfd}, {"NFKC", NormalForm::nfkc}, {"NFKD", NormalForm::nfkd}}));
    }
  });
  return steps;
}

Metaspace read_metaspace(ConfigFields& fields) {
  Metaspace step;
  step.replacement = fields.text("replacement");
  if (step.replacement.empty()) fields.fail("replacement", "a character");
  step.prepend = choice<PrependScheme>(fields, "prepend_scheme", fields.text("prepend_scheme", "always"),
                                       {{"always", PrependScheme::always}, {"first", PrependScheme::first}, {"never", PrependScheme::never}});
  // Older files: must not contradict prepend_scheme, and alone means never.
  if (fields.present("add_prefix_space") && !fields.flag("add_prefix_space", true)) {
    if (fields.present("prepend_scheme") && step.prepend != PrependScheme::never) fields.fail("add_prefix_space", "what prepend_scheme says");
    step.prepend = PrependScheme::never;
  }
  const json* split = fields.find("split");
  step.split = given(split) ? fields.flag("split", true) : true;
  constexpr std::string_view unused[] = {"str_rep"};
  fields.ignore(unused);
  return step;
}

PreTokenizer read_pre_tokenizer(const json* object, const std::string& place, Spelling& spelling) {
  PreTokenizer steps;
  if (!object) return steps;
  each_step(*object, place, "pre_tokenizer.", "pretokenizers", [&](ConfigFields& fields, const std::string& type) {
    if (type == "ByteLevel") {
      ByteLevel step;
      step.add_prefix_space = fields.flag("add_prefix_space", true);
      if (fields.flag("use_regex", true)) step.regex = Pattern::regex(gpt2_split, place);
      constexpr std::string_view offsets_only[] = {"trim_offsets"};
      fields.ignore(offsets_only);
      spelling.byte_level = true;
      steps.emplace_back(std::move(step));
    } else if (type == "Split") {
      Split step{read_pattern(fields)};
      step.behavior = choice<Behavior>(fields, "behavior", fields.text("behavior"),
                                       {{"Isolated", Behavior::isolated},
                                        {"Removed", Behavior::removed},
                                        {"MergedWithPrevious", Behavior::merged_with_previous},
                                        {"MergedWithNext", Behavior::merged_with_next},
                                        {"Contiguous", Behavior::contiguous}});
      step.invert = fields.flag("invert", false);
      steps.emplace_back(std::move(step));
    } else if (type == "Digits") {
      steps.emplace_back(Digits{fields.flag("individual_digits", false)});
    } else if (type == "Metaspace") {
      Metaspace step = read_metaspace(fields);
      spelling.space = step.replacement;
      steps.emplace_back(std::move(step));
    } else {
      fields.fail("type", "ByteLevel, Split, Digits, Metaspace or Sequence");
    }
  });
  return steps;
}

// An id as the reference stores it.
template <class Fail>
std::uint32_t read_id(const json& value, const Fail& fail) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max()) fail();
  return static_cast<std::uint32_t>(value.get<std::uint64_t>());
}

Bpe read_model(const json* object, const std::string& place) {
  if (!object) throw InputError(place, "model: found none, expected a model of type BPE");
  ConfigFields fields(*object, place, "model.");
  if (const std::string type = fields.text("type", "BPE"); type != "BPE") fields.fail("type", "BPE");
  fields.expect("dropout", {nullptr, 0.0});
  fields.expect("continuing_subword_prefix", {nullptr, ""});
  fields.expect("end_of_word_suffix", {nullptr, ""});
  BpeOptions options;
  const auto flag = [&](std::string_view name) { return given(fields.find(name)) && fields.flag(name, false); };
  if (given(fields.find("unk_token"))) options.unknown = fields.text("unk_token");
  options.fuse_unknown = flag("fuse_unk");
  options.byte_fallback = flag("byte_fallback");
  options.ignore_merges = flag("ignore_merges");

  const json* vocabulary = object_or_null(fields, "vocab");
  if (!vocabulary) fields.fail("vocab", "an object");
  Bpe::Vocabulary tokens;
  for (const auto& [token, id] : vocabulary->items()) {
    tokens.emplace_back(token, read_id(id, [&token = token, &id = id, &place] {
                          throw InputError(place, fmt::format("model.vocab: {}: found {}, expected an id of 0 to 2^32 - 1", in_quotes(token), printable(id.dump())));
                        }));
  }
  Bpe::Merges merges;
  const json& list = array(fields, "merges");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const json& merge = list[i];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      merges.emplace_back(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>());
      continue;
    }
    const std::string_view text = merge.is_string() ? std::string_view(merge.get_ref<const std::string&>()) : "";
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      throw InputError(place, fmt::format("model.merges[{}]: found {}, expected two tokens", i, printable(merge.dump())));
    }
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  fields.refuse_unread();
  return Bpe(tokens, merges, std::move(options), place + ": model");
}

std::vector<AddedToken> read_added_tokens(const json* list, const Bpe& model, const std::string& place) {
  std::vector<AddedToken> tokens;
  if (!given(list)) return tokens;
  if (!list->is_array()) throw InputError(place, "added_tokens: found something else, expected an array");
  Token next = static_cast<Token>(model.size());  // the id that the reference gives to a token that the model has not
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string prefix = fmt::format("added_tokens[{}].", i);
    if (!(*list)[i].is_object()) throw InputError(place, prefix + " found something else, expected an object");
    ConfigFields fields((*list)[i], place, prefix);
    const json* id = fields.find("id");
    if (!id) fields.fail("id", "an id");
    AddedToken token;
    token.id = read_id(*id, [&] { fields.fail("id", "an id of 0 to 2^32 - 1"); });
    token.content = fields.text("content");
    token.single_word = fields.flag("single_word", false);
    token.strip_left = fields.flag("lstrip", false);
    token.strip_right = fields.flag("rstrip", false);
    token.normalized = fields.flag("normalized", true);
    token.special = fields.flag("special", false);
    fields.refuse_unread();
    const auto known = model.find(token.content);
    if (token.id != known.value_or(next)) {
      fields.fail("id", known ? fmt::format("{}, which the vocabulary gives to {}", *known, in_quotes(token.content))
                              : fmt::format("{}, the next one: the vocabulary does not have {}", next, in_quotes(token.content)));
    }
    if (!known) ++next;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// TemplateProcessing: the special tokens around $A of "single".
void read_template(ConfigFields& fields, std::vector<Token>& before, std::vector<Token>& after) {
  const json& single = array(fields, "single");
  const json* special = object_or_null(fields, "special_tokens");
  constexpr std::string_view for_pairs[] = {"pair"};
  fields.ignore(for_pairs);
  bool seen = false;
  const auto fail = [&] { fields.fail("single", "special tokens of special_tokens around one {\"Sequence\": {\"id\": \"A\"}}"); };
  for (const json& piece : single) {
    if (!piece.is_object() || piece.size() != 1) fail();
    const std::string& kind = piece.begin().key();
    const json& what = piece.begin().value();
    const std::string id = what.is_object() && what.contains("id") && what["id"].is_string() ? what["id"].get<std::string>() : "";
    if (kind == "Sequence" && id == "A" && !seen) {
      seen = true;
    } else if (kind == "SpecialToken" && special && special->contains(id) && (*special)[id].is_object() && (*special)[id].contains("ids") &&
               (*special)[id]["ids"].is_array()) {
      for (const json& token : (*special)[id]["ids"]) (seen ? after : before).push_back(read_id(token, fail));
    } else {
      fail();
    }
  }
  if (!seen) fail();
}

void read_post_processor(const json* object, const std::string& place, std::vector<Token>& before, std::vector<Token>& after) {
  if (!object) return;
  bool seen = false;
  each_step(*object, place, "post_processor.", "processors", [&](ConfigFields& fields, const std::string& type) {
    if (type == "TemplateProcessing" && !seen) {
      seen = true;
      read_template(fields, before, after);
    } else if (type == "ByteLevel") {
      constexpr std::string_view offsets_only[] = {"add_prefix_space", "trim_offsets", "use_regex"};
      fields.ignore(offsets_only);
    } else {
      fields.fail("type", "ByteLevel, one TemplateProcessing, or Sequence");
    }
  });
}

}  // namespace

Tokenizer tokenizer_from_json(std::string_view text, const std::string& place) {
  const json file = parse_json(text, place);
  if (!file.is_object()) throw InputError(place, "found no JSON object, expected a tokenizer");
  ConfigFields fields(file, place);
  fields.expect("version", {"1.0"});
  // Both would change what encode() returns; the writer of a tokenizer for everybody leaves them out.
  fields.expect("truncation", {nullptr});
  fields.expect("padding", {nullptr});
  constexpr std::string_view for_the_way_back[] = {"decoder"};
  fields.ignore(for_the_way_back);

  Spelling spelling;
  Bpe model = read_model(object_or_null(fields, "model"), place);
  Normalizer normalizer = read_normalizer(object_or_null(fields, "normalizer"), place, spelling);
  PreTokenizer pre_tokenizer = read_pre_tokenizer(object_or_null(fields, "pre_tokenizer"), place, spelling);
  AddedTokens added(read_added_tokens(fields.find("added_tokens"), model, place), [&](const std::string& content) { return normalized(normalizer, content); },
                    place);
  std::vector<Token> before, after;
  read_post_processor(object_or_null(fields, "post_processor"), place, before, after);
  fields.refuse_unread();
  return Tokenizer({std::move(model), std::move(added), std::move(normalizer), std::move(pre_tokenizer), std::move(before), std::move(after), spelling});
}

}  // namespace snellen
