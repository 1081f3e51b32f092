#include "cli/ranks.hpp"

#include "lib/error.hpp"
#include "lib/files/durable.hpp"

#ifdef SNELLEN_HAVE_MPI
#include <mpi.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>
#endif

namespace snellen {

#ifdef SNELLEN_HAVE_MPI
namespace {

// MPI_Init of a process that nobody started for it costs time and may fail, so that only mpirun's and srun's traces lead to it.
bool started_by_mpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMI_SIZE", "PMIX_RANK", "MV2_COMM_WORLD_SIZE"})
    if (std::getenv(name)) return true;
  return false;
}

enum Kind : long {
  progress,  // to rank 0: how many more points
  stopping,  // to rank 0, and from it to all: somebody was asked to stop
  done,      // to rank 0: nothing more comes
  farewell,  // from rank 0: all are done
};

constexpr std::chrono::milliseconds between_looks(20);

}  // namespace

Ranks::Ranks() {
  if (!started_by_mpi()) return;
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (!initialized) MPI_Init(nullptr, nullptr);
  started_ = true;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

Ranks::~Ranks() {
  if (!started_) return;
  // Somewhere an error is on its way to the user: the others would wait for ever.
  if (size_ > 1 && !all_done_) MPI_Abort(MPI_COMM_WORLD, 2);
  MPI_Finalize();
}

void Ranks::agree(const std::string& sweep_sha256, const std::filesystem::path& folder) {
  if (size_ == 1) return;
  std::vector<char> first(sweep_sha256.begin(), sweep_sha256.end());
  MPI_Bcast(first.data(), static_cast<int>(first.size()), MPI_CHAR, 0, MPI_COMM_WORLD);
  const bool same = std::memcmp(first.data(), sweep_sha256.data(), first.size()) == 0;
  // A file that rank 0 writes after the others began to look.
  char token[33] = "";
  if (rank_ == 0) std::snprintf(token, sizeof token, ".ranks-%ld", static_cast<long>(std::chrono::system_clock::now().time_since_epoch().count() % 1'000'000'000'000));
  MPI_Bcast(token, sizeof token, MPI_CHAR, 0, MPI_COMM_WORLD);
  if (rank_ == 0) create_file(folder / token, "");
  MPI_Barrier(MPI_COMM_WORLD);
  std::error_code error;
  bool seen = std::filesystem::exists(folder / token, error);
  for (int again = 0; !seen && again < 50; ++again) {  // a network's file system shows a new file late
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    seen = std::filesystem::exists(folder / token, error);
  }
  int mine = same ? (seen ? 0 : 1) : 2, worst = 0;
  MPI_Allreduce(&mine, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  if (rank_ == 0) std::filesystem::remove(folder / token, error);
  if (worst == 0) return;
  all_done_ = true;  // all throw
  if (worst == 2) throw InputError("mpirun", "found ranks with different sweeps, expected the same file, and the same models, on every node");
  throw InputError(folder.string(), "found that not every rank sees the same folder, expected one on a file system that the nodes share (--out)");
}

void Ranks::send(int to, long kind, long value) {
  const long message[2] = {kind, value};
  MPI_Send(message, 2, MPI_LONG, to, 0, MPI_COMM_WORLD);
}

void Ranks::receive() {
  for (int there = 1; there;) {
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status);
    if (!there) return;
    long message[2];
    MPI_Recv(message, 2, MPI_LONG, status.MPI_SOURCE, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    switch (message[0]) {
      case progress: others_ += static_cast<std::size_t>(message[1]); break;
      case stopping: stop_ = true; break;
      case done: ++done_; break;
      case farewell: all_done_ = true; break;
    }
  }
}

void Ranks::exchange(std::size_t finished, bool stop) {
  if (size_ == 1) return;
  receive();
  stop_ = stop_ || stop;
  if (rank_ != 0 && finished > told_) send(0, progress, static_cast<long>(finished - told_)), told_ = finished;
  if (stop_ && !stop_told_) {
    stop_told_ = true;
    if (rank_ == 0)
      for (int other = 1; other < size_; ++other) send(other, stopping, 0);
    else
      send(0, stopping, 0);
  }
}

void Ranks::finish(std::size_t finished, bool stop) {
  if (size_ == 1) return;
  exchange(finished, stop);
  if (rank_ == 0) {
    while (done_ < size_ - 1) {
      exchange(finished, false);
      std::this_thread::sleep_for(between_looks);
    }
    for (int other = 1; other < size_; ++other) send(other, farewell, 0);
    all_done_ = true;
    return;
  }
  send(0, done, 0);
  while (!all_done_) {
    receive();
    std::this_thread::sleep_for(between_looks);
  }
}

#else

Ranks::Ranks() = default;
Ranks::~Ranks() = default;
void Ranks::agree(const std::string&, const std::filesystem::path&) {}
void Ranks::exchange(std::size_t, bool) {}
void Ranks::finish(std::size_t, bool) {}

#endif

}  // namespace snellen
