// SPDX-License-Identifier: Apache-2.0
// Sweeps with the real trainer on a generated source, through the program.
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include <signal.h>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

const char* const kExperiment = R"({
  "schema": "isoflop.experiment/1",
  "question": "Does an interrupted sweep give the same points?",
  "dataset": "santafe",
  "seq_len": 64,
  "budgets": [2e9, 4e9],
  "shapes": { "per_budget": 5, "half_width": 2, "centre": [8e4, 0] },
  "peak_lr": 0.01,
  "batch_tokens": 256,
  "validation_tokens": 2048
})";

std::vector<std::string> sweep_arguments(const std::string& folder) {
  return {"sweep", "experiment.json", "--out", folder, "--checkpoint-seconds", "0.02"};
}

/// Starts a sweep, kills it after `delay` and returns how it ended.
int run_and_kill(const TempDir& dir, const std::vector<std::string>& arguments,
                 std::chrono::milliseconds delay) {
  const pid_t child = start_cli(dir, arguments);
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

struct RunLines {
  std::int64_t n_lines = 0, last_step = 0;
};

RunLines lines_of(const std::filesystem::path& metrics) {
  RunLines result;
  for (const std::string& line : split(read_file(metrics), '\n')) {
    if (line.empty()) continue;
    const Json json = parse_json(line, metrics.string());
    ++result.n_lines;
    result.last_step = JsonReader(json, metrics.string()).at("step").integer(1, 1 << 30);
  }
  return result;
}

}  // namespace

TEST_CASE("a sweep killed at 20 random moments ends with the points of an undisturbed one") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  const CliResult undisturbed = run_cli(dir, sweep_arguments("undisturbed"));
  INFO(undisturbed.err);
  REQUIRE(undisturbed.exit_code == 0);
  const std::string expected = read_file(dir.path() / "undisturbed/points.csv");
  REQUIRE(split(expected, '\n').size() == 12);  // header, ten runs, the end

  std::mt19937 random(20240102);
  int n_killed = 0;
  for (int round = 0; n_killed < 20 && round < 200; ++round) {
    // A finished sweep has nothing to interrupt: begin another.
    const std::string folder = "killed" + std::to_string(round / 6);
    const int status =
        run_and_kill(dir, sweep_arguments(folder), std::chrono::milliseconds(random() % 300 + 20));
    n_killed += WIFSIGNALED(status);
  }
  CHECK(n_killed == 20);
  for (int i = 0; std::filesystem::exists(dir.path() / ("killed" + std::to_string(i))); ++i) {
    const std::string folder = "killed" + std::to_string(i);
    INFO(folder);
    const CliResult last = run_cli(dir, sweep_arguments(folder));
    INFO(last.err);
    CHECK(last.exit_code == 0);
    CHECK(read_file(dir.path() / folder / "points.csv") == expected);
  }
}

TEST_CASE("an interrupt ends a sweep as the signal would, and the same command goes on") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  const pid_t child = start_cli(dir, sweep_arguments("sweep"));
  const auto runs = dir.path() / "sweep/runs";
  while (!std::filesystem::exists(runs) ||
         std::filesystem::is_empty(runs)) {  // none is claimed yet
    REQUIRE(waitpid(child, nullptr, WNOHANG) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGINT);
  CHECK_THAT(read_file(dir.path() / ".stdout"), contains("to do: the same command goes on"));
  CHECK(run_cli(dir, sweep_arguments("sweep")).exit_code == 0);
  // Done is done: nothing is trained again.
  const auto record = std::filesystem::recursive_directory_iterator(dir.path() / "sweep/runs");
  std::map<std::string, std::filesystem::file_time_type> before;
  for (const auto& entry : record) {
    if (entry.path().filename() == "record.json") before[entry.path()] = entry.last_write_time();
  }
  CHECK(before.size() == 10);
  CHECK(run_cli(dir, {"sweep", "sweep"}).exit_code == 0);
  for (const auto& [file, time] : before) CHECK(std::filesystem::last_write_time(file) == time);
}

TEST_CASE("a trainer that always crashes gives exit code 1, no point, and is tried again") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  const auto trainer = dir.write(
      "trainer", "#!/bin/sh\necho run >>" + (dir.path() / "attempts").string() + "\nkill -9 $$\n");
  std::filesystem::permissions(trainer, std::filesystem::perms::owner_all);
  std::vector<std::string> arguments = sweep_arguments("sweep");
  arguments.insert(arguments.end(), {"--trainer", trainer.string()});
  for (int attempt = 1; attempt <= 2; ++attempt) {
    const CliResult result = run_cli(dir, arguments);
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.out, contains("0 of 10 runs completed"));
    CHECK(split(read_file(dir.path() / "attempts"), '\n').size() ==
          static_cast<std::size_t>(10 * attempt + 1));
    CHECK(split(read_file(dir.path() / "sweep/points.csv"), '\n').size() == 2);  // the header
  }
  const CliResult fit = run_cli(dir, {"fit", "sweep"});
  CHECK(fit.exit_code == 2);                                     // no point, nothing to fit
  CHECK(run_cli(dir, sweep_arguments("sweep")).exit_code == 0);  // with the real trainer
}

