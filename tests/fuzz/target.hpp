// A fuzz target: a reader of untrusted files, to be run on any bytes. One file a target under targets/; libfuzzer.cpp runs one target on what libFuzzer
// makes up, replay.cpp runs all of them on the committed corpus.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace snellen::fuzz {

using Bytes = std::span<const std::byte>;

// Reads the bytes as its kind of file and checks what came out with check(). May throw InputError: a refusal. Anything else that leaves it is a failure.
struct Target {
  std::string_view name;
  void (*run)(Bytes input);
  std::size_t allowance = std::size_t{24} << 20;  // what any file may take, however small
};

// Those linked into the program; a target adds itself: `const Registered registered({"gguf", run});`
const std::vector<Target>& targets();
struct Registered {
  explicit Registered(Target target);
};

// Ends the program with a message: what the fuzzer looks for.
void check(bool holds, std::string_view what);

enum class Outcome { read, refused };

// Runs the target. Fails (as check() does) where anything but an InputError is thrown, where the error's message is not one short line fit for a terminal,
// and where the memory that C++ code allocates exceeds the target's allowance and 64 times the file: a JSON value takes up to 48 bytes beside what its text takes;
// the allowance is for caches, and for a case's list of up to 2^20 token ids. The mapping of the file itself is not counted.
Outcome judge(const Target& target, Bytes input);

inline std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A folder of its own under the system's folder for such, emptied at both ends.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path file(std::string_view name, std::string_view content) const;  // written; its path

 private:
  std::filesystem::path path_;
};

// Several files in one input, for readers of folders. Each begins with a line of its own and ends before the line break of the next such line:
//   %%file NAME          the content follows
//   %%link NAME TARGET   a symbolic link
// A plain NAME lies in the model's folder, snapshots/rev; one with slashes is a path from the folder above (blobs/abc). Returns the model's folder.
// Entries that cannot be made (a name that leaves the scratch folder, one that is there already) are left out.
std::filesystem::path unpack(std::string_view bundle, const Scratch& scratch);

}  // namespace snellen::fuzz
