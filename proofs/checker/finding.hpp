// What the checker says of one claim.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proofs/certificate/certificate.hpp"

namespace snellen::check {

enum class Status { verified, refuted, open };

struct Finding {
  Status status = Status::open;
  std::string reason;    // refuted: the place and both numbers; open: why
  bool settled = false;  // open, and more precision would not help
  bool is_open() const { return status == Status::open; }
};

struct Options {
  std::optional<std::filesystem::path> model;  // in place of the certificate's
  long max_bits = 4096;
  std::optional<std::int64_t> up_to;           // lengths beyond are not evaluated
  double work = 2e10;                          // interval products that one certificate may cost, about 1e-7 s each on one core
  std::function<void(const std::string&)> say = [](const std::string&) {};  // progress
};

// Claims and what is known of them.
class Findings {
 public:
  explicit Findings(const Certificate& certificate) : claims_(certificate.claims), list_(claims_.size()) {}
  // Runs judge(claim) on every claim of these facts that is open and may be decided yet.
  template <class F>
  void ask(std::initializer_list<std::string_view> facts, const F& judge) {
    ask(facts, [](const CertificateClaim&) { return true; }, judge);
  }
  // Of those for which concerns(claim) holds.
  template <class C, class F>
  void ask(std::initializer_list<std::string_view> facts, const C& concerns, const F& judge) {
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      if (!list_[i].is_open() || list_[i].settled) continue;
      const auto fact = fact_of(claims_[i].id);
      for (const std::string_view wanted : facts)
        if (fact && *fact == wanted && concerns(claims_[i])) list_[i] = judge(claims_[i]);
    }
  }
  bool any_open(std::initializer_list<std::string_view> facts) const {
    bool open = false;
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      const auto fact = fact_of(claims_[i].id);
      open = open || (list_[i].is_open() && !list_[i].settled && fact && std::find(facts.begin(), facts.end(), *fact) != facts.end());
    }
    return open;
  }
  const std::vector<Finding>& list() const { return list_; }

 private:
  const std::vector<CertificateClaim>& claims_;
  std::vector<Finding> list_;
};

inline Finding verified() { return {Status::verified, {}, false}; }
inline Finding refuted(std::string reason) { return {Status::refuted, std::move(reason), false}; }
inline Finding open(std::string reason) { return {Status::open, std::move(reason), false}; }
inline Finding settled(std::string reason) { return {Status::open, std::move(reason), true}; }

}  // namespace snellen::check
