// SPDX-License-Identifier: Apache-2.0
// Laws of one data set and runs of another, training curves of nobody's runs, targets that nothing
// could be trained for.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

std::string law(const std::string& dataset, const std::string& metric, const std::string& floor) {
  return R"({"schema": "isoflop.law/1", "id": "law", "source": "a test", "frame": {"dataset": ")" +
         dataset + R"(", "tokenizer": "santafe", "metric": ")" + metric +
         R"(", "convention": "deepseek_m_actual"}, "fitted_from": 1e9, "fitted_to": 4e9,
    "vocab_size": 256, "seq_len": 64,
    "allocation": {"flops_per_token": [4, 0.45], "tokens": [0.25, 0.55]},
    "hyper": {"batch_tokens": [256, 0], "peak_lr": [0.01, 0]},
    "frontier": {"irreducible": )" +
         floor + R"(, "coefficient": 1, "exponent": -0.01}})";
}

const char* const kSpec = R"({"schema": "isoflop.run_spec/1",
    "shape": {"n_layers": 2, "d_model": 32, "n_heads": 2, "vocab_size": 256, "seq_len": 32},
    "dataset": "santafe", "batch_tokens": 256, "n_steps": 20, "peak_lr": 0.004,
    "validation_tokens": 1024})";

/// Points with run_ids r0, r1 ...
void write_points(const TempDir& dir) {
  const SweepOracle oracle{.surface = epoch_surface(),
                           .budgets = geometric_budgets(1e17, 3, 3),
                           .noise = 0.002,
                           .tau = 0.05};
  std::string csv = "run_id,params,tokens,loss,budget\n";
  for (const Point& point : oracle.points().points) {
    csv += "r" + std::to_string(split(csv, '\n').size() - 2) + "," + exact_text(*point.params) +
           "," + exact_text(point.tokens) + "," + exact_text(*point.loss) + "," +
           exact_text(*point.budget) + "\n";
  }
  dir.write("points.csv", csv);
}

}  // namespace

TEST_CASE("a forecast by a law of another data set is warned about, when made and when scored") {
  const TempDir dir;
  dir.write("named.json", kSpec);
  REQUIRE(run_cli(dir, {"train", "named.json", "--out", "run"}).exit_code == 0);
  dir.write("spec.json", read_file(dir.path() / "run/spec.json"));  // with the data set's hash
  dir.write("same.json", law("santafe", "bits_per_byte", "2"));
  dir.write("other.json", law("gcide", "bits_per_byte", "2"));
  const auto forecast = [&](const std::string& law_file, const std::string& out) {
    return run_cli(dir, {"forecast", "--law", law_file, "--spec", "spec.json", "--out", out});
  };
  CHECK(forecast("same.json", "same_f.json").err.empty());
  const CliResult mixed = forecast("other.json", "other_f.json");
  CHECK(mixed.exit_code == 0);
  CHECK_THAT(mixed.err, contains("law is of data set gcide, the run of santafe"));
  CHECK(run_cli(dir, {"forecast", "check", "same_f.json", "run"}).err.empty());
  CHECK_THAT(run_cli(dir, {"forecast", "check", "other_f.json", "run"}).err,
             contains("law is of data set gcide"));
}

TEST_CASE("a forecast counts repeated data, and one without dataset_hash is scored by name") {
  const TempDir dir;
  dir.write("named.json", kSpec);
  dir.write("law.json", law("santafe", "bits_per_byte", "2"));
  REQUIRE(run_cli(dir, {"train", "named.json", "--out", "run"}).exit_code == 0);
  const auto forecast = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> all = {"forecast",   "--law", "law.json", "--spec",
                                    "named.json", "--out", out};
    all.insert(all.end(), more.begin(), more.end());
    return run_cli(dir, all);
  };
  REQUIRE(forecast("named_f.json", {}).exit_code == 0);
  const CliResult score = run_cli(dir, {"forecast", "check", "named_f.json", "run"});
  CHECK(score.exit_code == 0);
  CHECK_THAT(score.err, contains("the forecast's spec has no dataset_hash"));
  const CliResult repeated = forecast("repeated_f.json", {"--data-tokens", "100"});
  CHECK(repeated.exit_code == 0);
  CHECK_THAT(repeated.err, contains("the run sees 100 tokens ") && contains(" fresh ones"));
}

