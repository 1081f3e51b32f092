#include <vector>

#include "lib/number/exact_product/limbs_to_midpoint.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("A number in limbs becomes the midpoint that FLINT makes of it, and is known to be cut off where FLINT says so", "[number]") {
  SplitMix64 random(20261129);
  arf_t ours, fresh, theirs;
  arf_init(ours), arf_init(theirs);  // ours keeps what it held, so that short numbers follow long ones and the other way round
  int cut = 0, whole = 0, shorter = 0, allocated = 0;
  for (int trial = 0; trial < 200000; ++trial) {
    const auto size = static_cast<mp_size_t>(1 + random.next() % 9);
    std::vector<mp_limb_t> limbs(static_cast<std::size_t>(size));
    for (mp_limb_t& limb : limbs) {
      switch (random.next() % 5) {  // zeros and ones in runs, single bits, any
        case 0: limb = 0; break;
        case 1: limb = ~mp_limb_t{0}; break;
        case 2: limb = mp_limb_t{1} << (random.next() % FLINT_BITS); break;
        case 3: limb = ~mp_limb_t{0} << (random.next() % FLINT_BITS); break;
        default: limb = random.next();
      }
    }
    if (limbs.back() == 0) limbs.back() = mp_limb_t{1} << (random.next() % FLINT_BITS);
    const bool negative = random.next() % 2 != 0;
    const slong bits = random.next() % 8 == 0 ? ARF_PREC_EXACT : static_cast<slong>(2 + random.next() % static_cast<std::uint64_t>(FLINT_BITS * size + 40));
    const slong unit = static_cast<slong>(random.next() % 4000) - 2000;

    slong shift;
    const bool theirs_cut = _arf_set_round_mpn(theirs, &shift, limbs.data(), size, negative, bits, ARF_RND_DOWN) != 0;
    fmpz_set_si(ARF_EXPREF(theirs), FLINT_BITS * size + shift + unit);
    const slong length = FLINT_BITS * size - std::countl_zero(limbs.back());
    const bool ours_cut = set_midpoint(ours, WordsOfLimbs(limbs.data(), size), negative, bits, unit);
    arf_init(fresh);
    // The same words, made beforehand by FLINT's shift, three places apart, with a word of zeros below them.
    std::vector<mp_limb_t> shifted(static_cast<std::size_t>(size)), rows(static_cast<std::size_t>(3 * size + 3), 0);
    const auto zeros = static_cast<mp_bitcnt_t>(std::countl_zero(limbs.back()));
    if (zeros > 0) mpn_lshift(shifted.data(), limbs.data(), size, static_cast<unsigned>(zeros));
    else shifted = limbs;
    for (std::size_t i = 0; i < shifted.size(); ++i) rows[3 * (i + 1)] = shifted[i];
    const bool row_cut = set_midpoint(fresh, WordsOfRow(rows.data(), 3, size + 1, length), negative, bits, unit);
    const bool same = arf_equal(ours, theirs) && arf_equal(fresh, theirs) && ours_cut == theirs_cut && row_cut == theirs_cut && ARF_XSIZE(ours) == ARF_XSIZE(theirs) &&
                      ARF_XSIZE(fresh) == ARF_XSIZE(theirs) && ARF_EXP(ours) == length + unit;
    arf_clear(fresh);
    CAPTURE(trial, size, bits, unit, negative);
    REQUIRE(same);
    cut += ours_cut, whole += !ours_cut;
    shorter += ARF_SIZE(ours) < size, allocated += ARF_SIZE(ours) > ARF_NOPTR_LIMBS;
  }
  arf_clear(ours), arf_clear(theirs);
  CHECK(cut > 50000);
  CHECK(whole > 50000);
  CHECK(shorter > 50000);
  CHECK(allocated > 50000);
}
