// A library to be preloaded (LD_PRELOAD) that makes the system fail under a program, at a chosen moment:
//   SNELLEN_FAULT=kill AT=k      the process is killed before its k-th change to the file system (open for writing, write, fsync, mkdir, rename, unlink, rmdir)
//   SNELLEN_FAULT=enospc AT=k    the k-th such change and all later ones fail: no space left
//   SNELLEN_FAULT=eio AT=k       the same, an input/output error
//   SNELLEN_FAULT=slow           every such change waits some milliseconds first, so that two processes meet
//   SNELLEN_FAULT=truncate       a file whose name ends in FILE is cut to 4096 bytes as soon as it is mapped
//   SNELLEN_FAULT=modify         one byte of it is changed as soon as it is mapped
//   SNELLEN_FAULT=unreadable     read() from a file whose name ends in FILE fails after 16 bytes: an input/output error
//   SNELLEN_FAULT=upward|downward|towards-zero|flush|denormals    the calling thread computes so from the start
//   SNELLEN_FAULT=flush-workers  every thread that is started later does
//   SNELLEN_FAULT=clock          the time of day jumps back and forth by years, and the steady clock forwards by hours
// Only descriptors above 2 count. With COUNT=FILE the number of changes is written to FILE at the end.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <atomic>
#include <cerrno>
#include <cfenv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

template <class Function>
Function next(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

const std::string fault = setting("SNELLEN_FAULT"), file = setting("FILE"), count_file = setting("COUNT");
const long at = std::atol(setting("AT").c_str());
std::atomic<long> changes = 0;

// Before a change to the file system. False: it must fail, with errno.
bool allowed() {
  const long now = ++changes;
  if (fault == "slow") usleep(static_cast<unsigned>(500 + now * 7919 % 3000));
  if (at == 0 || now < at) return true;
  if (fault == "kill") {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  if (fault == "enospc" || fault == "eio") {
    errno = fault == "eio" ? EIO : ENOSPC;
    return false;
  }
  return true;
}

bool ends_in_file(int descriptor) {
  if (file.empty()) return false;
  char path[4096];
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), path, sizeof path);
  return size > 0 && std::string(path, static_cast<std::size_t>(size)).ends_with(file);
}

void flush_to_zero() { _mm_setcsr(_mm_getcsr() | 0x8000); }

bool start() {
  if (fault == "upward") std::fesetround(FE_UPWARD);
  if (fault == "downward") std::fesetround(FE_DOWNWARD);
  if (fault == "towards-zero") std::fesetround(FE_TOWARDZERO);
  if (fault == "flush") flush_to_zero();
  if (fault == "denormals") _mm_setcsr(_mm_getcsr() | 0x0040);
  return true;
}
[[maybe_unused]] const bool started = start();  // after the settings were read

__attribute__((destructor)) void end() {
  if (count_file.empty()) return;
  if (std::FILE* out = std::fopen(count_file.c_str(), "w")) {
    std::fprintf(out, "%ld\n", changes.load());
    std::fclose(out);
  }
}

struct Start {
  void* (*routine)(void*);
  void* argument;
};
void* start_flushing(void* given) {
  const Start start = *static_cast<Start*>(given);
  delete static_cast<Start*>(given);
  flush_to_zero();
  return start.routine(start.argument);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  static const auto real = next(static_cast<int (*)(const char*, int, ...)>(nullptr), "open");
  if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0 && !allowed()) return -1;
  return real(path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next(static_cast<ssize_t (*)(int, const void*, size_t)>(nullptr), "write");
  if (descriptor > 2 && !allowed()) return -1;
  return real(descriptor, bytes, size);
}

int fsync(int descriptor) {
  static const auto real = next(static_cast<int (*)(int)>(nullptr), "fsync");
  return allowed() ? real(descriptor) : -1;
}

int mkdir(const char* path, mode_t mode) {
  static const auto real = next(static_cast<int (*)(const char*, mode_t)>(nullptr), "mkdir");
  return allowed() ? real(path, mode) : -1;
}

char* mkdtemp(char* pattern) {
  static const auto real = next(static_cast<char* (*)(char*)>(nullptr), "mkdtemp");
  return allowed() ? real(pattern) : nullptr;
}

int rename(const char* from, const char* to) {
  static const auto real = next(static_cast<int (*)(const char*, const char*)>(nullptr), "rename");
  return allowed() ? real(from, to) : -1;
}

// What clears away must not fail for want of space: it is only counted, slowed and killed.
int unlink(const char* path) {
  static const auto real = next(static_cast<int (*)(const char*)>(nullptr), "unlink");
  if (fault == "kill" || fault == "slow") allowed();
  return real(path);
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  static const auto real = next(static_cast<ssize_t (*)(int, void*, size_t)>(nullptr), "read");
  if (fault == "unreadable" && ends_in_file(descriptor)) {
    if (lseek(descriptor, 0, SEEK_CUR) >= 16) {
      errno = EIO;
      return -1;
    }
    size = size < 16 ? size : 16;
  }
  return real(descriptor, bytes, size);
}

void* mmap(void* address, size_t size, int protection, int flags, int descriptor, off_t offset) {
  static const auto real = next(static_cast<void* (*)(void*, size_t, int, int, int, off_t)>(nullptr), "mmap");
  void* result = real(address, size, protection, flags, descriptor, offset);
  if (descriptor < 0 || (fault != "truncate" && fault != "modify") || !ends_in_file(descriptor)) return result;
  const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
  if (fault == "truncate" && truncate(path.c_str(), 4096) != 0) std::abort();
  if (fault == "modify") {
    usleep(20000);  // beyond a tick of the file system's clock
    static const auto real_open = next(static_cast<int (*)(const char*, int, ...)>(nullptr), "open");
    const int again = real_open(path.c_str(), O_RDWR);
    char byte = 0;
    const off_t place = static_cast<off_t>(size) - 1;
    if (again < 0 || pread(again, &byte, 1, place) != 1 || (byte ^= 1, pwrite(again, &byte, 1, place)) != 1) std::abort();
    close(again);
  }
  return result;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*routine)(void*), void* argument) {
  static const auto real = next(static_cast<int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>(nullptr), "pthread_create");
  if (fault != "flush-workers") return real(thread, attributes, routine, argument);
  return real(thread, attributes, start_flushing, new Start{routine, argument});
}

int clock_gettime(clockid_t clock, timespec* time) {
  static const auto real = next(static_cast<int (*)(clockid_t, timespec*)>(nullptr), "clock_gettime");
  const int result = real(clock, time);
  if (fault == "clock" && result == 0) {
    static std::atomic<long> calls = 0;
    const long call = ++calls;
    if (clock == CLOCK_REALTIME) time->tv_sec += (call % 2 == 0 ? 1 : -1) * 40L * 365 * 86400;
    if (clock == CLOCK_MONOTONIC) time->tv_sec += call * 3600;
  }
  return result;
}

}  // extern "C"