TEST_CASE("no loss above that of chance is predicted") {
  const TempDir dir;
  dir.write("spec.json", kSpec);
  dir.write("nats.json", law("santafe", "loss_nats", "12"));
  dir.write("bits.json", law("santafe", "bits_per_byte", "12"));
  for (const char* bad : {"nats.json", "bits.json"}) {
    const CliResult forecast =
        run_cli(dir, {"forecast", "--law", bad, "--spec", "spec.json", "--out", "f.json"});
    CHECK(forecast.exit_code == 2);
    CHECK_THAT(forecast.err, contains("more than what a model that has learned nothing costs"));
    CHECK_FALSE(std::filesystem::exists(dir.path() / "f.json"));
    const CliResult proposal =
        run_cli(dir, {"propose", "--compute", "4e9", "--law", bad, "--json"});
    CHECK(proposal.exit_code == 0);
    const Json json = parse_json(proposal.out, "stdout");
    CHECK(json.find("predicted") == nullptr);
    CHECK_THAT(proposal.out, contains("No loss is predicted: law law predicts"));
  }
}

TEST_CASE("a proposal for a data set takes its vocabulary, and says that the law is of another") {
  const TempDir dir;
  const CliResult result = run_cli(dir, {"propose", "--compute", "1e13", "--seq-len", "64",
                                         "--dataset", "santafe", "--out", "spec.json", "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  CHECK(JsonReader(json, "stdout").at("shape").at("vocab_size").integer(1, 1 << 20) == 256);
  CHECK_THAT(result.out, contains("The law was fitted on "));
  CHECK(run_cli(dir, {"train", "spec.json", "--set", "/n_steps=2", "--set", "/warmup_steps=1",
                      "--set", "/batch_tokens=64", "--set", "/micro_batch_seqs=1", "--out", "run"})
            .exit_code == 0);
}

TEST_CASE("of two forecasts to one file one is written, and the other is told") {
  const TempDir dir, other;
  dir.write("spec.json", kSpec);
  dir.write("a.json", law("santafe", "bits_per_byte", "2"));
  dir.write("b.json", law("santafe", "bits_per_byte", "3"));
  const auto start = [&](const TempDir& folder, const std::string& name, int i) {
    const auto path = [&](const std::string& file) { return (dir.path() / file).string(); };
    return start_cli(folder, {"forecast", "--law", path(name), "--spec", path("spec.json"), "--out",
                              path("f" + std::to_string(i) + ".json")});
  };
  for (int i = 0; i < 20; ++i) {
    int n_written = 0;
    const pid_t first = start(dir, "a.json", i), second = start(other, "b.json", i);
    for (const pid_t child : {first, second}) {
      int status = 0;
      waitpid(child, &status, 0);
      n_written += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    CHECK(n_written == 1);
  }
}

TEST_CASE("training curves that are of no run of the points, or never change, are named") {
  const TempDir dir;
  write_points(dir);
  const std::string header = "run_id,params,tokens,loss\n";
  const auto fit = [&](const std::string& curves) {
    dir.write("curves.csv", header + curves);
    return run_cli(dir, {"fit", "points.csv", "--scale", "params", "--bootstrap", "1", "--curves",
                         "curves.csv"});
  };
  const CliResult strangers = fit("x,1e8,1e8,5\nx,1e8,2e8,4\n");
  CHECK(strangers.exit_code == 2);
  CHECK_THAT(strangers.err, contains("curves.csv: column run_id: no curve is of a run") &&
                                contains("got x, the points have r"));
  const CliResult mixed = fit("x,1e8,1e8,5\nx,1e8,2e8,4\nr0,2e7,1e8,5\nr0,2e7,2e8,5\n");
  CHECK(mixed.exit_code == 0);
  CHECK_THAT(mixed.out + mixed.err,
             contains("1 of 2 curves are of runs that are not among the points: x") &&
                 contains("1 of 2 curves have one loss from their first row to their last: r0"));
}

TEST_CASE("a target far below every run is refused") {
  const TempDir dir;
  write_points(dir);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"compare", "points.csv", "points.csv"},
        {"compare", "epoch-2024", "chinchilla-2022"}}) {
    for (const char* target : {"1", "1e308"}) {
      std::vector<std::string> arguments = command;
      arguments.insert(arguments.end(), {"--target", target});
      CHECK_THAT(run_cli(dir, arguments).err, contains("--target: must be at"));
    }
  }
  for (const char* target : {"1", "1e13"}) {
    for (const std::vector<std::string>& command : {std::vector<std::string>{"fit", "points.csv"},
                                                    {"next", "points.csv", "--flops", "1e18"}}) {
      std::vector<std::string> arguments = command;
      arguments.insert(arguments.end(),
                       {"--scale", "params", "--bootstrap", "1", "--target", target});
      const CliResult result = run_cli(dir, arguments);
      CHECK(result.exit_code == 2);
      CHECK_THAT(result.err, contains("--target: must be at least a thousandth of the cheapest"));
    }
  }
}
