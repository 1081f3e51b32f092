#include "proofs/certificate/claim.hpp"

#include <fmt/format.h>

#include <array>

namespace snellen {
namespace {

constexpr std::array<std::string_view, 9> facts{"distances", "verdicts", "tokens", "collapse", "distinct", "inevitable", "engine", "limit.tail", "limit"};

std::string subject(const ClaimNumbers& numbers) {
  const std::string& criterion = numbers.at("criterion");
  if (criterion == "bitwise") return fmt::format("{} rounds both vectors to the same values", numbers.at("format"));
  if (criterion == "tolerance") return fmt::format("D_{}(n) <= {}", numbers.at("norm"), numbers.at("eps"));
  return "the exact model gives the same next token";
}

std::string opposite(const ClaimNumbers& numbers) {
  const std::string& criterion = numbers.at("criterion");
  if (criterion == "bitwise") return fmt::format("{} rounds the two vectors to different values", numbers.at("format"));
  if (criterion == "tolerance") return fmt::format("D_{}(n) > {}", numbers.at("norm"), numbers.at("eps"));
  return "the exact model gives two different next tokens";
}

std::string of_verdicts(const ClaimNumbers& numbers) {
  const std::string& criterion = numbers.at("criterion");
  const std::string overflow = criterion == "bitwise" ? "; O: some coordinate has no finite value in the format, which is neither" : "";
  return fmt::format("For n = {} to {} the verdicts are {}, each with the number of lengths that it holds for. C: {}; D: {}{}; U: not decided.", numbers.at("from"),
                     numbers.at("to"), numbers.at("verdicts"), subject(numbers), opposite(numbers), overflow);
}

std::string of_all(const ClaimNumbers& numbers) {
  const auto given = [&](const char* name) { return numbers.contains(name); };
  if (numbers.at("status") == "never") return fmt::format("For infinitely many n, {}.", opposite(numbers));
  if (given("overflow from"))
    return fmt::format("For every n >= {}, some coordinate has no finite value in {}, which is neither collapse nor distinctness.", numbers.at("overflow from"),
                       numbers.at("format"));
  std::string before;
  if (given("distinct at")) before = fmt::format("at n = {}, {}", numbers.at("distinct at"), opposite(numbers));
  if (given("distinct at or after")) before = fmt::format("at some n >= {}, {}", numbers.at("distinct at or after"), opposite(numbers));
  if (!given("from")) return fmt::format("A{}.", before.substr(1));
  const std::string from = fmt::format("For every n >= {}, {}", numbers.at("from"), subject(numbers));
  if (numbers.at("status") == "exact") return from + (before.empty() ? "." : "; " + before + ".");
  return from + (before.empty() ? "" : "; " + before) + ". What lies between is not decided.";
}

std::string of_engine(const ClaimNumbers& numbers) {
  const std::string& criterion = numbers.at("criterion");
  const std::string what = criterion == "bitwise"     ? fmt::format("{} rounds both its vectors to the same values", numbers.at("format"))
                           : criterion == "tolerance" ? fmt::format("its own D_{}(n) <= {}", numbers.at("norm"), numbers.at("eps"))
                                                      : "it gives the same next token";
  const std::string from = fmt::format("The emulated engine {}: for every n >= {}, {}", numbers.at("profile"), numbers.at("from"), what);
  if (numbers.at("status") != "exact") return from + ". What lies below is not decided.";
  return from + (numbers.at("from") == "1" ? "." : "; not from any smaller n on.");
}

std::string of_limit(const ClaimNumbers& numbers) {
  return fmt::format("the distance in {} of S_n's vector from the limit, the vector of {},", numbers.at("norm"), numbers.at("limit"));
}

}  // namespace

std::optional<std::string> fact_of(std::string_view id) {
  for (const std::string_view fact : facts)
    if (id == fact || (id.starts_with(fact) && id[fact.size()] == '.')) return std::string(fact);
  return std::nullopt;
}

std::string claim_id(std::string_view fact, const ClaimNumbers& numbers) {
  std::string id(fact);
  for (const char* part : {"profile", "format", "criterion", "norm"})
    if (const auto found = numbers.find(part); found != numbers.end()) id += "." + found->second;
  return id;
}

std::string claim_statement(std::string_view fact, const ClaimNumbers& numbers) {
  const auto number = [&](const char* name) { return numbers.at(name); };
  if (fact == "distances")
    return fmt::format("For every n with {} <= n <= {}, D_{}(n) lies in the interval listed for n.", number("from"), number("to"), number("norm"));
  if (fact == "verdicts") return of_verdicts(numbers);
  if (fact == "tokens") return fmt::format("For every n with {} <= n <= {}, the exact model's next token after S_n is the one listed.", number("from"), number("to"));
  if (fact == "collapse") return fmt::format("For every n with {} <= n <= {}, {}.", number("from"), number("to"), subject(numbers));
  if (fact == "distinct") return fmt::format("At n = {}, {}.", number("n"), opposite(numbers));
  if (fact == "inevitable") return of_all(numbers);
  if (fact == "engine") return of_engine(numbers);
  if (fact == "limit") return fmt::format("At n = {}, {} lies in [{}, {}].", number("n"), of_limit(numbers), number("lower"), number("upper"));
  if (fact == "limit.tail") return fmt::format("For every n >= {}, {} is at most {}.", number("from"), of_limit(numbers), number("upper"));
  throw std::out_of_range("no such fact");
}

std::string_view claim_scope(std::string_view fact) { return fact == "inevitable" || fact == "engine" || fact == "limit.tail" ? "all" : "horizon"; }

std::string_view theorem_of_criterion(std::string_view criterion) {
  if (criterion == "bitwise") return "rounding_monotone";
  if (criterion == "tolerance") return "distance_enclosed";
  return "argmax_margin";
}

}  // namespace snellen
