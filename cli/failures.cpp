#include "cli/failures.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "cli/command.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/number/flint.hpp"

namespace snellen {
namespace {

std::atomic<bool> running = false;

// Nothing but write() is safe in a signal handler.
void say(const char* text) {
  for (std::size_t left = std::strlen(text); left > 0;) {
    const ssize_t count = ::write(STDERR_FILENO, text, left);
    if (count <= 0) return;
    text += count, left -= static_cast<std::size_t>(count);
  }
}

extern "C" void bus_error(int, siginfo_t* info, void*) {
  const char* file = mapped_file_at(info->si_addr);
  say("snellen: ");
  say(file ? file : "a file");
  say(": cannot be read any more (it was shortened, or its disk fails), expected a file that stays as it is\n");
  _exit(exit_bad_input);
}

extern "C" void aborted(int) {
  say("snellen: stopped from within (no memory is left, or a bug)\n");
  _exit(exit_bug);
}

// A library called exit(): its code, mostly 1, would read as "refuted".
void left_from_within() {
  if (!running) return;
  say("snellen: a library ended the process (no memory or threads are left, or a bug)\n");
  _exit(exit_bug);
}

// FLINT 2.9 tells that there is no memory by a function that needs some: it recurses until the stack is full. GMP and Arb abort.
[[noreturn]] void out_of_memory() {
  say("snellen: out of memory\n");
  _exit(exit_bug);
}
void* allocated(std::size_t size) {
  void* memory = std::malloc(size);
  return memory ? memory : (out_of_memory(), nullptr);
}
void* cleared(std::size_t count, std::size_t size) {
  void* memory = std::calloc(count, size);
  return memory ? memory : (out_of_memory(), nullptr);
}
void* resized(void* old, std::size_t size) {
  void* memory = std::realloc(old, size);
  return memory ? memory : (out_of_memory(), nullptr);
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO;
  sigaction(signal, &action, nullptr);
}

}  // namespace

Failures::Failures() {
  std::atexit(left_from_within);
  __flint_set_memory_functions(allocated, cleared, resized, std::free);
  handle(SIGBUS, bus_error);
  std::signal(SIGABRT, aborted);
  running = true;
}

Failures::~Failures() { running = false; }

}  // namespace snellen
