// SPDX-License-Identifier: Apache-2.0
// What a sweep's folder keeps, and what is said of one that is not finished.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

std::string experiment(const std::string& budgets, const std::string& more = R"("peak_lr": 0.01)") {
  return R"({"schema": "isoflop.experiment/1", "question": "?", "dataset": "santafe",
    "seq_len": 64, "budgets": )" +
         budgets + R"(, "shapes": {"per_budget": 5, "half_width": 2, "centre": [8e4, 0]},
    "batch_tokens": 256, "validation_tokens": 2048, )" +
         more + "}";
}

std::string law(const std::string& peak_lr) {
  return R"({"schema": "isoflop.law/1", "id": "mine", "source": "a test",
    "frame": {"dataset": "santafe", "tokenizer": "santafe", "metric": "bits_per_byte",
              "convention": "deepseek_m_actual"}, "fitted_from": 1e9, "fitted_to": 1e10,
    "hyper": {"batch_tokens": [256, 0], "peak_lr": [)" +
         peak_lr + ", 0]}}";
}

CliResult checked(const TempDir& dir, const std::vector<std::string>& arguments) {
  CliResult result = run_cli(dir, arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

std::size_t n_lines(const std::filesystem::path& file) {
  return split(read_file(file), '\n').size() - 1;
}

}  // namespace

TEST_CASE("another experiment does not take over a finished sweep's folder") {
  const TempDir dir;
  dir.write("a.json", experiment("[2e9]"));
  dir.write("b.json", experiment("[3e9]"));
  dir.write("both.json", experiment("[2e9, 3e9]"));
  checked(dir, {"sweep", "a.json", "--out", "sweep"});
  const std::string points = read_file(dir.path() / "sweep/points.csv");
  for (const char* command : {"sweep", "plan"}) {
    const CliResult refused = run_cli(dir, {command, "b.json", "--out", "sweep"});
    CHECK(refused.exit_code == 2);
    CHECK_THAT(refused.err, contains("sweep: holds the sweep of another plan: 5 of its 5 runs"));
    CHECK(read_file(dir.path() / "sweep/points.csv") == points);
  }
  checked(dir, {"sweep", "both.json", "--out", "sweep"});  // has all the runs, and five more
  CHECK(n_lines(dir.path() / "sweep/points.csv") == 11);
  checked(dir, {"sweep", "b.json", "--out", "sweep", "--drop-runs"});
  CHECK(n_lines(dir.path() / "sweep/points.csv") == 6);
}

TEST_CASE("of two experiments started in one new folder, one is told") {
  const TempDir dir, other;
  const auto path = [&](const std::string& name) { return (dir.path() / name).string(); };
  dir.write("a.json", experiment("[2e9]"));
  dir.write("b.json", experiment("[3e9]"));
  for (int i = 0; i < 5; ++i) {
    const std::string sweep = path("sweep" + std::to_string(i));
    int n_done = 0;
    const pid_t first = start_cli(dir, {"sweep", path("a.json"), "--out", sweep});
    const pid_t second = start_cli(other, {"sweep", path("b.json"), "--out", sweep});
    for (const pid_t child : {first, second}) {
      int status = 0;
      waitpid(child, &status, 0);
      n_done += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    CHECK(n_done == 1);
    CHECK(n_lines(sweep + "/points.csv") == 6);
  }
}

TEST_CASE("two experiment files of one name do not meet in the default folder") {
  const TempDir dir;
  dir.write("a/e.json", experiment("[2e9]"));
  dir.write("b/e.json", experiment("[3e9]"));
  checked(dir, {"sweep", "a/e.json"});
  const CliResult refused = run_cli(dir, {"sweep", "b/e.json"});
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, contains("sweeps/e: holds the sweep of another plan"));
  checked(dir, {"sweep", "a/e.json"});
}

TEST_CASE("options that a sweep's folder makes idle are refused by name") {
  const TempDir dir;
  dir.write("e.json", experiment("[2e9]"));
  checked(dir, {"sweep", "e.json", "--out", "sweep"});
  const auto refusal = [&](const std::vector<std::string>& arguments) {
    const CliResult result = run_cli(dir, arguments);
    CHECK(result.exit_code == 2);
    return result.err;
  };
  for (const char* command : {"sweep", "plan"}) {
    CHECK_THAT(refusal({command, "sweep", "--set", "/peak_lr=0.1"}),
               contains("--set: changes an experiment file") && contains("sweep folder sweep"));
  }
  CHECK_THAT(refusal({"sweep", "sweep", "--out", "other"}), contains("--out: the sweep folder"));
  CHECK_THAT(refusal({"sweep", "sweep", "--drop-runs"}), contains("--drop-runs: is for"));
  CHECK_THAT(refusal({"fit", "sweep", "--columns", "params=N"}), contains("--columns: names"));
  CHECK_THAT(refusal({"next", "sweep", "--columns", "params=N", "--flops", "1e9"}),
             contains("--columns: names"));
}

TEST_CASE("every command that uses an unfinished sweep says what is missing and what is damaged") {
  const TempDir dir;
  dir.write("e.json", experiment("[2e9, 4e9, 8e9]"));
  checked(dir, {"sweep", "e.json", "--out", "sweep"});
  const CliResult whole = run_cli(dir, {"fit", "sweep", "--bootstrap", "1"});
  CHECK(whole.err.find("missing") == std::string::npos);
  CHECK(whole.out.find("missing") == std::string::npos);
  const auto runs = std::filesystem::directory_iterator(dir.path() / "sweep/runs");
  const std::filesystem::path record = runs->path() / "record.json";
  std::filesystem::resize_file(record, 100);
  const std::string id = record.parent_path().filename().string();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"fit", "sweep", "--bootstrap", "1"},
        {"fit", "sweep", "--bootstrap", "1", "--json"},
        {"next", "sweep", "--flops", "1e10", "--bootstrap", "1"},
        {"next", "sweep", "--flops", "1e10", "--bootstrap", "1", "--json"},
        {"compare", "sweep", "deepseek-llm-2024"},
        {"compare", "sweep", "deepseek-llm-2024", "--json"},
        {"report", "sweep", "--out", "r.html"}}) {
    const CliResult result = run_cli(dir, arguments);
    INFO(arguments[0] << ": " << result.out << result.err);
    CHECK_THAT(result.out + result.err,
               contains("1 of the sweep's 15 runs are missing (1 failed)"));
    CHECK_THAT(result.out + result.err, contains(id + "/record.json"));
  }
  CHECK_THAT(read_file(dir.path() / "r.html"), contains("runs are missing"));
  const CliResult status = run_cli(dir, {"status", "sweep"});
  CHECK_THAT(status.out, contains("14 completed") && contains("1 failed") && contains("failed  C"));
  CHECK(status.out.find("100.0 %") == std::string::npos);
  checked(dir, {"sweep", "sweep"});
  CHECK_THAT(run_cli(dir, {"status", "sweep"}).out, contains("0 failed; 100.0 %"));
}

