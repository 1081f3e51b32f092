#include "cli/interrupt.hpp"

#include <csignal>

namespace snellen {
namespace {

volatile std::sig_atomic_t asked_to_stop = 0, asked_with_notice = 0;

extern "C" void ask_to_stop(int) { asked_to_stop = 1; }
extern "C" void ask_with_notice(int) { asked_with_notice = 1; }

void on(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void catch_interrupts() {
  on(SIGINT, ask_to_stop, static_cast<int>(SA_RESETHAND));
  on(SIGTERM, ask_to_stop, static_cast<int>(SA_RESETHAND));
  on(SIGUSR1, ask_with_notice, 0);
}

bool interrupted() { return asked_to_stop != 0 || asked_with_notice != 0; }

bool interrupted_with_notice() { return asked_with_notice != 0 && asked_to_stop == 0; }

void catch_interrupts_of_a_worker() {
  on(SIGTERM, ask_to_stop, 0);
  on(SIGINT, SIG_IGN, 0);
  on(SIGUSR1, SIG_IGN, 0);
}

}  // namespace snellen
