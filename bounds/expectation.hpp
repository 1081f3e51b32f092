// What somebody says of a family of sequences, put as a statement that a certification can confirm or refute.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bounds/result.hpp"

namespace snellen {

enum class Outcome {
  collapses,  // there is an N such that the pair collapses for every n >= N
  apart,      // the pair is distinct for every n
};

// About one row of a certification: criterion, format and metric choose it as they choose a CollapseRow.
struct Expectation {
  Criterion criterion = Criterion::tolerance;
  std::optional<std::string> format;
  std::optional<Metric> metric;
  Outcome outcome = Outcome::collapses;
};

// What a row proves of an expected outcome, each word no more than it says:
//   holds      for every n, without end;
//   to_horizon of `collapses`: every pair from some N to the horizon H is proved to collapse; of `apart`: every pair evaluated is proved distinct;
//   fails      of `collapses`: distinct for infinitely many n is proved; of `apart`: some pair is proved to collapse;
//   not_yet    of `collapses`: the pair at H is proved distinct, and nothing is proved beyond;
//   open       none of these.
enum class Standing { holds, to_horizon, fails, not_yet, open };
std::string_view name_of(Standing standing);

Standing judge(Outcome outcome, const CollapseRow& row);

// The row that the expectation speaks of; none where the case did not measure it.
const CollapseRow* find_row(const Certification& c, const Expectation& expectation);

// A case that stands for something in a paper.
struct PaperClaim {
  std::string exhibit;    // "Figure 5 (c)": cases of one exhibit are shown together
  std::string label;      // of this case among them
  std::string says;       // what the paper says, in our words
  std::string setting;    // how the case differs from what the paper did
  std::string otherwise;  // to be said where the statement does not stand as the paper puts it; empty: nothing
  Expectation expected;
};

}  // namespace snellen
