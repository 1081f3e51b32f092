#include "lib/files/mapped_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "lib/files/printable.hpp"
#include "lib/files/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::refusal;

TEST_CASE("only regular files are mapped, and only their own bytes are given out", "[files]") {
  const checkpoint::Folder folder;
  const auto path = folder.write("file", "abcdef");
  const auto file = MappedFile::open(path);
  CHECK(file->text() == "abcdef");
  CHECK(file->bytes(2, 4).size() == 4);
  CHECK(file->bytes(2, 4)[0] == std::byte{'c'});
  CHECK(file->bytes(6, 0).empty());
  std::size_t refused = 0;
  for (const auto& [begin, size] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{{2, 5}, {7, 0}, {0, 7}, {~0ull, 2}, {2, ~0ull}}) {
    refused += refusal([&, b = begin, s = size] { file->bytes(b, s); }).find("the file ends at byte 6") != std::string::npos;
  }
  CHECK(refused == 5);
  CHECK(MappedFile::open(folder.write("empty", ""))->bytes().empty());
  CHECK(refusal([&] { MappedFile::open(folder.path() / "none"); }).find("none: cannot be opened: No such file") != std::string::npos);
  CHECK(refusal([&] { MappedFile::open(folder.path()); }).find("is a folder") != std::string::npos);
  const auto pipe = folder.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(refusal([&] { MappedFile::open(pipe); }).find("is not a regular file") != std::string::npos);
  CHECK(refusal([&] { MappedFile::open("/dev/null"); }).find("is not a regular file") != std::string::npos);
}

TEST_CASE("a file that is written to while it is mapped is found out, then and later, and once", "[files]") {
  const checkpoint::Folder folder;
  const auto path = folder.write("file", "abcdef"), other = folder.write("other", "abc");
  // Beyond a tick of the file system's clock.
  const auto write = [](const std::filesystem::path& where, const std::string& content) {
    ::usleep(20'000);
    std::ofstream(where) << content;
  };
  {
    const auto file = MappedFile::open(path);
    const auto untouched = MappedFile::open(other);
    CHECK_NOTHROW(require_mapped_files_unchanged());
    CHECK(mapped_file_at(file->bytes().data() + 5) == file->name());
    CHECK(mapped_file_at(untouched->bytes().data()) == untouched->name());
    CHECK(mapped_file_at(file->bytes().data() + 6) == nullptr);
    CHECK(mapped_file_at(&path) == nullptr);
    std::filesystem::rename(other, folder.path() / "renamed");  // what is mapped stays as it is
    CHECK_NOTHROW(require_mapped_files_unchanged());
    write(path, "abcdeX");
    CHECK(refusal([] { require_mapped_files_unchanged(); }).find("file: was written to while it was in use") != std::string::npos);
    CHECK(refusal([] { require_mapped_files_unchanged(); }).find("file: was written to") != std::string::npos);  // it still is
  }
  CHECK(refusal([] { require_mapped_files_unchanged(); }).find("file: was written to") != std::string::npos);
  CHECK_NOTHROW(require_mapped_files_unchanged());
  write(path, "before");
  { const auto file = MappedFile::open(path); }
  CHECK_NOTHROW(require_mapped_files_unchanged());
}

TEST_CASE("SHA-256 of the standard's examples, of a file, and of several", "[files]") {
  const auto digest = [](const std::string& text) { return sha256(std::as_bytes(std::span(text))); };
  CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const checkpoint::Folder folder;
  const auto a = MappedFile::open(folder.write("a.json", "abc")), b = MappedFile::open(folder.write("b.bin", ""));
  const std::shared_ptr<const MappedFile> one[] = {a}, both[] = {a, b};
  CHECK(sha256(one) == digest("abc"));
  CHECK(sha256(both) == digest(digest("abc") + "  a.json\n" + digest("") + "  b.bin\n"));
}

TEST_CASE("names from files become one short line", "[files]") {
  CHECK(in_quotes("a\nb\x1b[0m\x7f") == "'a\\x0ab\\x1b[0m\\x7f'");
  CHECK(printable(std::string(1000, 'x')).size() == 203);
}
