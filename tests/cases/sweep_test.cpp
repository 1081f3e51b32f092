#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "cases/sweep/claim.hpp"
#include "cases/sweep/cost.hpp"
#include "cases/sweep/folder.hpp"
#include "cases/sweep/manifest.hpp"
#include "cases/sweep/point_body.hpp"
#include "cases/sweep/point_file.hpp"
#include "cases/sweep/shard.hpp"
#include "cases/sweep/sweep.hpp"
#include "lib/error.hpp"
#include "lib/files/durable.hpp"
#include "tests/catch.hpp"

using namespace snellen;
namespace fs = std::filesystem;

namespace {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "snellen-sweep-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path_ = pattern;
  }
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  Sweep sweep(const std::string& axes, const std::string& name = "s.toml") const {
    std::ofstream(path_ / name) << "[case.model]\nrandom = { width = 8, heads = 2, hidden = 8, vocab = 6 }\n[case.family]\nprefix = [1]\nunit = [2]\nlengths = { to = 4 }\n"
                                << axes;
    return read_sweep(path_ / name);
  }

 private:
  fs::path path_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a sweep is the product of its axes, the first turning slowest") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep(
      "[[axis]]\nkey = \"model.random.layers\"\nrange = { from = 1, to = 4, factor = 2 }\n"
      "[[axis]]\nlabel = \"size\"\nzip = [{ key = \"model.random.width\", values = [8, 16] }, { key = \"model.random.hidden\", range = { from = 8, to = 24, step = 16 } }]\n"
      "[[axis]]\nkey = \"model.random.seed\"\nseeds = { from = 5, count = 2 }\n");
  REQUIRE(sweep.axes.size() == 3);
  CHECK(sweep.axes[0].names == std::vector<std::string>{"1", "2", "4"});
  CHECK(sweep.axes[1].label == "size");
  CHECK(sweep.axes[2].seeds);
  REQUIRE(sweep.points.size() == 12);
  CHECK(sweep.describe(sweep.points[0]) == "layers 1, size 8, seed 5");
  CHECK(sweep.describe(sweep.points[11]) == "layers 4, size 16, seed 6");
  const RandomModel last = std::get<RandomModel>(case_of(sweep, sweep.points[11]).model);
  CHECK((last.layers == 4 && last.width == 16 && last.hidden == 24 && last.seed == 6));
  std::set<std::string> names;
  for (const SweepPoint& point : sweep.points) {
    names.insert(point.name);
    CHECK(point.name.size() == 32);
  }
  CHECK(names.size() == 12);
}

TEST_CASE("a range of fractions adds up no errors") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep("[[axis]]\nkey = \"model.random.epsilon\"\nrange = { from = 0.1, to = 0.7, step = 0.1 }\n");
  REQUIRE(sweep.axes[0].size() == 7);
  CHECK(*sweep.axes[0].numbers[2] == 0.1 + 2 * 0.1);
}

TEST_CASE("a point's name is that of its case alone") {
  const Scratch scratch;
  const std::string layers = "[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 2]\n", seed = "[[axis]]\nkey = \"model.random.seed\"\nvalues = [3]\n";
  const Sweep a = scratch.sweep(layers + seed), b = scratch.sweep(seed + layers, "s.toml"), c = scratch.sweep("[[axis]]\nkey = \"model.random.layers\"\nvalues = [2, 1, 3]\n" + seed);
  CHECK(a.points[0].name == b.points[0].name);
  CHECK(a.points[1].name == c.points[0].name);
  CHECK(a.points[0].name == c.points[1].name);
  CHECK(a.sha256 != b.sha256);  // the axes are part of what a sweep is
  CHECK(a.points[0].name != a.points[1].name);
  // In no case of another model.
  CHECK(point_name(toml::table{{"x", 1}}, "00") != point_name(toml::table{{"x", 1}}, "01"));
}

TEST_CASE("a case in a file of its own is a template") {
  const Scratch scratch;
  std::ofstream(scratch.path() / "base.toml") << "[model]\nrandom = { width = 8, heads = 2, hidden = 8, vocab = 6 }\n[family]\nunit = [2]\nlengths = { to = 4 }\n";
  std::ofstream(scratch.path() / "s.toml") << "case = \"base.toml\"\n[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 2]\n";
  const Sweep sweep = read_sweep(scratch.path() / "s.toml");
  CHECK(sweep.points.size() == 2);
  CHECK(case_of(sweep, sweep.points[1]).request.family.to == 4);
}

