#include <stdexcept>

#include "lib/model/tensor.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("a row that a tensor does not have is refused, not read") {
  const DenseTensor tensor(2, 3, {1, 2, 3, 4, 5, 6});
  std::vector<double> row(3), narrow(2);
  tensor.read_row(1, row);
  CHECK(row == std::vector<double>{4, 5, 6});
  CHECK_THROWS_AS(tensor.read_row(2, row), std::out_of_range);
  CHECK_THROWS_AS(tensor.read_row(~std::size_t{0}, row), std::out_of_range);
  CHECK_THROWS_AS(tensor.read_row(0, narrow), std::out_of_range);
}
