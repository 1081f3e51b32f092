// The tail of a periodic run under slopes contains what the forward pass finds at later lengths, and comes near to it.
#include "proofs/checker/period_tail.hpp"

#include "lib/model/synthetic.hpp"
#include "proofs/checker/sequences.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"

using namespace snellen;

namespace {

void contains(const check::Vector& box, const check::Vector& x) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    CAPTURE(i, check::shown(box[i]), check::shown(x[i]));
    REQUIRE(check::is_finite(box[i]));
    REQUIRE(mpfr_lessequal_p(check::lower(box[i]), check::upper(x[i])));
    REQUIRE(mpfr_lessequal_p(check::lower(x[i]), check::upper(box[i])));
  }
}

double widest(const check::Vector& box) {
  double width = 0;
  for (const check::Number& x : box) {
    Dyadic d(53);
    mpfr_sub(d.get(), check::upper(x), check::lower(x), MPFR_RNDU);
    width = std::max(width, d.to_double(MPFR_RNDU));
  }
  return width;
}

}  // namespace

TEST_CASE("every later length lies in the tail") {
  constexpr long bits = 128;
  for (const bool repeat : {false, true})
    for (const std::vector<std::int64_t>& suffix : {std::vector<std::int64_t>{}, {3, 5}}) {
      RandomModel description = testing::tiny(PositionKind::alibi);
      description.layers = 2, description.heads = 2, description.width = 8;
      const Model model = synthetic_model(description);
      CertificateSequences s;
      s.prefix = {1}, s.unit = {2, 4, 3}, s.suffix = suffix, s.repeat_last = repeat;
      REQUIRE(!check::period_refused(model, s));
      const check::PeriodTail early(model, s, 6, bits), late(model, s, 60, bits);
      for (const std::int64_t n : {7, 8, 9, 20, 90}) {
        CAPTURE(repeat, suffix.size(), n);
        const check::Forward forward(model, bits);
        const auto last = [&](const std::vector<Token>& tokens) { return forward.run(check::Seating(tokens).seats()).hidden.back(); };
        contains(early.first(), last(check::sequence(s, n)));
        if (repeat) contains(early.second(), last(check::second_sequence(s, n)));
        if (n > 60) contains(late.first(), last(check::sequence(s, n)));
      }
      contains(early.first(), early.limit());
      CHECK(widest(early.limit()) < 0x1p-90);
      CHECK(widest(late.first()) < 0x1p-6 * widest(early.first()));
    }
}