TEST_CASE("a point's file is whole or refused") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "p.json";
  const std::string body = R"({"schema":"snellen.point/1","point":"abc","status":"done"})";
  CHECK((!read_point_file(path, "abc").point && read_point_file(path, "abc").problem.empty()));
  const std::string text = point_file_text({body, "c0ffee"});
  replace_file(path, text);
  REQUIRE(read_point_file(path, "abc").point);
  CHECK(read_point_file(path, "abc").point->body == body);
  CHECK(read_point_file(path, "abc").point->commit == "c0ffee");
  CHECK_FALSE(read_point_file(path, "abd").problem.empty());  // of another point
  std::size_t refused = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {  // every byte, changed and missing
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    replace_file(path, changed);
    const PointRead read = read_point_file(path, "abc");
    // A flipped bit in the commit, or a blank of the head, leaves the result as it was.
    refused += !read.point;
    if (read.point) CHECK(read.point->body == body);
    replace_file(path, text.substr(0, at));
    CHECK_FALSE(read_point_file(path, "abc").point);
  }
  CHECK(refused > text.size() - 20);
  CHECK(status_of(body) == PointStatus::done);
}

TEST_CASE("what a folder says of its sweep is checked: names are no paths, places are indices") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep("[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 2]\n[[axis]]\nkey = \"model.random.seed\"\nseeds = 3\n");
  const nlohmann::ordered_json good = manifest_of(sweep);
  CHECK(parse_manifest(good.dump(), "sweep.json") == nlohmann::json::parse(good.dump()));
  const auto refused = [&](const auto& change) {
    nlohmann::ordered_json bad = good;
    change(bad);
    try {
      parse_manifest(bad.dump(), "sweep.json");
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto says = [](const std::string& message, const std::string& part) { return message.find(part) != std::string::npos; };
  CHECK(says(refused([](auto& m) { m["points"][1][1][0] = 2; }), "points[1]: found a place beyond axis 0, expected one below 2"));
  CHECK(says(refused([](auto& m) { m["points"][5][1][1] = 3; }), "points[5]: found a place beyond axis 1, expected one below 3"));
  CHECK(says(refused([](auto& m) { m["points"][0][1][0] = -1; }), "found a place beyond axis 0"));
  CHECK(says(refused([](auto& m) { m["points"][0][1] = {0}; }), "found 1 places, expected one on each of 2 axes"));
  CHECK(says(refused([](auto& m) { m["points"][0][0] = "../../../../../../home/x/.ssh/id0"; }), "expected 32 hexadecimal digits"));
  CHECK(says(refused([](auto& m) { m["points"][0][0] = "../../../../../../etc/passwd/aaa"; }), "expected 32 hexadecimal digits"));
  CHECK(says(refused([](auto& m) { m["points"].erase(0); }), "points: found 5, expected 6"));
  CHECK(says(refused([](auto& m) { m["axes"] = nlohmann::json::array(); }), "axes: found none"));
  CHECK(says(refused([](auto& m) { m["axes"][0]["names"] = nlohmann::json::array(), m["axes"][0]["numbers"] = nlohmann::json::array(); }), "axes: found no point"));
  CHECK(says(refused([](auto& m) { m["axes"][0]["numbers"].erase(0); }), "axes[0].numbers"));
  CHECK(says(refused([](auto& m) { m["title"] = 5; }), "title: found no text"));
  CHECK(says(refused([](auto& m) { m["layout"].erase("x"); }), "layout.x: found no text"));
  CHECK(says(refused([](auto& m) { m["schema"] = "snellen.sweep/2"; }), "expected the schema snellen.sweep/1"));
}

TEST_CASE("a failure is no result") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep("[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 2]\n");
  CHECK(status_of(failed_body(sweep, sweep.points[0], "because", false)) == PointStatus::failed);
  CHECK(status_of(failed_body(sweep, sweep.points[0], "because", true)) == PointStatus::failed_again);
  nlohmann::ordered_json report = {{"distances", {1}}, {"next_tokens", {1}}, {"engine_runs", nlohmann::ordered_json::array()}, {"title", "\"status\":\"failed\",\"again\":"}};
  CHECK(status_of(done_body(sweep, sweep.points[0], report)) == PointStatus::done);
}

