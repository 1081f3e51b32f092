#include "cases/engine_profile.hpp"

#include <algorithm>
#include <cstdlib>

#include "cases/toml_section.hpp"
#include "lib/error.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

toml::table parse(const std::string& file) {
  try {
    return toml::parse(MappedFile::open(file)->text(), file);
  } catch (const toml::parse_error& problem) {
    const auto line = problem.source().begin.line;
    throw InputError(line > 0 ? file + ":" + std::to_string(line) : file, "found text that is not TOML, " + printable(problem.description()));
  }
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format& format : shipped_formats()) names.push_back(format.name);
  return names;
}

// A format whose arithmetic can be emulated.
Format checked_format(const TomlSection& section, std::string_view key, const std::string& name) {
  const auto format = find_format(name);
  if (!format) {
    const auto suggestion = nearest_name(name, format_names());
    section.fail(key, "found \"" + printable(name) + "\", expected the name of a format (snellen formats)" + (suggestion ? "; did you mean " + *suggestion + "?" : ""));
  }
  if (format->name != "fp64" && (format->precision > 25 || format->emin < -450 || format->emax > 450))
    section.fail(key, "found \"" + printable(name) + "\", expected fp64 or a format of at most 25 bits and exponents within +-450");
  return *format;
}

// Of a source tree, and where an installed command has them: PREFIX/share/snellen/engines beside PREFIX/bin (cmake/SnellenInstall.cmake).
std::vector<fs::path> folders() {
  std::vector<fs::path> result = {"cases/engines"};
  if (const char* home = std::getenv("SNELLEN_HOME"); home && *home) result.push_back(fs::path(home) / "cases/engines");
  std::error_code error;
  const fs::path command = fs::read_symlink("/proc/self/exe", error);
  if (!error) result.push_back(command.parent_path().parent_path() / "share/snellen/engines");
  return result;
}

void read_sums(const TomlSection& file, EngineProfile& p) {
  const auto sums = file.section("sums", {"order", "lanes", "block", "combine", "chains", "addition", "aligned_bits", "aligned_block", "fused", "flush_to_zero"});
  if (!sums) return;
  enum class Order { any, sequential, blocks };
  const Order order = sums->choice<Order>("order", {{"any", Order::any}, {"sequential", Order::sequential}, {"blocks", Order::blocks}}).value_or(Order::any);
  p.order = order == Order::sequential ? SumOrder::sequential : SumOrder::any;
  if (order == Order::blocks) {
    if (!sums->has("lanes") && !sums->has("block")) sums->fail("order", "found \"blocks\" without lanes or block, expected how many chains run side by side, or how many terms a block has");
    SumBlocks blocks;
    blocks.lanes = static_cast<std::size_t>(sums->integer("lanes", 1, 4096).value_or(1));
    blocks.block = static_cast<std::size_t>(sums->integer("block", 1, 1 << 20).value_or(0));
    blocks.combination = sums->choice<Combination>("combine", {{"sequential", Combination::sequential}, {"halves", Combination::halves}, {"neighbours", Combination::neighbours}}).value_or(blocks.combination);
    blocks.fused = sums->choice<bool>("chains", {{"rounded", false}, {"fused", true}}).value_or(false);
    p.linear_blocks = blocks;
  } else {
    for (const char* key : {"lanes", "block", "combine", "chains"})
      if (sums->has(key)) sums->fail(key, "found it without order = \"blocks\", which it belongs to");
  }
  p.addition = sums->choice<Addition>("addition", {{"nearest", Addition::nearest}, {"truncated", Addition::truncated}, {"aligned", Addition::aligned}}).value_or(p.addition);
  if (p.addition == Addition::aligned) {
    sums->require("aligned_bits", "the bits that are kept of aligned products");
    sums->require("aligned_block", "how many products are aligned at once");
  }
  p.aligned_bits = static_cast<int>(sums->integer("aligned_bits", 8, 64).value_or(0));
  p.aligned_block = static_cast<int>(sums->integer("aligned_block", 1, 1024).value_or(0));
  p.fused = sums->boolean("fused").value_or(p.fused);
  p.flush_to_zero = sums->boolean("flush_to_zero").value_or(p.flush_to_zero);
  if (order != Order::any && (p.addition != Addition::nearest || p.flush_to_zero))
    sums->fail("order", "found an order that is replayed with additions to nearest and without flushing, expected order = \"any\" with the other settings");
}

void read_casts(const TomlSection& file, EngineProfile& p) {
  const auto casts = file.section("casts", {"norm", "offset_norm", "bias", "scale", "probability", "alibi_from", "elided"});
  if (!casts) return;
  const auto norm = [&](std::string_view key) {
    return casts->choice<NormCast>(key, {{"before-weight", NormCast::before_weight}, {"after-weight", NormCast::after_weight}, {"any", NormCast::any}});
  };
  p.norm_cast = norm("norm").value_or(p.norm_cast);
  p.offset_norm_cast = norm("offset_norm").value_or(p.offset_norm_cast);
  p.bias = casts->choice<BiasIn>("bias", {{"storage", BiasIn::storage}, {"accumulator", BiasIn::accumulator}, {"any", BiasIn::any}}).value_or(p.bias);
  p.scale = casts->choice<ScaleOn>("scale", {{"product", ScaleOn::product}, {"query", ScaleOn::query}, {"any", ScaleOn::any}}).value_or(p.scale);
  p.probability_cast =
      casts->choice<ProbabilityCast>("probability", {{"after-sum", ProbabilityCast::after_sum}, {"before-sum", ProbabilityCast::before_sum}}).value_or(p.probability_cast);
  p.elided_casts = casts->boolean("elided").value_or(p.elided_casts);
  p.alibi_from = casts->choice<AlibiFrom>("alibi_from", {{"query", AlibiFrom::query}, {"last-token", AlibiFrom::last_token}}).value_or(p.alibi_from);
}

