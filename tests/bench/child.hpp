// Another program that answers lines with lines.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace snellen {

class Child {
 public:
  // program[0] is a path. std::runtime_error if it cannot be started.
  explicit Child(const std::vector<std::string>& program);
  ~Child();  // closes its input and waits for its end
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // std::runtime_error where it has ended, saying how.
  void say(const std::string& line);
  std::string hear();

 private:
  int wait();
  [[noreturn]] void fail();

  pid_t pid_ = 0;
  bool ended_ = false;
  std::FILE *to_ = nullptr, *from_ = nullptr;
};

}  // namespace snellen
