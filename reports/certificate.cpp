#include "reports/certificate.hpp"

#include "reports/json_report.hpp"

namespace snellen {

nlohmann::ordered_json certificate(const Certification& c) {
  nlohmann::ordered_json claims = nlohmann::ordered_json::array();
  for (const Claim& claim : c.claims) claims.push_back(json_of(claim));
  return {{"schema", "snellen.certificate/1"},
          {"title", c.title},
          {"case", c.case_name},
          {"model", json_of_model(c)},
          {"family", c.family},
          {"at", c.at},
          {"from", c.from},
          {"to", c.to},
          {"precision_bits", c.precision_bits},
          {"assumptions", c.assumptions},
          {"claims", std::move(claims)}};
}

}  // namespace snellen
