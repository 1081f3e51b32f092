// Ctrl-C asks the work to stop at the next safe place; a second one ends the process at once.
#pragma once

namespace snellen {

void catch_interrupts();
bool interrupted();

}  // namespace snellen
