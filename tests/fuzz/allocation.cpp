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

// All forms, since the address sanitizer brings every one that is not here, with a free of its own.
void* operator new(std::size_t size) { return snellen::fuzz::counted(size); }
void* operator new[](std::size_t size) { return snellen::fuzz::counted(size); }
void* operator new(std::size_t size, std::align_val_t alignment) { return snellen::fuzz::counted(size, alignment); }
void* operator new[](std::size_t size, std::align_val_t alignment) { return snellen::fuzz::counted(size, alignment); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return snellen::fuzz::counted(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept { return operator new(size, tag); }
void operator delete(void* memory) noexcept { snellen::fuzz::released(memory); }
void operator delete[](void* memory) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::size_t) noexcept { snellen::fuzz::released(memory); }
void operator delete[](void* memory, std::size_t) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { snellen::fuzz::released(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { snellen::fuzz::released(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { snellen::fuzz::released(memory); }
