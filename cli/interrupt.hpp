// Ctrl-C, SIGTERM and SIGUSR1 (what SLURM sends some time before it kills a job) ask the work to stop at the next safe place; a second Ctrl-C or SIGTERM ends
// the process at once.
#pragma once

namespace snellen {

void catch_interrupts();
bool interrupted();

// After SIGUSR1 alone: there is time to finish what is begun.
bool interrupted_with_notice();

// For a process that works for another: only SIGTERM asks it to stop, however often; what is sent to the whole job is its master's to answer.
void catch_interrupts_of_a_worker();

}  // namespace snellen
