// What is kept with a tensor: found again, replaced, dropped with it, and bounded.
#include <memory>
#include <thread>
#include <vector>

#include "lib/model/derived.hpp"
#include "lib/model/tensor.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

struct Thing {
  int key;
  std::size_t room = 10;
  std::size_t bytes() const { return room; }
};
struct OtherThing : Thing {};

std::shared_ptr<const Thing> ask(const Derived& derived, int key, int& made, std::size_t room = 10) {
  return derived.get<Thing>([&](const Thing& kept) { return kept.key == key; }, [&] { return ++made, Thing{key, room}; });
}

}  // namespace

TEST_CASE("what is kept is found again, one of each type, and replaced when another is wanted") {
  int made = 0;
  const std::size_t before = Derived::kept_bytes();
  {
    const Derived derived;
    const auto first = ask(derived, 1, made);
    REQUIRE(ask(derived, 1, made) == first);
    REQUIRE(made == 1);
    REQUIRE(derived.get<OtherThing>([](const OtherThing&) { return true; }, [] { return OtherThing{{7}}; })->key == 7);
    REQUIRE(ask(derived, 1, made) == first);
    REQUIRE(ask(derived, 2, made)->key == 2);
    REQUIRE(first->key == 1);  // who has it keeps it
    REQUIRE(ask(derived, 1, made)->key == 1);
    REQUIRE(made == 3);
    REQUIRE(Derived::kept_bytes() == before + 20);
  }
  REQUIRE(Derived::kept_bytes() == before);
}

TEST_CASE("beyond the room nothing is kept, and what is asked for is there all the same") {
  int made = 0;
  const std::size_t before = Derived::kept_bytes();
  const Derived derived(before + 25);
  REQUIRE(ask(derived, 1, made, 26)->key == 1);
  REQUIRE(ask(derived, 1, made, 26)->key == 1);
  REQUIRE(made == 2);
  REQUIRE(Derived::kept_bytes() == before);
  REQUIRE(ask(derived, 1, made, 25)->key == 1);
  REQUIRE(ask(derived, 1, made, 25)->key == 1);
  REQUIRE(made == 3);
  // What replaces it does not fit: neither is kept, for the old one is not wanted.
  REQUIRE(ask(derived, 2, made, 30)->key == 2);
  REQUIRE(Derived::kept_bytes() == before);
}

TEST_CASE("many threads may ask at once") {
  const Derived derived;
  std::vector<std::thread> threads;
  std::vector<int> wrong(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      int made = 0;
      for (int i = 0; i < 2000; ++i) wrong[static_cast<std::size_t>(t)] += ask(derived, i % 3, made)->key != i % 3;
    });
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == std::vector<int>(8));
}

TEST_CASE("prepared weights are kept with their tensor and die with it") {
  std::weak_ptr<const PreparedWeights> watched;
  const std::size_t before = Derived::kept_bytes();
  {
    const DenseTensor tensor(40, 30, std::vector<double>(1200, 0.5));
    const auto first = PreparedWeights::of(tensor);
    REQUIRE(PreparedWeights::of(tensor) == first);
    REQUIRE(Derived::kept_bytes() == before + first->bytes());
    REQUIRE(first->bytes() >= 1200 * 4);
    REQUIRE(first->bytes() <= 1200 * 8 + 4096);
    watched = first;
  }
  REQUIRE(watched.expired());
  REQUIRE(Derived::kept_bytes() == before);
}
