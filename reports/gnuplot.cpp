#include "reports/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace snellen {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    std::string pattern = (fs::temp_directory_path(error) / "snellen-plot-XXXXXX").string();
    if (!error && mkdtemp(pattern.data())) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }  // empty: it could not be made

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "" if the program ran and returned 0.
std::string run(const std::string& program, const fs::path& script, const fs::path& output, const fs::path& messages) {
  const std::string script_name = script.string(), output_name = output.string(), messages_name = messages.string();
  std::vector<std::string> arguments = {program, "--default-settings", script_name};
  std::vector<std::string> variables = {"LC_ALL=C", "HOME=/nonexistent"};
  if (const char* path = getenv("PATH")) variables.push_back(std::string("PATH=") + path);
  if (const char* path = getenv("LD_LIBRARY_PATH")) variables.push_back(std::string("LD_LIBRARY_PATH=") + path);
  const auto pointers = [](std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& s : strings) result.push_back(s.data());
    result.push_back(nullptr);
    return result;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, messages_name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, program.c_str(), &actions, nullptr, pointers(arguments).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return program + " is not installed";
  if (error != 0) return fmt::format("{} cannot be started: {}", program, std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return fmt::format("{} cannot be waited for: {}", program, std::strerror(errno));
  if (WIFSIGNALED(status)) return fmt::format("{} was ended by signal {}", program, WTERMSIG(status));
  if (WEXITSTATUS(status) == 0) return {};
  std::string said = content_of(messages).substr(0, 400);
  for (char& c : said) c = c == '\n' || c == '\r' ? ' ' : c;
  return fmt::format("{} failed with exit status {}: {}", program, WEXITSTATUS(status), said);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

}  // namespace

Picture gnuplot(const std::string& name, const std::string& script, int width, int height, const std::string& program) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return {"", "no temporary folder can be made for the plot"};
  const fs::path script_path = folder.path() / "plot.gp", output_path = folder.path() / "plot.svg";
  {
    std::ofstream file(script_path, std::ios::binary);
    file << fmt::format(
                "set encoding utf8\nset terminal svg size {},{} dynamic enhanced font 'sans-serif,15' background '#ffffff' name "
                "'{}'\n",
                width, height, name)
         << script;
    file.close();
    if (!file) return {"", "the plot's data cannot be written to " + folder.path().string()};
  }
  const std::string problem = run(program, script_path, output_path, folder.path() / "messages");
  if (!problem.empty()) return {"", problem};
  std::string svg = content_of(output_path);
  const std::size_t begin = svg.find("<svg"), end = svg.rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos) return {"", program + " wrote no complete SVG"};
  svg = svg.substr(begin, end + 6 - begin);
  // Neither a tool tip over the whole picture nor the version of gnuplot.
  const std::size_t title = svg.find("<title>"), description = svg.find("</desc>");
  if (title != std::string::npos && description != std::string::npos && title < description)
    svg.erase(title, description + 7 - title);
  // With the key on top gnuplot gives a curve and its key the same id. Nothing refers to these.
  const std::string curve = " id=\"" + name + "_plot_";
  for (std::size_t at = 0; (at = svg.find(curve, at)) != std::string::npos;)
    svg.erase(at, svg.find('"', at + curve.size()) + 1 - at);
  // Several pictures share a page: their ids must differ. Every reference in gnuplot's SVG is one of these.
  for (const char* reference : {" id='", " id=\"", "href='#", "href=\"#", "url(#"})
    replace_all(svg, reference, reference + name + '-');
  return {svg + '\n', ""};
}

std::string gnuplot_string(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      result += ' ';
    } else if (c == '\'') {
      result += "’";  // gnuplot's scanner misreads a doubled quote at the beginning
    } else {
      if (std::strchr("\\^_@&~{}", c)) result += '\\';
      result += c;
    }
  }
  return result + "'";
}

}  // namespace snellen
