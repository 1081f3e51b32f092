// The assumptions on the processor's state that every computation in doubles rests on, checked at run time (lib/number/arithmetic.hpp checks
// the compiler's). A library built with -ffast-math may switch on flush-to-zero when it is loaded, and the control register is per thread.
#pragma once

#include <optional>
#include <string>

namespace snellen {

// What is wrong in the calling thread: "rounds upward", "flushes subnormal results to zero", ...
std::optional<std::string> floating_point_problem();

// The same in the calling thread and in every OpenMP worker that it would start; the message names the worker.
std::optional<std::string> floating_point_problem_of_any_worker();

// Throws InputError where there is one. To be called before anything is computed, and again before anything that was computed leaves: a library that is loaded
// meanwhile may have changed what its threads do.
void require_sound_arithmetic();

}  // namespace snellen
