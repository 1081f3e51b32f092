#include "tests/bench/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace snellen {

Child::Child(const std::vector<std::string>& program) {
  std::signal(SIGPIPE, SIG_IGN);  // writing to a child that has ended is an error of say()
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0) throw std::runtime_error(std::string("no pipe: ") + std::strerror(errno));
  if (pipe2(out, O_CLOEXEC) != 0) {
    close(in[0]), close(in[1]);
    throw std::runtime_error(std::string("no pipe: ") + std::strerror(errno));
  }
  std::vector<std::string> copies = program;
  std::vector<char*> arguments;
  for (std::string& argument : copies) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  const int error = posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]), close(out[1]);
  to_ = fdopen(in[1], "w"), from_ = fdopen(out[0], "r");
  if (error == 0) return;
  std::fclose(to_), std::fclose(from_);
  throw std::runtime_error(program[0] + ": " + std::strerror(error));
}

Child::~Child() {
  std::fclose(to_);
  if (!ended_) wait();
  std::fclose(from_);
}

int Child::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  return status;
}

void Child::fail() {
  if (ended_) throw std::runtime_error("the program has ended");
  const int status = wait();
  throw std::runtime_error(WIFSIGNALED(status) ? "the program was ended by signal " + std::to_string(WTERMSIG(status))
                                               : "the program ended with exit status " + std::to_string(WEXITSTATUS(status)));
}

void Child::say(const std::string& line) {
  if (std::fprintf(to_, "%s\n", line.c_str()) < 0 || std::fflush(to_) != 0) fail();
}

std::string Child::hear() {
  char* line = nullptr;
  std::size_t room = 0;
  const ssize_t length = getline(&line, &room, from_);
  std::string result = length > 0 ? std::string(line, static_cast<std::size_t>(length)) : std::string();
  std::free(line);
  if (length <= 0) fail();
  if (result.back() == '\n') result.pop_back();
  return result;
}

}  // namespace snellen
