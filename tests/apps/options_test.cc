// SPDX-License-Identifier: Apache-2.0
// How values of options are read: as people write numbers, all of them, or not at all.
#include <string>
#include <vector>

#include "apps/run_cli.h"
#include "base/json.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

using Words = std::vector<std::string>;

void expect_refused(const TempDir& dir, const Words& arguments, const Words& said) {
  std::string line;
  for (const std::string& argument : arguments) line += argument + " ";
  const CliResult result = run_cli(dir, arguments);
  INFO("isoflop " << line << "\n" << result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  for (const std::string& text : said) CHECK_THAT(result.err, contains(text));
}

Words with(Words arguments, const std::string& option, const std::string& value) {
  arguments.insert(arguments.end(), {option, value});
  return arguments;
}

const Words kFlops = {"flops",        "--d-model", "64",        "--n-heads", "2",
                      "--vocab-size", "256",       "--seq-len", "128"};
const Words kPropose = {"propose", "--law", "deepseek-llm-2024"};

}  // namespace

TEST_CASE("an integer is decimal: no octal, no hexadecimal, no fraction, nothing beyond its type") {
  const TempDir dir;
  Words ten = with(kFlops, "--n-layers", "010");
  ten.emplace_back("--json");
  const CliResult json = run_cli(dir, ten);
  REQUIRE(json.exit_code == 0);
  const Json document = parse_json(json.out, "stdout");
  CHECK(JsonReader(document, "stdout").at("shape").at("n_layers").integer(0, 100) == 10);
  for (const char* bad : {"", " ", "0x10", "1e3", "2.5", "two", "1'000", "1_000", "+-3", "--3",
                          "99999999999999999999", "-99999999999999999999", "nan"}) {
    expect_refused(dir, with(kFlops, "--n-layers", bad),
                   {"--n-layers", "must be a whole decimal number from"});
  }
}

TEST_CASE("a real number is decimal and finite") {
  const TempDir dir;
  for (const char* bad : {"", "0x1p70", "nan", "inf", "-inf", "1e999", "1e20 ", "1,5", "lots"}) {
    expect_refused(dir, with(kPropose, "--compute", bad),
                   {"--compute: must be a finite decimal number, got "});
  }
  dir.write("points.csv", "params,tokens,loss\n1e6,1e8,3\n");
  const Words next = {"next", "points.csv"};
  for (const char* bad : {"", "0x10", "nan"}) {
    expect_refused(dir, with(next, "--flops", bad), {"--flops", "must be a finite decimal number"});
  }
}

TEST_CASE("what an option allows is said with what it got") {
  const TempDir dir;
  const Words fit = {"fit", "points.csv"}, train = {"train", "spec.json"};
  const Words gpu = with(with(kPropose, "--compute", "1e20"), "--gpu", "h100");
  const std::string seed = "--seed: must be a whole decimal number from 0 to 9223372036854775807";
  expect_refused(dir, with(fit, "--seed", "-1"), {seed, "got -1"});
  expect_refused(dir, with(fit, "--seed", "99999999999999999999"), {seed});
  expect_refused(dir, with(fit, "--seed", "18446744073709551615"), {seed});
  expect_refused(dir, with(fit, "--bootstrap", "-1"), {"--bootstrap: must be from 0 to 1000000"});
  expect_refused(dir, with(fit, "--target", "0"), {"--target: must be > 0, got 0"});
  expect_refused(dir, with(fit, "--target", "nan"), {"--target: must be a finite"});
  expect_refused(dir, with(fit, "--band", "2"), {"--band: must be from 1e-06 to 0.999, got 2"});
  for (const char* bad : {"nan", "inf", "", "0x1"}) {
    expect_refused(dir, with(train, "--checkpoint-seconds", bad),
                   {"--checkpoint-seconds: must be"});
  }
  expect_refused(dir, with(train, "--checkpoint-seconds", "-1"),
                 {"--checkpoint-seconds: must be >= 0, got -1"});
  expect_refused(dir, with(train, "--dp", "9999999999"), {"--dp: must be a whole decimal number"});
  expect_refused(dir, with(gpu, "--mfu", "nan"), {"--mfu: must be a finite decimal number"});
  expect_refused(dir, with(gpu, "--mfu", "1.5"), {"--mfu: must be from 0.001 to 1, got 1.5"});
  expect_refused(dir, with(gpu, "--gpus", "0"), {"--gpus: must be from 1 to 1000000, got 0"});
  expect_refused(dir, with(gpu, "--price", "1e308"),
                 {"--price: must be from 0 to 1e+09, got 1e308"});
  expect_refused(dir, with(gpu, "--inference-tokens", "1e308"), {"inference_tokens", "to 1e30"});
  expect_refused(dir, with(gpu, "--data-tokens", "1e-300"), {"data_tokens", "got 1e-300"});
  expect_refused(dir, with(fit, "--delta", "1e308"), {"--delta: must be from 1e-12 to 1e+06"});
  expect_refused(dir, with(train, "--peak-flops", "1e-308"), {"--peak-flops: must be from 1 to"});
  CHECK(run_cli(dir, with(gpu, "--price", "2.5")).exit_code == 0);
}

