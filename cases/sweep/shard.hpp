// Which part of a sweep a process does by itself: --shard i/N, or what SLURM says of a job array.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace snellen {

struct Shard {
  std::size_t index = 1, count = 1;  // index from 1
};

// "3/8". InputError for anything else.
Shard parse_shard(const std::string& text);

// Of the job array that this process is a task of (SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT); none outside an array. InputError where SLURM's variables
// contradict each other.
std::optional<Shard> slurm_shard();

// The threads that SLURM gives to a task (SLURM_CPUS_PER_TASK); none where it does not say.
std::optional<int> slurm_threads();

}  // namespace snellen