TEST_CASE("a claim lives as long as its process") {
  const Scratch scratch;
  const fs::path path = scratch.path() / "claim";
  {
    PointClaim::Attempt first = PointClaim::take(path);
    REQUIRE(first.state == PointClaim::State::taken);
    CHECK(PointClaim::take(path).state == PointClaim::State::held);
  }
  CHECK_FALSE(fs::exists(path));
  // Of a process that is killed the file stays, and blocks nobody on this machine.
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    PointClaim::Attempt held = PointClaim::take(path);
    (void)!write(ready[1], "x", 1);
    while (true) pause();
  }
  char byte;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK(PointClaim::take(path).state == PointClaim::State::held);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(fs::exists(path));
  CHECK(PointClaim::take(path).state == PointClaim::State::taken);
  close(ready[0]), close(ready[1]);
  // Another machine's, whose lock is not seen here: in doubt for a minute after its last sign of life.
  std::ofstream(path) << "elsewhere\n";
  CHECK(PointClaim::take(path).state == PointClaim::State::unclear);
  struct stat before = {}, after = {};
  stat(path.c_str(), &before);
  CHECK(PointClaim::take(path).state == PointClaim::State::unclear);
  stat(path.c_str(), &after);
  CHECK(before.st_mtim.tv_sec == after.st_mtim.tv_sec);  // asking is no sign of life
  const struct timespec old[2] = {{before.st_mtim.tv_sec - claim_stale_seconds - 1, 0}, {before.st_mtim.tv_sec - claim_stale_seconds - 1, 0}};
  utimensat(AT_FDCWD, path.c_str(), old, 0);
  CHECK(PointClaim::take(path).state == PointClaim::State::taken);
}

TEST_CASE("a claim that is a link to somebody's file leaves that file alone") {  // 2026-11-28: it was emptied
  const Scratch scratch;
  const fs::path victim = scratch.path() / "victim", link = scratch.path() / "claim";
  std::ofstream(victim) << "precious";
  fs::create_symlink(victim, link);
  CHECK_THROWS_AS(PointClaim::take(link), InputError);
  CHECK(content_of(victim) == "precious");
}

TEST_CASE("a sweep's folder with links in it writes and removes nothing elsewhere") {  // 2026-11-28: all files of a folder that claims/ led to were removed by a merge
  const Scratch scratch;
  const Sweep sweep = scratch.sweep("[[axis]]\nkey = \"model.random.seed\"\nseeds = 2\n");
  const fs::path victim = scratch.path() / "victim", out = scratch.path() / "out";
  SweepFolder::open(out, sweep, false);
  for (const char* name : {"points", "claims", "runs"}) {
    fs::rename(out / name, victim);
    fs::create_symlink(victim, out / name);
    std::ofstream(victim / "precious") << "precious";
    CHECK_THROWS_AS(SweepFolder::open(out), InputError);
    CHECK_THROWS_AS(SweepFolder::open(out, sweep, false), InputError);
    CHECK(content_of(victim / "precious") == "precious");
    fs::remove(victim / "precious"), fs::remove(out / name), fs::rename(victim, out / name);
  }
  fs::remove(out / ".lock");
  for (const char* name : {".lock", ".merge"}) fs::create_symlink(victim, out / name);
  CHECK_THROWS_AS(SweepFolder::open(out, sweep, false), InputError);
  CHECK_THROWS_AS(SweepFolder::open(out).merging(), InputError);
  CHECK(!fs::exists(victim));
  for (const char* name : {".lock", ".merge"}) fs::remove(out / name);
  CHECK_NOTHROW(SweepFolder::open(out, sweep, false).merging());
}

