// Linked into every program that uses mimalloc. By default memory that is freed goes back to the system within milliseconds, to be cleared and mapped again for
// the next operation's balls: an eighth of a certified evaluation's time. It is kept for some seconds.
#include <mimalloc.h>

namespace {

#if MI_MALLOC_VERSION >= 210
constexpr mi_option_t delay = mi_option_purge_delay;
#else
constexpr mi_option_t delay = mi_option_decommit_delay;
#endif

[[maybe_unused]] const bool set = (mi_option_set_default(delay, 5000), true);  // milliseconds; the environment's setting goes first

}  // namespace
