#include "proofs/checker/model_source.hpp"

#include <charconv>
#include <cstdlib>
#include <map>

#include "lib/error.hpp"
#include "lib/files/load_model.hpp"
#include "lib/files/printable.hpp"

namespace snellen::check {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view random_prefix = "random: ";

template <class T>
bool take(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool set(RandomModel& r, const std::string& key, const std::string& value) {
  const std::map<std::string, std::size_t RandomModel::*> sizes = {
      {"layers", &RandomModel::layers},   {"width", &RandomModel::width},         {"heads", &RandomModel::heads}, {"kv_heads", &RandomModel::kv_heads},
      {"head_size", &RandomModel::head_size}, {"hidden", &RandomModel::hidden},   {"vocab", &RandomModel::vocab}, {"context", &RandomModel::context},
      {"rotary_dimensions", &RandomModel::rotary_dimensions}, {"global_every", &RandomModel::global_every}};
  const std::map<std::string, double RandomModel::*> reals = {{"rope_base", &RandomModel::rope_base}, {"epsilon", &RandomModel::epsilon}, {"gain", &RandomModel::gain}};
  const std::map<std::string, PositionKind> positions = {{"rope", PositionKind::rope}, {"alibi", PositionKind::alibi}, {"none", PositionKind::none},
                                                         {"sinusoidal", PositionKind::sinusoidal}, {"learned", PositionKind::learned}};
  const std::map<std::string, Activation> activations = {{"silu", Activation::silu}, {"gelu", Activation::gelu_exact}, {"gelu_tanh", Activation::gelu_tanh},
                                                         {"relu", Activation::relu}, {"identity", Activation::identity}};
  const auto chosen = [&](const auto& names, auto& target) {
    const auto found = names.find(value);
    if (found == names.end()) return false;
    target = found->second;
    return true;
  };
  const auto optional = [&](auto& target) { return take(value, target.emplace()); };
  if (key == "seed") return take(value, r.seed);
  if (const auto found = sizes.find(key); found != sizes.end()) return take(value, r.*found->second);
  if (const auto found = reals.find(key); found != reals.end()) return take(value, r.*found->second);
  if (key == "position") return chosen(positions, r.position);
  if (key == "activation") return chosen(activations, r.activation);
  if (key == "norm") return r.norm = value == "rms" ? NormKind::rms : NormKind::layer, value == "rms" || value == "layer";
  if (key == "window") return optional(r.window);
  if (key == "softcap") return optional(r.softcap);
  if (key == "final_softcap") return optional(r.final_softcap);
  const std::map<std::string, bool RandomModel::*> flags = {{"post_norms", &RandomModel::post_norms}, {"qk_norm", &RandomModel::qk_norm},
                                                            {"unit_offset", &RandomModel::unit_offset}, {"gated", &RandomModel::gated}, {"bias", &RandomModel::bias},
                                                            {"tied", &RandomModel::tied}, {"embedding_scale", &RandomModel::embedding_scale},
                                                            {"identity", &RandomModel::identity}, {"one_hot", &RandomModel::one_hot}, {"unscaled", &RandomModel::unscaled}};
  const auto found = flags.find(key);
  if (found == flags.end() || !value.empty()) return false;
  return r.*found->second = true, true;
}

fs::path find_model(const std::string& source, const fs::path& certificate_file) {
  const fs::path path(source);
  std::vector<fs::path> places = {path};
  if (path.is_relative()) {
    places.push_back(certificate_file.parent_path() / path);
    const char* home = std::getenv("SNELLEN_HOME");
    if (home && *home) places.push_back(fs::path(home) / path);
  }
  std::error_code error;
  for (const fs::path& place : places)
    if (fs::exists(place, error)) return place;
  throw InputError(printable(certificate_file.string()) + ": model.source", "found no " + printable(source) + "; --model says where the model is");
}

}  // namespace

std::optional<RandomModel> parse_random_model(const std::string& description) {
  if (!description.starts_with(random_prefix)) return std::nullopt;
  RandomModel r;
  r.gated = false;  // is named where it is so
  for (std::size_t begin = random_prefix.size(); begin <= description.size();) {
    const std::size_t end = std::min(description.find(", ", begin), description.size());
    const std::string part = description.substr(begin, end - begin);
    begin = end + 2;
    if (part == "no pre_norm") {
      r.pre_norm = false;
      continue;
    }
    const std::size_t space = part.find(' ');
    if (!set(r, part.substr(0, space), space == std::string::npos ? "" : part.substr(space + 1))) return std::nullopt;
  }
  if (problem_of(r) || describe(r) != description) return std::nullopt;
  return r;
}

Model load_certified_model(const Certificate& c, const fs::path& file, const Options& options) {
  const std::string place = printable(file.string()) + ": model.";
  const auto random = options.model ? std::nullopt : parse_random_model(c.model.source);
  if (!options.model && !random && c.model.source.starts_with(random_prefix))
    throw InputError(place + "source", "found " + in_quotes(c.model.source) + ", expected the description of a random model");
  Model model = random ? synthetic_model(*random) : load_model(options.model ? *options.model : find_model(c.model.source, file));
  if (model.sha256 != c.model.sha256)
    throw InputError(place + "sha256", "found " + printable(c.model.sha256) + ", but the model's is " + model.sha256 + ": the certificate speaks of another model");
  if (static_cast<std::int64_t>(model.layers.size()) != c.model.layers || static_cast<std::int64_t>(model.width) != c.model.width || model.architecture != c.model.architecture)
    throw InputError(place + "layers", "the certificate's layers, width or architecture are not the model's");
  return model;
}

}  // namespace snellen::check