TEST_CASE("shards") {
  CHECK(parse_shard("2/8").index == 2);
  for (const char* wrong : {"0/2", "3/2", "1", "/2", "1/", "a/b", "1/2/3", "-1/2"}) CHECK_THROWS_AS(parse_shard(wrong), InputError);
  const auto with = [](const char* id, const char* least, const char* step, const char* count) {
    setenv("SLURM_ARRAY_TASK_ID", id, 1), setenv("SLURM_ARRAY_TASK_MIN", least, 1), setenv("SLURM_ARRAY_TASK_STEP", step, 1), setenv("SLURM_ARRAY_TASK_COUNT", count, 1);
    return slurm_shard();
  };
  CHECK(with("0", "0", "1", "4")->index == 1);
  CHECK(with("11", "5", "3", "3")->index == 3);
  CHECK_THROWS_AS(with("7", "1", "1", "3"), InputError);   // --array=1,5,7
  CHECK_THROWS_AS(with("6", "5", "3", "3"), InputError);
  for (const char* name : {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"}) unsetenv(name);
  CHECK_FALSE(slurm_shard());
}

TEST_CASE("the longest points come first, whatever their seed") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep(
      "[[axis]]\nkey = \"model.random.seed\"\nseeds = 2\n[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 3, 2]\n");
  const std::vector<double> work = counted_work(sweep);
  CHECK(work[0] == work[3]);
  CHECK((work[1] > work[2] && work[2] > work[0] && work[0] > 0));
  CHECK(longest_first(work) == std::vector<std::size_t>{1, 4, 2, 5, 0, 3});
}

TEST_CASE("costs are learned from a few points") {
  const Scratch scratch;
  const Sweep sweep = scratch.sweep(
      "[[axis]]\nkey = \"model.random.layers\"\nrange = { from = 1, to = 8 }\n[[axis]]\nkey = \"model.random.position\"\nvalues = [\"none\", \"rope\", \"alibi\"]\n"
      "[[axis]]\nkey = \"family.lengths.to\"\nrange = { from = 10, to = 160, factor = 2 }\n[[axis]]\nkey = \"model.random.seed\"\nseeds = 3\n");
  REQUIRE(sweep.points.size() == 360);
  // Costs of another law than the guess: powers that differ by the kind of position, and chance.
  const auto truth = [&](std::size_t i) {
    const auto& at = sweep.points[i].at;
    const double layers = static_cast<double>(at[0] + 1), length = 10 * std::pow(2.0, static_cast<double>(at[2]));
    const double kinds[] = {0.2, 1, 3}, powers[] = {2.5, 1.2, 1.6};
    return kinds[at[1]] * std::pow(layers, powers[at[1]]) * std::pow(length, 1.3) * (1 + 0.1 * static_cast<double>((7 * i) % 5) - 0.2);
  };
  CostModel model(sweep, counted_work(sweep));
  const std::vector<std::size_t> chosen = model.worth_measuring(30);
  CHECK(std::set<std::size_t>(chosen.begin(), chosen.end()).size() == 30);
  for (const std::size_t i : chosen) model.measured(i, truth(i));
  const std::vector<double> predicted = model.predict();
  double sum = 0, true_sum = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    sum += predicted[i], true_sum += truth(i);
    CHECK(predicted[i] / truth(i) < 3);
    CHECK(truth(i) / predicted[i] < 3);
  }
  CHECK(sum / true_sum < 1.25);
  CHECK(true_sum / sum < 1.25);
  CHECK(model.predict()[chosen[0]] == truth(chosen[0]));
}

TEST_CASE("one folder, one sweep") {
  const Scratch scratch;
  const fs::path out = scratch.path() / "out";
  const Sweep one = scratch.sweep("[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 2]\n"), other = scratch.sweep("[[axis]]\nkey = \"model.random.layers\"\nvalues = [1, 3]\n", "t.toml");
  {
    const SweepFolder folder = SweepFolder::open(out, one, false);
    folder.write(one.points[0].name, {failed_body(one, one.points[0], "x", false), "c"});
    const std::string manifest = content_of(out / "sweep.json");
    CHECK_THROWS_AS(SweepFolder::open(out, other, false), InputError);
    CHECK_THROWS_AS(SweepFolder::open(out, other, true), InputError);  // somebody works in it
    CHECK(content_of(out / "sweep.json") == manifest);
    CHECK_NOTHROW(SweepFolder::open(out, one, false));
  }
  const SweepFolder extended = SweepFolder::open(out, other, true);
  CHECK(extended.has(other.points[0].name));
  CHECK_FALSE(extended.has(other.points[1].name));
  CHECK_THROWS_AS(SweepFolder::open(scratch.path()), InputError);
}