TEST_CASE("two launches side by side run everything once and both end well") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  const pid_t first = start_cli(dir, sweep_arguments("sweep"));
  const pid_t second = start_cli(dir, sweep_arguments("sweep"));
  for (const pid_t child : {first, second}) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  for (const auto& run : std::filesystem::directory_iterator(dir.path() / "sweep/runs")) {
    // One line per step of one run from its first step to its last, and no line twice.
    const RunLines lines = lines_of(run.path() / "metrics.jsonl");
    CHECK(lines.n_lines == lines.last_step);
  }
}

TEST_CASE("from an experiment to a scored forecast through the program") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  REQUIRE(run_cli(dir, sweep_arguments("sweep")).exit_code == 0);
  const CliResult status = run_cli(dir, {"status", "sweep", "--json"});
  const Json json = parse_json(status.out, "stdout");
  CHECK(JsonReader(json, "stdout").at("completed").integer(0, 100) == 10);
  CHECK(JsonReader(json, "stdout").at("warnings").elements().empty());

  dir.write("law.json", R"({"schema": "isoflop.law/1", "id": "law", "source": "a test",
    "frame": {"dataset": "santafe", "tokenizer": "santafe", "metric": "bits_per_byte",
              "convention": "deepseek_m_actual"},
    "fitted_from": 1e9, "fitted_to": 4e9, "vocab_size": 256, "seq_len": 64,
    "allocation": {"flops_per_token": [4, 0.45], "tokens": [0.25, 0.55]},
    "hyper": {"batch_tokens": [256, 0], "peak_lr": [0.01, 0]},
    "frontier": {"irreducible": 2, "coefficient": 100, "exponent": -0.2}})");
  const CliResult proposal =
      run_cli(dir, {"propose", "--compute", "6e9", "--law", "law.json", "--dataset", "santafe",
                    "--out", "spec.json", "--validation-tokens", "2048"});
  INFO(proposal.err);
  REQUIRE(proposal.exit_code == 0);
  REQUIRE(run_cli(dir, {"forecast", "--law", "law.json", "--spec", "spec.json", "--out", "f.json"})
              .exit_code == 0);
  CHECK(run_cli(dir, {"forecast", "check", "f.json", "run"}).exit_code == 2);  // not run yet
  REQUIRE(run_cli(dir, {"train", "spec.json", "--out", "run"}).exit_code == 0);
  const CliResult scored = run_cli(dir, {"forecast", "check", "f.json", "run", "--json"});
  INFO(scored.err);
  REQUIRE(scored.exit_code == 0);
  const Json score = parse_json(scored.out, "stdout");
  const JsonReader root(score, "stdout");
  CHECK(root.at("error").number() ==
        Approx(root.at("predicted").number() / root.at("measured").number() - 1));

  // A forecast is neither replaced nor edited.
  REQUIRE(run_cli(dir, {"propose", "--compute", "5e9", "--law", "law.json", "--dataset", "santafe",
                        "--out", "other.json"})
              .exit_code == 0);
  const CliResult replaced =
      run_cli(dir, {"forecast", "--law", "law.json", "--spec", "other.json", "--out", "f.json"});
  CHECK(replaced.exit_code == 2);
  CHECK_THAT(replaced.err, contains("another forecast"));
  std::string text = read_file(dir.path() / "f.json");
  text.replace(text.find("\"predicted\": "), 14, "\"predicted\": 1");
  dir.write("edited.json", text);
  const CliResult edited = run_cli(dir, {"forecast", "check", "edited.json", "run"});
  CHECK(edited.exit_code == 2);
  CHECK_THAT(edited.err, contains("changed after it was made"));
}

TEST_CASE("a signal to a sweep ends its trainers' own children, too") {
  const TempDir dir;
  dir.write("experiment.json", kExperiment);
  const std::string heirs = (dir.path() / "heirs").string();
  const auto trainer =
      dir.write("trainer", "#!/bin/sh\nsleep 1000 &\necho $! >>" + heirs + "\nwait\n");
  std::filesystem::permissions(trainer, std::filesystem::perms::owner_all);
  std::vector<std::string> arguments = sweep_arguments("sweep");
  arguments.insert(arguments.end(), {"--trainer", trainer.string(), "--jobs", "2"});
  const pid_t child = start_cli(dir, arguments);
  while (split(read_file(heirs), '\n').size() < 3) {
    REQUIRE(waitpid(child, nullptr, WNOHANG) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  for (const std::string& line : split(read_file(heirs), '\n')) {
    if (line.empty()) continue;
    const std::string stat = read_file("/proc/" + line + "/stat");
    CHECK((stat.empty() || stat.find(") Z ") != std::string::npos));
  }
}
