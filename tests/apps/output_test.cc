// SPDX-License-Identifier: Apache-2.0
// Where results go, and what becomes of what is there.
#include <string>
#include <vector>

#include <sys/stat.h>

#include "apps/run_cli.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

const char* const kSpec = R"({"schema": "isoflop.run_spec/1",
    "shape": {"n_layers": 2, "d_model": 32, "n_heads": 2, "vocab_size": 256, "seq_len": 32},
    "dataset": "santafe", "batch_tokens": 256, "n_steps": 20, "peak_lr": 0.004,
    "validation_tokens": 1024})";

const char* const kExperiment = R"({"schema": "isoflop.experiment/1", "question": "?",
  "dataset": "santafe", "seq_len": 64, "budgets": [2e9], "shapes": {"per_budget": 3,
  "half_width": 2, "centre": [8e4, 0]}, "peak_lr": 0.01, "batch_tokens": 256,
  "validation_tokens": 2048})";

std::string points() {
  const SweepOracle oracle{.surface = epoch_surface(),
                           .budgets = geometric_budgets(1e17, 3, 3),
                           .noise = 0.002,
                           .tau = 0.05};
  std::string csv = "params,tokens,loss,budget\n";
  for (const Point& point : oracle.points().points) {
    csv += exact_text(*point.params) + "," + exact_text(point.tokens) + "," +
           exact_text(*point.loss) + "," + exact_text(*point.budget) + "\n";
  }
  return csv;
}

/// Every command that writes a file, and the file.
std::vector<std::vector<std::string>> file_writers(const std::string& out) {
  return {{"fit", "points.csv", "--scale", "params", "--bootstrap", "1", "--out", out, "--id", "x"},
          {"report", "points.csv", "--out", out},
          {"import", "csv", "points.csv", "--out", out},
          {"propose", "--compute", "1e13", "--dataset", "santafe", "--seq-len", "64", "--out", out},
          {"forecast", "--law", "law.json", "--spec", "spec.json", "--out", out}};
}

void write_inputs(const TempDir& dir) {
  dir.write("points.csv", points());
  dir.write("spec.json", kSpec);
  dir.write("experiment.json", kExperiment);
  dir.write("law.json", R"({"schema": "isoflop.law/1", "id": "law", "source": "a test",
    "frame": {"dataset": "santafe", "tokenizer": "santafe", "metric": "bits_per_byte",
              "convention": "deepseek_m_actual"}, "fitted_from": 1e9, "fitted_to": 4e9,
    "frontier": {"irreducible": 2, "coefficient": 100, "exponent": -0.2}})");
}

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) line += argument + " ";
  return line;
}

/// Runs a shell line in the folder; isoflop is $0.
int run_shell(const TempDir& dir, const std::string& line) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("ISOFLOP_FITS", ISOFLOP_SOURCE_DIR "/fits", 1);
    if (chdir(dir.path().c_str()) != 0) _exit(126);
    execl("/bin/sh", "sh", "-c", line.c_str(), ISOFLOP_CLI, nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("a result is written through a link, whatever the command") {
  const TempDir dir;
  write_inputs(dir);
  for (const std::vector<std::string>& arguments : file_writers("link")) {
    INFO(command_line(arguments));
    std::filesystem::remove(dir.path() / "target");
    std::filesystem::remove(dir.path() / "link");
    std::filesystem::create_symlink("target", dir.path() / "link");
    const CliResult result = run_cli(dir, arguments);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK(std::filesystem::is_symlink(dir.path() / "link"));
    CHECK(std::filesystem::is_regular_file(dir.path() / "target"));
  }
}

TEST_CASE("a pipe is no place for a result, and neither is a folder") {
  const TempDir dir;
  write_inputs(dir);
  REQUIRE(mkfifo((dir.path() / "pipe").c_str(), 0600) == 0);
  std::filesystem::create_symlink("pipe", dir.path() / "link");
  std::filesystem::create_directory(dir.path() / "folder");
  for (const char* out : {"pipe", "link", "folder", "/"}) {
    for (const std::vector<std::string>& arguments : file_writers(out)) {
      INFO(command_line(arguments));
      const CliResult result = run_cli(dir, arguments);
      CHECK(result.exit_code == 2);
      CHECK_THAT(result.err, contains(std::string(out) + ": is a "));
    }
  }
  CHECK(std::filesystem::is_fifo(dir.path() / "pipe"));
  CHECK(std::filesystem::is_empty(dir.path() / "folder"));
}

TEST_CASE("no command replaces what it reads") {
  const TempDir dir;
  write_inputs(dir);
  std::filesystem::create_hard_link(dir.path() / "points.csv", dir.path() / "same.csv");
  const std::string before = read_file(dir.path() / "points.csv");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"fit", "points.csv", "--scale", "params", "--out", "points.csv"},
        {"import", "csv", "points.csv", "--out", "./points.csv"},
        {"report", "points.csv", "--out", "same.csv"},
        {"propose", "--compute", "1e13", "--law", "law.json", "--out", "law.json"}}) {
    INFO(command_line(arguments));
    const CliResult result = run_cli(dir, arguments);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, contains("is what this command reads"));
  }
  CHECK(read_file(dir.path() / "points.csv") == before);
}

TEST_CASE("no command writes into a root folder, by whatever name") {
  const TempDir dir;
  write_inputs(dir);
  std::filesystem::create_symlink("/", dir.path() / "root");
  for (const char* out : {"/", "//", "/tmp/..", "root", "root/"}) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"train", "spec.json", "--out", out},
          {"sweep", "experiment.json", "--out", out},
          {"plan", "experiment.json", "--out", out},
          {"report", "points.csv", "--out", "r.html", "--figures", out}}) {
      INFO(command_line(arguments));
      const CliResult result = run_cli(dir, arguments);
      CHECK(result.exit_code == 2);
      CHECK_THAT(result.err, contains("is a root folder"));
    }
  }
  CHECK_FALSE(std::filesystem::exists("/plan.json"));
  CHECK_FALSE(std::filesystem::exists("/spec.json"));
}

TEST_CASE("an answer that cannot be printed whole is a failure, wherever it broke off") {
  const TempDir dir;
  write_inputs(dir);
  for (const char* command :
       {"fit points.csv --scale params --bootstrap 1 --json", "laws", "--help", "--version",
        "propose --compute 1e20 --json", "plan experiment.json --json", "train spec.json"}) {
    for (const char* stream : {">/dev/full", ">&-"}) {
      INFO(command << " " << stream);
      CHECK(run_shell(dir, std::string("exec \"$0\" ") + command + " " + stream + " 2>err") == 1);
      CHECK_THAT(read_file(dir.path() / "err"), contains("standard output cannot be written"));
    }
  }
}

TEST_CASE("what is printed does not get into a result file where stdout is closed") {
  const TempDir dir;
  write_inputs(dir);
  CHECK(run_shell(dir, "exec \"$0\" report points.csv --out r.html >&- 2>&-") == 1);
  CHECK_THAT(read_file(dir.path() / "r.html"), contains("</html>"));
  CHECK(read_file(dir.path() / "r.html").ends_with("</html>\n"));
  CHECK(run_shell(dir, "exec \"$0\" train spec.json --out run <&- >&- 2>&-") == 1);
  CHECK(run_cli(dir, {"train", "spec.json", "--out", "run"}).exit_code ==
        0);  // done: a whole record
}