void read_library(const TomlSection& file, EngineProfile& p) {
  const auto library = file.section("library", {"exp", "tanh", "erf", "inverse_sqrt", "sin_cos", "angle", "variance"});
  if (!library) return;
  const auto number = [&](std::string_view key, double least, double& value) {
    const auto given = library->number(key);
    if (given && (*given < least || *given > 1e6)) library->refuse(key, "a number of units, from " + std::string(least > 0 ? "0.5" : "0") + " to 1e6");
    value = given.value_or(value);
  };
  number("exp", 0.5, p.ulps.exp);
  number("tanh", 0.5, p.ulps.tanh);
  number("erf", 0.5, p.ulps.erf);
  number("inverse_sqrt", 0.5, p.ulps.inverse_sqrt);
  number("sin_cos", 0.5, p.ulps.sin_cos);
  number("angle", 0, p.angle_error);
  number("variance", 0, p.variance_error);
}

}  // namespace

EngineProfile read_engine_profile(const fs::path& path) {
  const std::string name = path.string();
  const toml::table table = parse(name);
  std::map<std::string, unsigned> lines;
  const TomlSection file(printable(name), "", table, {"description", "formats", "sums", "casts", "library", "activations"}, lines);
  file.require("formats", "a table [formats] with storage and accumulator at least");
  const TomlSection formats = *file.section("formats", {"storage", "operand", "accumulator", "score_accumulator", "mix_accumulator", "score", "alibi", "scalar", "embedding_scale",
                                                        "softmax", "probability", "cache", "norm", "function", "rope_angle", "rope_table", "rotation"});
  formats.require("storage", "the format of vectors between operations");
  formats.require("accumulator", "the format of the sums of linear maps");
  const auto format = [&](std::string_view key, const Format& otherwise) {
    const auto given = formats.has_list(key) ? std::nullopt : formats.string(key);
    return given ? checked_format(formats, key, *given) : otherwise;
  };
  EngineProfile p;
  p.name = path.stem().string();
  p.description = file.string("description").value_or("");
  p.storage = format("storage", {});
  p.accumulator = format("accumulator", {});
  p.operand = format("operand", p.storage);
  p.score_accumulator = format("score_accumulator", p.accumulator);
  p.mix_accumulator = format("mix_accumulator", p.accumulator);
  p.score = format("score", p.storage);
  p.alibi = format("alibi", p.score);
  p.scalar = format("scalar", p.accumulator);
  p.embedding_scale = format("embedding_scale", p.storage);
  p.softmax = format("softmax", p.accumulator);
  p.probability = format("probability", p.storage);
  p.cache = format("cache", p.storage);
  p.norm = format("norm", p.accumulator);
  p.rope_angle = format("rope_angle", p.accumulator);
  p.rope_table = format("rope_table", p.storage);
  p.rotation = format("rotation", p.storage);
  if (formats.has_list("function")) {
    const std::vector<std::string> names = formats.strings("function").value();
    for (const std::string& one : names) p.function.push_back(checked_format(formats, "function", one));
    if (p.function.empty()) formats.refuse("function", "at least one format");
  } else {
    p.function = {format("function", p.accumulator)};
  }
  read_sums(file, p);
  read_casts(file, p);
  read_library(file, p);
  if (const auto activations = file.section("activations", {"blocks"}))
    p.activation_blocks = activations->choice<ActivationBlocks>("blocks", {{"none", ActivationBlocks::none}, {"ggml", ActivationBlocks::ggml}}).value_or(ActivationBlocks::none);
  return p;
}

std::vector<std::string> shipped_engine_profiles() {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::path& folder : folders()) {
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().extension() == ".toml") names.push_back(entry->path().stem().string());
    if (!names.empty()) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

EngineProfile find_engine_profile(const std::string& name) {
  std::error_code error;
  if (name.ends_with(".toml")) {
    if (!fs::exists(name, error)) throw InputError("--profile", "found no file " + printable(name));
    return read_engine_profile(name);
  }
  for (const fs::path& folder : folders()) {
    const fs::path file = folder / (name + ".toml");
    if (name.find('/') == std::string::npos && fs::exists(file, error)) return read_engine_profile(file);
  }
  if (const auto emulated = find_profile(name)) {
    try {
      return engine_profile(*emulated);
    } catch (const std::invalid_argument& problem) {
      throw InputError("--profile", problem.what());
    }
  }
  std::vector<std::string> names = shipped_engine_profiles();
  for (const Profile& p : shipped_profiles())
    if (std::find(names.begin(), names.end(), p.name) == names.end()) names.push_back(p.name);
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  const auto suggestion = nearest_name(name, names);
  throw InputError("--profile", "found \"" + printable(name) + "\", expected a .toml file or one of " + list + (suggestion ? "; did you mean " + *suggestion + "?" : ""));
}

}  // namespace snellen
