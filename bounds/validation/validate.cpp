#include "bounds/validation/validate.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>

#include "bounds/validation/explain.hpp"
#include "bounds/validation/judge.hpp"
#include "lib/error.hpp"
#include "lib/model/decoder.hpp"

namespace snellen {
namespace {

class Judge final : public ImageObserver {
 public:
  Judge(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile, Validation& result, Progress& progress)
      : model_(model), dump_(dump), profile_(profile), program_(operations_of(model)), last_hidden_("hidden." + std::to_string(model.layers.size())), columns_(columns), tokens_(columns.size()), result_(result), progress_(progress) {}

  std::size_t steps() const { return program_.size(); }

  void settle(OperationKind kind, ImageBlock& image) override {
    const OperationName& operation = program_.at(next_++);
    if (operation.kind != kind) throw std::logic_error("Judge: " + operation.name + " is not the operation that the decoder came to");
    progress_.step();
    if (!dump_.contains(operation.name)) {
      result_.not_dumped.push_back(operation.name);
      return;
    }
    const DumpedTensor dumped = dump_.read(operation, tokens_);
    OperationVerdict verdict = judged(model_, profile_, operation, image, dumped);
    verdict.carried = carried(next_ - 1);
    if (const auto layer = whole_layer(next_ - 1)) judge_along(*layer, operation, image, dumped, verdict);
    if (verdict.verdict == Judgement::fail && explained_++ < most_explained) verdict.hints = explanations(model_, profile_, operation, image, dumped, before_final_.get());
    result_.operations.push_back(std::move(verdict));
    take_dumped(model_, profile_, operation, dumped, image);
    if (operation.name == last_hidden_) before_final_ = std::make_unique<ImageBlock>(image);
  }

 private:
  // The layer whose output this operation is, where its input was dumped and nothing inside it.
  std::optional<std::size_t> whole_layer(std::size_t operation) const {
    std::optional<std::size_t> layer;
    for (std::size_t l = 0; l < model_.layers.size() && !layer; ++l)
      if (program_[operation].name == "hidden." + std::to_string(l + 1)) layer = l;
    if (!layer || !dump_.contains("hidden." + std::to_string(*layer))) return std::nullopt;
    for (const OperationName& other : program_)
      if (other.layer == layer && other.name != program_[operation].name && dump_.contains(other.name)) return std::nullopt;
    return layer;
  }

  void judge_along(std::size_t layer, const OperationName& operation, const ImageBlock& image, const DumpedTensor& dumped, OperationVerdict& verdict) const {
    const OperationName& source = *std::find_if(program_.begin(), program_.end(), [&](const OperationName& o) { return o.name == "hidden." + std::to_string(layer); });
    ImageBlock before(image.width, image.tokens), after(image.width, image.tokens);
    take_dumped(model_, profile_, source, dump_.read(source, tokens_), before);
    take_dumped(model_, profile_, operation, dumped, after);
    verdict.directions = directional(model_, layer, columns_, profile_, before, after);
    for (std::size_t t = 0; t < verdict.directions.size(); ++t) {
      const Directional& along = verdict.directions[t];
      if (along.proves_failure()) verdict.tokens[t] = Judgement::fail;
      else if (verdict.tokens[t] == Judgement::inconclusive && along.relative < 1) verdict.tokens[t] = Judgement::pass;
    }
    if (verdict.directions.empty()) return;
    verdict.verdict = *std::max_element(verdict.tokens.begin(), verdict.tokens.end());
    verdict.first_token.reset();
    for (std::size_t t = 0; t < tokens_ && !verdict.first_token; ++t)
      if (verdict.tokens[t] == Judgement::fail) verdict.first_token = t;
  }

  // The operations between what was dumped and this one, in program order.
  std::vector<std::string> carried(std::size_t operation) const {
    std::set<std::size_t> between, open(program_[operation].inputs.begin(), program_[operation].inputs.end());
    while (!open.empty()) {
      const std::size_t one = *open.begin();
      open.erase(open.begin());
      if (dump_.contains(program_[one].name) || !between.insert(one).second) continue;
      open.insert(program_[one].inputs.begin(), program_[one].inputs.end());
    }
    std::vector<std::string> names;
    for (const std::size_t one : between) names.push_back(program_[one].name);
    return names;
  }

  const Model& model_;
  const Dump& dump_;
  const EngineProfile& profile_;
  const std::vector<OperationName> program_;
  static constexpr std::size_t most_explained = 20;  // what comes after the first failures follows from them more often than not
  const std::string last_hidden_;
  const std::span<const Column> columns_;
  std::size_t tokens_, next_ = 0, explained_ = 0;
  std::unique_ptr<ImageBlock> before_final_;
  Validation& result_;
  Progress& progress_;
};

}  // namespace

const OperationVerdict* Validation::first_failure() const {
  for (const OperationVerdict& v : operations)
    if (v.verdict == Judgement::fail) return &v;
  return nullptr;
}

Validation validate(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile, Progress& progress) {
  Validation result;
  result.model = model.source;
  result.profile = profile.name;
  result.dump = dump.place();
  result.tokens = columns.size();
  result.unknown = dump.unknown();
  result.lint = lint(model, columns, dump, profile);
  for (const Finding& finding : result.lint.findings)
    if (finding.fatal) throw InputError(dump.place(), finding.text);
  Judge judge(model, columns, dump, profile, result, progress);
  progress.begin("operations of " + dump.place(), judge.steps());
  try {
    const ImageWorld world(profile, &judge);
    const Decoder<ImageWorld> decoder(model, world);
    Decoder<ImageWorld>::Memory memory;
    const ImageBlock final = decoder.final(decoder.hidden(columns, memory));
    if (dump.contains("logits")) world.linear(model.unembedding, final);
  } catch (const std::invalid_argument& problem) {  // formats that cannot be replayed in their order
    throw InputError("profile " + profile.name, problem.what());
  }
  if (result.operations.empty()) throw InputError(dump.place(), "found no tensor of the model's operations, expected names such as hidden.1 or layer.0.query (--rename maps others)");
  for (const OperationVerdict& v : result.operations) result.verdict = std::max(result.verdict, v.verdict);
  return result;
}

}  // namespace snellen
