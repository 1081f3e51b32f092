// Worker processes that compute points, one at a time each. A point that ends its process (out of memory, an abort of a library) ends nothing else, and workers
// share no state, so that a result cannot depend on what runs beside it.
//
// A worker reads lines "INDEX NAME" from its standard input and answers each with one line of JSON on its standard output; it dies with its master.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace snellen {

struct WorkerSettings {
  std::vector<std::string> command;  // the program by its path, and its arguments
  int threads = 1;
  std::vector<int> processors;       // it may run on these alone; empty: on all of the master's
};

// What a worker said or did.
struct WorkerEvent {
  std::size_t worker;
  std::optional<std::string> answer;   // a line; none: the process has ended, as `ending` says
  std::string ending;                  // "ended by signal 9 (Killed)", with the last that it wrote to standard error
  bool in_order = false;               // it ended because somebody asked it to
};

class WorkerPool {
 public:
  explicit WorkerPool(std::vector<WorkerSettings> workers);
  ~WorkerPool();  // kills what still runs
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  std::size_t size() const { return workers_.size(); }
  // Starts the worker where it does not run.
  void send(std::size_t worker, const std::string& line);
  // Waits for events, `milliseconds` at most.
  std::vector<WorkerEvent> wait(int milliseconds);
  // A signal to every worker that runs.
  void signal_all(int signal);
  // No more lines come: the worker ends by itself.
  void finish(std::size_t worker);

 private:
  struct Worker {
    WorkerSettings settings;
    pid_t process = -1;
    int in = -1, out = -1, messages = -1;  // our ends
    std::string pending, said;             // not yet a whole line; the last of standard error
  };
  void start(Worker& worker);
  std::vector<Worker> workers_;
};

// The processors that this process may run on, those of one NUMA node beside each other.
std::vector<int> allowed_processors();

}  // namespace snellen
