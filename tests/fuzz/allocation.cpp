#include "tests/fuzz/allocation.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace snellen::fuzz {
namespace {

thread_local std::size_t held = 0, most = 0;

void* counted(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (!memory) throw std::bad_alloc();
  held += malloc_usable_size(memory);
  if (held > most) most = held;
  return memory;
}

void* counted(std::size_t size, std::align_val_t alignment) {
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(alignment), size == 0 ? 1 : size) != 0) throw std::bad_alloc();
  held += malloc_usable_size(memory);
  if (held > most) most = held;
  return memory;
}

void released(void* memory) {
  if (memory) held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

Allocated::Allocated() : before_(held) { most = held; }
std::size_t Allocated::most_since() const { return most - before_; }

}  // namespace snellen::fuzz

// The nothrow and array forms of the standard library call these.
void* operator new(std::size_t size) { return snellen::fuzz::counted(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return snellen::fuzz::counted(size, alignment); }
void operator delete(void* memory) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::size_t) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