TEST_CASE("a plan keeps its prior: neither a distant folder nor a later edit changes it") {
  const TempDir dir;
  dir.write("laws/mine.json", law("0.01"));
  dir.write("e.json", experiment("[2e9, 4e9, 8e9]", R"("prior": "laws/mine.json")"));
  checked(dir, {"sweep", "e.json", "--out", "sweep"});
  const std::vector<std::string> next = {"next", "sweep", "--flops", "2e10", "--bootstrap", "1"};
  const auto with_out = [&](std::vector<std::string> arguments, const std::string& out) {
    arguments.insert(arguments.end(), {"--out", out});
    return arguments;
  };
  checked(dir, with_out(next, "here"));
  const TempDir elsewhere;
  std::vector<std::string> from_there = with_out(next, "there");
  from_there[1] = (dir.path() / "sweep").string();
  checked(elsewhere, from_there);
  CHECK(read_file(elsewhere.path() / "there/plan.json") ==
        read_file(dir.path() / "here/plan.json"));

  dir.write("laws/mine.json", law("0.1"));  // ten times the rate
  const CliResult edited = checked(dir, with_out(next, "edited"));
  CHECK_THAT(edited.err, contains("laws/mine.json has changed since the sweep was planned"));
  const auto runs_of = [&](const std::string& sweep) {
    const std::string plan = read_file(dir.path() / sweep / "plan.json");
    return plan.substr(plan.find("\"runs\": ["));
  };
  CHECK(runs_of("edited") == runs_of("here"));
  CHECK(read_file(dir.path() / "edited/plan.json").find("\"peak_lr\": 0.1,") == std::string::npos);
  CHECK(run_cli(dir, {"sweep", "e.json", "--out", "sweep"}).exit_code == 2);  // another plan
}

TEST_CASE("a sweep's progress counts what it says") {
  const TempDir dir;
  dir.write("e.json", experiment("[2e9, 4e9]"));
  const auto trainer = dir.write("trainer", "#!/bin/sh\nexit 3\n");
  std::filesystem::permissions(trainer, std::filesystem::perms::owner_all);
  const std::vector<std::string> failing = {"sweep", "e.json",    "--out",
                                            "sweep", "--trainer", trainer.string()};
  const auto n_failures = [](const std::string& text) {
    std::int64_t n = 0;
    for (const std::string& line : split(text, '\n')) {
      n += line.starts_with("sweep  ") && line.find("exit status 3") != std::string::npos;
    }
    return n;
  };
  for (int attempt = 0; attempt < 2; ++attempt) {
    const CliResult result = run_cli(dir, failing);
    INFO(result.err);
    CHECK(result.exit_code == 1);
    CHECK(result.err.find("were done before") == std::string::npos);
    CHECK(n_failures(result.err) == 10);
    CHECK_THAT(result.err, contains(" 10/10  "));
  }
  CHECK_THAT(checked(dir, {"sweep", "sweep"}).err, contains("of 10 runs failed before"));
  CHECK_THAT(checked(dir, {"sweep", "sweep"}).err, contains("10 of 10 runs were done before"));
}
