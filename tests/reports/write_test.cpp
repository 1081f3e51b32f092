#include "reports/write.hpp"

#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include "lib/error.hpp"
#include "tests/catch.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;
namespace fs = std::filesystem;

namespace {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "snellen-write-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> names_in(const fs::path& path) {
  std::set<std::string> result;
  for (const auto& entry : fs::directory_iterator(path)) result.insert(entry.path().filename().string());
  return result;
}

void put(const fs::path& path, const std::string& content) { std::ofstream(path) << content; }

std::string error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

// The message of the InputError that `work` throws in a child process, in which `prepare` may drop privileges or set limits.
std::string error_in_child(const std::function<void()>& prepare, const std::function<void()>& work) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    prepare();
    const std::string message = error_of(work);
    const bool told = write(ends[1], message.data(), message.size()) == static_cast<ssize_t>(message.size());
    _exit(told ? 0 : 1);
  }
  close(ends[1]);
  std::string message;
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
    message.append(buffer, static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  return message;
}

const std::set<std::string> kReports = {"report.json", "report.html", "distances.csv", "certificate.json", "environment.json"};

}  // namespace

TEST_CASE("all reports are written, again and again, and foreign files are left alone", "[reports]") {
  const Scratch scratch;
  const fs::path folder = scratch.path() / "a" / "b" / "";
  const Certification c = sample::certification(20);
  const Written written = write_reports(c, Environment{}, folder);
  CHECK(written.files.size() == 5);
  REQUIRE(names_in(folder) == kReports);
  for (const fs::path& file : written.files) CHECK(fs::file_size(file) > 100);
  const std::string json = content_of(folder / "report.json"), html = content_of(folder / "report.html");
  put(folder / "notes.txt", "mine");
  put(folder / "report.json", "old");
  write_reports(c, Environment{}, folder);
  CHECK(content_of(folder / "notes.txt") == "mine");
  CHECK(content_of(folder / "report.json") == json);
  CHECK(content_of(folder / "report.html") == html);
  CHECK(names_in(folder).size() == 6);
}

TEST_CASE("a full disk leaves nothing that looks like a report", "[reports]") {
  const Scratch scratch;
  const fs::path folder = scratch.path() / "out", earlier = scratch.path() / "earlier";
  // A file may grow to 4000 bytes: the small files fit, a later one does not.
  const auto limit = [] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit small{4000, 4000};
    setrlimit(RLIMIT_FSIZE, &small);
  };
  const std::vector<File> files = {{"certificate.json", "small"}, {"report.json", std::string(100000, 'x')}};
  CHECK(error_in_child(limit, [&] { write_all_or_none(files, folder); }) ==
        (folder / "report.json").string() + ": cannot write the report: File too large");
  CHECK_FALSE(fs::exists(folder));

  write_all_or_none({{"certificate.json", "old certificate"}, {"report.json", "old report"}, {"other", "other"}}, earlier);
  CHECK(error_in_child(limit, [&] { write_all_or_none(files, earlier); }).find("File too large") != std::string::npos);
  CHECK(names_in(earlier) == std::set<std::string>{"certificate.json", "report.json", "other"});
  CHECK(content_of(earlier / "certificate.json") == "old certificate");
  CHECK(content_of(earlier / "report.json") == "old report");

  const Certification c = sample::certification(20);
  CHECK(error_in_child(limit, [&] { write_reports(c, Environment{}, earlier); }).find("File too large") != std::string::npos);
  CHECK(content_of(earlier / "report.json") == "old report");
  CHECK(names_in(earlier).size() == 3);
}

TEST_CASE("a place that cannot be written to is named", "[reports]") {
  const Scratch scratch;
  put(scratch.path() / "file", "content");
  const std::vector<File> files = {{"report.json", "new"}};
  const fs::path file = scratch.path() / "file";
  CHECK(error_of([&] { write_all_or_none(files, file); }) == file.string() + ": cannot write reports into it: Not a directory");
  CHECK(error_of([&] { write_all_or_none(files, file / "below"); }) ==
        (file / "below").string() + ": cannot make the folder: Not a directory");
  CHECK(content_of(file) == "content");

  const fs::path closed = scratch.path() / "closed";
  fs::create_directory(closed);
  fs::permissions(scratch.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  fs::permissions(closed, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  // Root may write anywhere, so it is nobody who tries.
  const auto as_nobody = [] {
    if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setegid(65534) != 0 || seteuid(65534) != 0)) _exit(2);
  };
  CHECK(error_in_child(as_nobody, [&] { write_all_or_none(files, closed); }) ==
        closed.string() + ": cannot write reports into it: Permission denied");
  CHECK(error_in_child(as_nobody, [&] { write_all_or_none(files, closed / "new" / "deep"); }) ==
        (closed / "new" / "deep").string() + ": cannot make the folder: Permission denied");
  CHECK(names_in(closed).empty());
}

TEST_CASE("a folder in a report's place: nothing is exchanged", "[reports]") {
  const Scratch scratch;
  put(scratch.path() / "certificate.json", "old");
  fs::create_directory(scratch.path() / "report.json");
  const std::string message = error_of([&] {
    write_all_or_none({{"certificate.json", "new"}, {"report.json", "new"}}, scratch.path());
  });
  CHECK(message == (scratch.path() / "report.json").string() + ": cannot write the report: Is a directory");
  CHECK(content_of(scratch.path() / "certificate.json") == "old");
  CHECK(names_in(scratch.path()) == std::set<std::string>{"certificate.json", "report.json"});
}

TEST_CASE("without gnuplot the run warns and still reports", "[reports]") {
  const Scratch scratch;
  const std::string path = getenv("PATH");
  REQUIRE(setenv("PATH", "/nonexistent", 1) == 0);
  const Written written = write_reports(sample::certification(5), Environment{}, scratch.path());
  REQUIRE(setenv("PATH", path.c_str(), 1) == 0);
  CHECK(written.warnings == std::vector<std::string>{"no distance plot: gnuplot is not installed",
                                                     "no distance plot: gnuplot is not installed",
                                                     "no plot of the verdicts: gnuplot is not installed"});
  CHECK(content_of(scratch.path() / "report.html").find("No picture: gnuplot is not installed.") != std::string::npos);
  CHECK(names_in(scratch.path()) == kReports);
}

TEST_CASE("what a killed writer left is cleared away; other folders are not", "[reports]") {
  const Scratch scratch;
  fs::create_directories(scratch.path() / ".snellen-a1B2c3");
  put(scratch.path() / ".snellen-a1B2c3" / "old-report.json", "left");
  fs::create_directories(scratch.path() / ".snellen-of-somebody-else");
  put(scratch.path() / ".snellen-file00", "a file");
  write_all_or_none({{"report.json", "new"}}, scratch.path());
  CHECK(names_in(scratch.path()) == std::set<std::string>{"report.json", ".snellen-of-somebody-else", ".snellen-file00"});
}

TEST_CASE("writers in one folder come one after the other", "[reports]") {
  const Scratch scratch;
  std::vector<pid_t> children;
  for (int child = 0; child < 4; ++child) {
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      const std::string content = std::to_string(child);
      for (int round = 0; round < 20; ++round)
        if (error_of([&] { write_all_or_none({{"a", content}, {"b", content}, {"c", content}, {"d", content}}, scratch.path()); }) != "no error") _exit(1);
      _exit(0);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  }
  REQUIRE(names_in(scratch.path()) == std::set<std::string>{"a", "b", "c", "d"});
  for (const char* name : {"b", "c", "d"}) CHECK(content_of(scratch.path() / name) == content_of(scratch.path() / "a"));
}
