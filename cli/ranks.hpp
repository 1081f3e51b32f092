// The processes that mpirun or srun started together. Points are shared through the sweep's folder; what the ranks tell each other is who is done and who was
// asked to stop, so that one of them can show the whole and make the results when the last is done. Waiting takes no processor time.
// Without MPI in the build, or without mpirun, a process is alone: rank 0 of 1.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace snellen {

class Ranks {
 public:
  // Starts MPI where the process was started by it.
  Ranks();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }

  // All have the same sweep and see the same folder: InputError on every rank otherwise. Rank 0 has made the folder before.
  void agree(const std::string& sweep_sha256, const std::filesystem::path& folder);

  // Tells rank 0 how many points this one has finished, the others that one was asked to stop, and hears what they say.
  void exchange(std::size_t finished, bool stop);
  std::size_t finished_by_others() const { return others_; }  // rank 0 alone knows
  bool stop() const { return stop_; }

  // Waits until all are done.
  void finish(std::size_t finished, bool stop);

 private:
  void send(int to, long kind, long value);
  void receive();

  int rank_ = 0, size_ = 1;
  bool started_ = false, stop_ = false, stop_told_ = false, all_done_ = false;
  std::size_t others_ = 0, told_ = 0;
  int done_ = 0;  // ranks that are
};

}  // namespace snellen
