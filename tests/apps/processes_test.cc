// SPDX-License-Identifier: Apache-2.0
// One run that several processes carry, as a launcher starts them.
#include <chrono>
#include <csignal>
#include <thread>

#include "apps/run_cli.h"
#include "base/json.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

std::string spec(int n_steps) {
  return R"({"schema": "isoflop.run_spec/1",
    "shape": {"n_layers": 2, "d_model": 32, "n_heads": 2, "vocab_size": 256, "seq_len": 32},
    "dataset": "santafe", "batch_tokens": 256, "n_steps": )" +
         std::to_string(n_steps) + R"(, "peak_lr": 0.004, "micro_batch_seqs": 2,
    "data_parallel": 4, "validation_tokens": 1024})";
}

/// Processes that meet at a file, each with a folder for its output; their run is in `shared`.
class Processes {
 public:
  explicit Processes(const TempDir& shared) : shared_(shared) {}

  pid_t start(int rank) { return start(rank, "file:" + (shared_.path() / "meeting").string()); }
  pid_t start(int rank, const std::string& meeting) {
    setenv("ISOFLOP_WORLD_SIZE", "2", 1);
    setenv("ISOFLOP_RANK", std::to_string(rank).c_str(), 1);
    setenv("ISOFLOP_RENDEZVOUS", meeting.c_str(), 1);
    const pid_t child =
        start_cli(folders_[rank], {"train", (shared_.path() / "spec.json").string(), "--dp", "2",
                                   "--out", (shared_.path() / "many").string()});
    for (const char* name : {"ISOFLOP_WORLD_SIZE", "ISOFLOP_RANK", "ISOFLOP_RENDEZVOUS"}) {
      unsetenv(name);
    }
    return child;
  }
  [[nodiscard]] std::string err(int rank) const {
    return read_file(folders_[rank].path() / ".stderr");
  }

 private:
  const TempDir& shared_;
  TempDir folders_[2];
};

int exit_code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

double loss_of(const std::filesystem::path& run) {
  const std::string file = (run / "record.json").string();
  const Json record = parse_json(read_file(file), file);
  return JsonReader(record, file).at("validation").at("loss_nats").number();
}

}  // namespace

TEST_CASE("two processes carry a run to the bits of one, and one of them writes") {
  const TempDir dir;
  dir.write("spec.json", spec(40));
  REQUIRE(run_cli(dir, {"train", "spec.json", "--out", "one"}).exit_code == 0);
  Processes processes(dir);
  const pid_t second = processes.start(1), first = processes.start(0);
  CHECK(exit_code_of(first) == 0);
  CHECK(exit_code_of(second) == 0);
  CHECK(processes.err(1).empty());
  CHECK(loss_of(dir.path() / "many") == loss_of(dir.path() / "one"));
  CHECK(read_file(dir.path() / "many/metrics.jsonl") ==
        read_file(dir.path() / "one/metrics.jsonl"));
}

TEST_CASE("a process that is killed ends the run of the others at once, by name, and it goes on") {
  const TempDir dir;
  dir.write("spec.json", spec(400));
  Processes processes(dir);
  pid_t second = processes.start(1), first = processes.start(0);
  const auto metrics = dir.path() / "many/metrics.jsonl";
  while (!std::filesystem::exists(metrics) || std::filesystem::file_size(metrics) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(second, SIGKILL);
  const auto killed = std::chrono::steady_clock::now();
  CHECK(exit_code_of(first) == 1);
  CHECK(std::chrono::steady_clock::now() - killed < std::chrono::seconds(15));
  CHECK(exit_code_of(second) == 128 + SIGKILL);
  CHECK_THAT(processes.err(0), contains("rank 1 (host "));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "many/record.json"));

  second = processes.start(1), first = processes.start(0);
  CHECK(exit_code_of(first) == 0);
  CHECK(exit_code_of(second) == 0);
  REQUIRE(run_cli(dir, {"train", "spec.json", "--out", "one"}).exit_code == 0);
  CHECK(loss_of(dir.path() / "many") == loss_of(dir.path() / "one"));
}

TEST_CASE("a process that waits for others says for whom, and hears a signal") {
  struct Case {
    int rank;
    const char* meeting;  // "": a file
    const char* said;
  };
  const auto now = [] { return std::chrono::steady_clock::now(); };
  for (const Case& lonely :
       {Case{1, "", "waits for rank 0: rank 0 has not said where it is"},
        Case{1, "127.0.0.1:1", "waits for rank 0 at 127.0.0.1:1: Connection refused"},
        Case{1, "nobody.invalid:4321", "waits for rank 0 at nobody.invalid:4321: "},
        Case{0, "", "of 2 ranks these have not come: 1"}}) {
    const TempDir dir;
    dir.write("spec.json", spec(40));
    Processes processes(dir);
    const std::string meeting = lonely.meeting;
    const auto started = now();
    const pid_t child =
        meeting.empty() ? processes.start(lonely.rank) : processes.start(lonely.rank, meeting);
    while (processes.err(lonely.rank).find(lonely.said) == std::string::npos &&
           now() - started < std::chrono::seconds(20)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    CHECK(now() - started < std::chrono::seconds(5));
    CHECK_THAT(processes.err(lonely.rank), contains(lonely.said));
    const auto told = now();
    kill(child, SIGTERM);
    CHECK(exit_code_of(child) == 128 + SIGTERM);
    CHECK(now() - told < std::chrono::seconds(2));
    INFO(processes.err(lonely.rank));
    CHECK_FALSE(std::filesystem::exists(dir.path() / "many/record.json"));
  }
}
