// Certificates of small models, as certify() writes them, and what the checker says of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bounds/certify.hpp"
#include "bounds/work.hpp"
#include "lib/model/synthetic.hpp"
#include "proofs/checker/check.hpp"
#include "reports/certificate.hpp"

namespace snellen::testing {

struct Example {
  std::string name;
  Model model;
  nlohmann::json certificate;
};

inline CertifyRequest small_request(std::int64_t to, std::initializer_list<const char*> formats, bool inevitable) {
  CertifyRequest r;
  r.title = "test";
  r.family.prefix = {1}, r.family.unit = {2}, r.family.from = 1, r.family.to = to;
  for (const char* name : formats) r.formats.push_back(find_format(name).value());
  r.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  r.metrics = {Metric::l1};
  r.inevitable = inevitable;
  return r;
}

inline Example example(std::string name, Model model, const CertifyRequest& request) {
  SilentProgress silent;
  nlohmann::json certificate = json_of(snellen::certificate(certify(model, request, silent)));
  return {std::move(name), std::move(model), std::move(certificate)};
}

inline RandomModel tiny(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 4, m.heads = 1, m.hidden = 4, m.vocab = 6, m.layers = 1, m.position = position;
  return m;
}

// The same under rotary positions in variants, with the seeds 1, 2, ...: changed by `all`, then by one of `each`.
using Change = void (*)(RandomModel&);
inline std::vector<RandomModel> rotary_variants(Change all, std::initializer_list<Change> each) {
  std::vector<RandomModel> list;
  for (const Change change : each) {
    RandomModel m = tiny(PositionKind::rope);
    m.seed = list.size() + 1;
    all(m), change(m);
    list.push_back(m);
  }
  return list;
}

// With a budget that is too small for anything but norms.
inline Example norms_example(const RandomModel& description, CertifyRequest request) {
  Model model = synthetic_model(description);
  request.inevitable_work = 3 * work_of_tokens(model, 50);
  return example("norms", std::move(model), request);
}

// Single lengths; all n by slopes, by windows, by phases, by norms and by eras: everything that the checker can verify, small.
inline std::vector<Example> examples() {
  std::vector<Example> all;
  all.push_back(example("rope", synthetic_model(tiny(PositionKind::rope)), small_request(6, {"e4m3", "bf16"}, false)));
  all.push_back(example("alibi", synthetic_model(tiny(PositionKind::alibi)), small_request(12, {"e4m3"}, true)));
  RandomModel windowed = tiny(PositionKind::rope);
  windowed.layers = 2, windowed.window = 3;
  all.push_back(example("window", synthetic_model(windowed), small_request(7, {"e4m3", "bf16"}, true)));
  CertifyRequest turning = small_request(8, {"e5m2"}, true);
  turning.family.suffix = {4};
  all.push_back(example("phases", synthetic_model(tiny(PositionKind::rope)), turning));
  RandomModel deep = tiny(PositionKind::rope);
  deep.layers = 3, deep.gain = 0.5;
  all.push_back(norms_example(deep, small_request(6, {"e4m3"}, true)));
  CertifyRequest with_engine = small_request(8, {"e5m2"}, true);
  with_engine.profiles.push_back(find_profile("bf16").value());
  all.push_back(example("eras", synthetic_model(tiny(PositionKind::none)), with_engine));
  return all;
}

// With claims for every n in two layers under rotary positions.
inline Example deep_example() {
  RandomModel model = tiny(PositionKind::rope);
  model.layers = 2, model.gain = 1;
  CertifyRequest request = small_request(8, {"e4m3"}, true);
  request.criteria = {Criterion::bitwise, Criterion::tolerance};
  return example("deep", synthetic_model(model), request);
}

// With claims about emulated engines for every n.
inline Example engine_example() {
  RandomModel model = tiny(PositionKind::none);
  model.width = 8, model.heads = 2;
  CertifyRequest request = small_request(20, {"e5m2", "bf16"}, true);
  request.criteria = {Criterion::bitwise, Criterion::argmax, Criterion::tolerance};
  for (const char* profile : {"bf16", "bf16-acc32"}) request.profiles.push_back(find_profile(profile).value());
  return example("engine", synthetic_model(model), request);
}

inline std::vector<check::Finding> findings(const Model& model, const Certificate& c) { return check::check(model, c, {}); }

inline std::size_t count(const std::vector<check::Finding>& list, check::Status status) {
  std::size_t number = 0;
  for (const check::Finding& finding : list) number += finding.status == status;
  return number;
}

}  // namespace snellen::testing
