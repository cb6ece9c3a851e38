// SPDX-License-Identifier: Apache-2.0
// `isoflop train` beside another, in too little memory, and when it is told to end.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/resource.h>

#include "apps/run_cli.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

using Milliseconds = std::chrono::milliseconds;

std::string spec(const std::string& n_layers, const std::string& d_model,
                 const std::string& n_steps) {
  return R"({"schema": "isoflop.run_spec/1", "shape": {"n_layers": )" + n_layers +
         R"(, "d_model": )" + d_model +
         R"(, "n_heads": 2, "vocab_size": 256, "seq_len": 32}, "dataset": "santafe",
    "batch_tokens": 256, "n_steps": )" +
         n_steps + R"(, "peak_lr": 0.004, "validation_tokens": 1024})";
}

/// The address space of this process, in bytes.
rlim_t mapped_bytes() {
  const std::string pages = split(read_file("/proc/self/statm"), ' ').front();
  return std::stoull(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

int end_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void wait_for_lines(const std::filesystem::path& file, std::size_t n) {
  const auto start = std::chrono::steady_clock::now();
  while (split(read_file(file), '\n').size() <= n) {
    REQUIRE(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
    std::this_thread::sleep_for(Milliseconds(2));
  }
}

}  // namespace

TEST_CASE("a second train in a folder is told who holds it, and the first goes on undisturbed") {
  const TempDir dir, other;
  dir.write("spec.json", spec("2", "32", "400"));
  const std::string folder = (dir.path() / "run").string();
  const std::vector<std::string> train = {"train", (dir.path() / "spec.json").string(), "--out",
                                          folder};
  const pid_t first = start_cli(dir, train);
  wait_for_lines(dir.path() / "run/metrics.jsonl", 5);
  const CliResult second = run_cli(other, train);
  CHECK(second.exit_code == 1);
  CHECK_THAT(second.err, contains(folder + ": process " + std::to_string(first) + " on host ") &&
                             contains("is at work there"));
  CHECK(end_of(first) == 0);
  CHECK(split(read_file(dir.path() / "run/metrics.jsonl"), '\n').size() == 401);
  CHECK(run_cli(other, train).exit_code == 0);  // now it is free, and done
}

TEST_CASE("two trains of one spec started at once: one trains, one is told") {
  const TempDir dir, other;
  dir.write("spec.json", spec("2", "32", "300"));
  const std::vector<std::string> train = {"train", (dir.path() / "spec.json").string(), "--out",
                                          (dir.path() / "run").string()};
  const pid_t first = start_cli(dir, train), second = start_cli(other, train);
  const int ends = end_of(first) + end_of(second);
  CHECK(ends <= 1);  // both 0 only where one had finished before the other began
  CHECK(split(read_file(dir.path() / "run/metrics.jsonl"), '\n').size() == 301);
}

TEST_CASE("a model that the memory has no room for is refused before the first step") {
  const TempDir dir;
  dir.write("spec.json", spec("100", "65536", "10"));  // 5 trillion parameters
  const CliResult result = run_cli(dir, {"train", "spec.json", "--out", "run"});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, contains("out of memory before the first step: the weights alone take ") &&
                             contains("on this machine, which has ") &&
                             contains("no micro-batch would fit"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "run/metrics.jsonl"));
  CHECK_FALSE(std::filesystem::exists(dir.path() / "run/record.json"));
}

TEST_CASE("a limit on the process is a limit on the model") {
  const TempDir dir;
  dir.write("spec.json", spec("12", "768", "10"));  // 1.4 GB with its moments and gradients
  // Beyond the address space of a process of this build: sanitizers hold terabytes from the start.
  const rlim_t most = mapped_bytes() + (rlim_t{1} << 30);
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{most, most};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(126);
    const CliResult result = run_cli(dir, {"train", "spec.json", "--out", "run"});
    const bool told = result.err.find("before the first step") != std::string::npos;
    _exit(result.exit_code == 1 && told ? 0 : 1);
  }
  CHECK(end_of(child) == 0);
}

TEST_CASE("a deep model hears a signal within a second, and leaves its checkpoint") {
  const TempDir dir;
  dir.write("spec.json", spec("800", "8", "100000"));
  const pid_t child = start_cli(dir, {"train", "spec.json", "--out", "run"});
  wait_for_lines(dir.path() / "run/metrics.jsonl", 1);
  const auto told = std::chrono::steady_clock::now();
  kill(child, SIGTERM);
  CHECK(end_of(child) == 128 + SIGTERM);
  // Half a second on an idle core; 15 s where headers took a time quadratic in the layers.
  CHECK(std::chrono::steady_clock::now() - told < std::chrono::seconds(5));
  CHECK_FALSE(std::filesystem::is_empty(dir.path() / "run/checkpoint"));
  CHECK(read_file(dir.path() / ".stdout").find("interrupted") != std::string::npos);
}