TEST_CASE("no option takes nothing for a value") {
  const TempDir dir;
  for (const Words& arguments :
       {Words{"fit", "points.csv", "--out", ""}, Words{"fit", ""}, Words{"plan", "", "--json"},
        Words{"sweep", "experiment.json", "--out", ""}, Words{"train", "spec.json", "--device", ""},
        Words{"fit", "points.csv", "--metric-column", ""}, Words{"report", "a", "--out", ""}}) {
    expect_refused(dir, arguments, {"must not be empty"});
  }
}

TEST_CASE("without a command there is nothing to do: exit code 2, the usage on stderr") {
  const TempDir dir;
  const CliResult none = run_cli(dir, {});
  CHECK(none.exit_code == 2);
  CHECK(none.out.empty());
  CHECK_THAT(none.err, contains("name a command") && contains("propose"));
  CHECK(run_cli(dir, {"--json"}).exit_code == 2);
  const CliResult help = run_cli(dir, {"--help"});
  CHECK(help.exit_code == 0);
  CHECK_THAT(help.out, contains("propose"));
  CHECK(run_cli(dir, {"--version"}).exit_code == 0);
  for (const char* group : {"data", "forecast"}) CHECK(run_cli(dir, {group}).exit_code == 2);
}

TEST_CASE("a prior is published, none or a file, and a fault in it is told") {
  const TempDir dir;
  const std::string points = ISOFLOP_SOURCE_DIR "/tests/fit/cases/four_budgets.csv";
  const auto fitted = [&](const std::string& prior) {
    return run_cli(dir, {"fit", points, "--bootstrap", "0", "--json", "--prior", prior});
  };
  const auto width = [&](const std::string& prior) {
    const Json json = parse_json(fitted(prior).out, "stdout");
    const JsonReader answer(json, "stdout");
    CHECK(answer.at("forecast").at("prior").at("id").string() == (prior == "published"
                                                                      ? "published-sweeps"
                                                                  : prior == "none" ? "none"
                                                                                    : "mine"));
    const JsonReader scale = answer.at("targets").elements().front().at("scale");
    return scale.at("high").number() / scale.at("low").number();
  };
  dir.write("mine.json", R"({"schema": "isoflop.forecast_prior/1", "id": "mine", "source": "",
    "size": {"exponent": [0.5, 0.02], "scatter": [0.02, 0.1]}, "ageing": 0})");
  CHECK(width("none") > width("published"));
  CHECK(width("published") > width((dir.path() / "mine.json").string()));
  dir.write("bad.json", R"({"schema": "isoflop.forecast_prior/1", "id": "x", "source": "",
    "size": {"exponent": [0.5, -1]}, "ageing": 0})");
  const CliResult bad = fitted((dir.path() / "bad.json").string());
  CHECK(bad.exit_code == 2);
  CHECK_THAT(bad.err, contains("bad.json: /size/exponent/1"));
  const CliResult missing = fitted("nowhere.json");
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, contains("nowhere.json"));
}
