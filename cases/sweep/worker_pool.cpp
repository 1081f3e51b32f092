#include "cases/sweep/worker_pool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <stdexcept>

namespace snellen {
namespace {

// Of what a worker writes to standard error the end is kept, for the record of a point that ended it.
constexpr std::size_t kept_of_messages = 1000;

[[noreturn]] void fail(const char* what) { throw std::runtime_error(std::string(what) + ": " + strerror(errno)); }

void close_if_open(int& descriptor) {
  if (descriptor >= 0) close(descriptor);
  descriptor = -1;
}

std::string ending_of(int status) {
  if (WIFSIGNALED(status)) return fmt::format("ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace

WorkerPool::WorkerPool(std::vector<WorkerSettings> workers) {
  signal(SIGPIPE, SIG_IGN);  // a worker that has ended is seen when it is waited for
  for (WorkerSettings& settings : workers) {
    Worker worker;
    worker.settings = std::move(settings);
    workers_.push_back(std::move(worker));
  }
}

WorkerPool::~WorkerPool() {
  for (Worker& worker : workers_) {
    if (worker.process < 0) continue;
    kill(worker.process, SIGKILL);
    while (waitpid(worker.process, nullptr, 0) < 0 && errno == EINTR) {
    }
    close_if_open(worker.in), close_if_open(worker.out), close_if_open(worker.messages);
  }
}

void WorkerPool::start(Worker& worker) {
  int in[2], out[2], messages[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(messages, O_CLOEXEC) != 0) fail("cannot make a pipe for a worker");
  std::vector<char*> arguments;
  for (std::string& argument : worker.settings.command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  // The environment is put together here: after fork only calls that are safe in a signal handler are allowed.
  std::vector<std::string> variables = {fmt::format("OMP_NUM_THREADS={}", worker.settings.threads)};
  for (char** variable = environ; *variable; ++variable)
    if (std::string_view(*variable).substr(0, 16) != "OMP_NUM_THREADS=") variables.emplace_back(*variable);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  cpu_set_t processors;
  CPU_ZERO(&processors);
  for (const int processor : worker.settings.processors) CPU_SET(processor, &processors);
  const pid_t master = getpid(), process = fork();
  if (process < 0) fail("cannot start a worker");
  if (process == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != master) _exit(127);  // it died before this was set
    setpgid(0, 0);                        // Ctrl-C is for the master alone, who tells its workers
    if (!worker.settings.processors.empty()) sched_setaffinity(0, sizeof processors, &processors);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0 || dup2(messages[1], STDERR_FILENO) < 0) _exit(127);
    execve(arguments[0], arguments.data(), environment.data());
    _exit(127);
  }
  close(in[0]), close(out[1]), close(messages[1]);
  worker.process = process, worker.in = in[1], worker.out = out[0], worker.messages = messages[0];
  worker.pending.clear(), worker.said.clear();
}

void WorkerPool::send(std::size_t index, const std::string& line) {
  Worker& worker = workers_[index];
  if (worker.process < 0) start(worker);
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(worker.in, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return;  // it has ended: wait() says how
    done += static_cast<std::size_t>(count);
  }
}

std::vector<WorkerEvent> WorkerPool::wait(int milliseconds) {
  std::vector<pollfd> sources;
  std::vector<std::pair<std::size_t, bool>> whose;  // worker, and whether it is its standard error
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (workers_[i].out >= 0) sources.push_back({workers_[i].out, POLLIN, 0}), whose.emplace_back(i, false);
    if (workers_[i].messages >= 0) sources.push_back({workers_[i].messages, POLLIN, 0}), whose.emplace_back(i, true);
  }
  std::vector<WorkerEvent> events;
  if (poll(sources.data(), sources.size(), milliseconds) <= 0) return events;
  // What was said before the end comes before the end.
  const auto drain = [&](Worker& worker, bool messages) {
    int& descriptor = messages ? worker.messages : worker.out;
    char text[4096];
    const ssize_t count = descriptor < 0 ? 0 : read(descriptor, text, sizeof text);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (count <= 0) {
      close_if_open(descriptor);
      return false;
    }
    std::string& kept = messages ? worker.said : worker.pending;
    kept.append(text, static_cast<std::size_t>(count));
    if (messages && kept.size() > kept_of_messages) kept.erase(0, kept.size() - kept_of_messages);
    return true;
  };
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (!(sources[s].revents & (POLLIN | POLLHUP | POLLERR))) continue;
    const auto [index, messages] = whose[s];
    Worker& worker = workers_[index];
    const bool open = drain(worker, messages);
    for (std::size_t end; (end = worker.pending.find('\n')) != std::string::npos; worker.pending.erase(0, end + 1))
      events.push_back({index, worker.pending.substr(0, end), "", false});
    if (messages || open) continue;
    while (drain(worker, true)) {
    }
    int status = 0;
    while (waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    worker.process = -1;
    close_if_open(worker.in);
    // SIGTERM may come before the worker listens for it.
    const bool in_order = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGTERM;
    std::string said = worker.said;
    std::replace(said.begin(), said.end(), '\n', ' ');
    while (!said.empty() && said.back() == ' ') said.pop_back();
    events.push_back({index, {}, ending_of(status) + (said.empty() ? "" : ": " + said), in_order});
  }
  return events;
}

void WorkerPool::signal_all(int signal) {
  for (const Worker& worker : workers_)
    if (worker.process > 0) kill(worker.process, signal);
}

void WorkerPool::finish(std::size_t worker) { close_if_open(workers_[worker].in); }

std::vector<int> allowed_processors() {
  namespace fs = std::filesystem;
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::pair<int, int>> processors;  // NUMA node, number
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    int node = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(fmt::format("/sys/devices/system/cpu/cpu{}", cpu), error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("node") && name.size() > 4 && std::isdigit(static_cast<unsigned char>(name[4]))) node = std::stoi(name.substr(4));
    }
    processors.emplace_back(node, cpu);
  }
  std::sort(processors.begin(), processors.end());
  std::vector<int> result;
  for (const auto& [node, cpu] : processors) result.push_back(cpu);
  return result;
}

}  // namespace snellen
