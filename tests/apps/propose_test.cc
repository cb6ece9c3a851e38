// SPDX-License-Identifier: Apache-2.0
// `isoflop propose` as it is typed.
#include <cmath>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

using Arguments = std::vector<std::string>;

CliResult propose_cli(const TempDir& dir, Arguments more) {
  more.insert(more.begin(), {"propose", "--compute"});
  return run_cli(dir, more);
}

Json answer(const TempDir& dir, Arguments more) {
  more.emplace_back("--json");
  const CliResult result = propose_cli(dir, more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return parse_json(result.out, "stdout");
}

/// Exact losses of L = 1.7 + 400 / N^0.34 + 2000 / D^0.36 along C = 6 N D.
std::string params_alone() {
  std::string csv = "params,tokens,budget,loss\n";
  for (const double budget : {1e16, 1e17, 1e18, 1e19}) {
    const double centre = 9e6 * std::pow(budget / 1e16, 0.5143);
    for (int i = -4; i <= 4; ++i) {
      const double n = centre * std::pow(1.4, i), d = budget / (6 * n);
      const double loss = 1.7 + 400 / std::pow(n, 0.34) + 2000 / std::pow(d, 0.36);
      csv += exact_text(n) + "," + exact_text(d) + "," + exact_text(budget) + "," +
             exact_text(loss) + "\n";
    }
  }
  return csv;
}

}  // namespace

TEST_CASE("points that state parameters alone are proposed for by the count of the fit") {
  const TempDir dir;
  dir.write("points.csv", params_alone());
  const CliResult fitted = run_cli(dir, {"fit", "points.csv", "--scale", "params", "--bootstrap",
                                         "0", "--out", "law6.json", "--id", "law6"});
  REQUIRE(fitted.exit_code == 0);
  CHECK_THAT(fitted.err, contains("counted as C = 6 N D, N all parameters (six_n_total)"));
  const Json json =
      answer(dir, {"1e18", "--law", "law6.json", "--seq-len", "2048", "--vocab-size", "32000"});
  const JsonReader root(json, "stdout");
  // alpha A / (beta B), C / 6: N_opt(1e18) = 66.5M.
  CHECK(root.at("law_values").at("flops_per_token").number() / 6 == Approx(66.5e6).epsilon(0.01));
  CHECK(root.at("law_values").at("tokens").number() == Approx(2.505e9).epsilon(0.01));
  CHECK(root.at("convention").string() == "six_n_total");
  CHECK(root.at("params").at("total").number() == Approx(66.5e6).epsilon(0.18));
  const CliResult nominal =
      run_cli(dir, {"fit", "points.csv", "--scale", "params", "--bootstrap", "0", "--convention",
                    "six_n1_actual", "--out", "law1.json"});
  CHECK(nominal.exit_code == 0);
  CHECK(nominal.err.find("counted as") == std::string::npos);
  CHECK_THAT(read_file(dir.path() / "law1.json"), contains("six_n1_actual"));
  CHECK_THAT(read_file(dir.path() / "law6.json"), contains("fit --convention"));
  CHECK_THAT(run_cli(dir, {"fit", "points.csv", "--convention", "six_n3"}).err,
             contains("unknown FLOPs convention \"six_n3\""));
}

TEST_CASE("a proposal repeats what the fit said of its law at that reach") {
  const TempDir dir;
  const std::string points = ISOFLOP_SOURCE_DIR "/tests/fit/cases/four_budgets.csv";
  const CliResult fitted = run_cli(
      dir, {"fit", points, "--json", "--out", "law.json", "--target", "8e12", "--target", "2e12"});
  REQUIRE(fitted.exit_code == 0);
  const Json fit_json = parse_json(fitted.out, "fit");
  for (const JsonReader& target : JsonReader(fit_json, "fit").at("targets").elements()) {
    const std::string budget = exact_text(target.at("compute").number());
    const Json json = answer(dir, {budget, "--law", "law.json"});
    const JsonReader reliability = JsonReader(json, "stdout").at("reliability");
    CHECK(reliability.at("light").string() == target.at("light").string());
    const std::vector<JsonReader> m = reliability.at("flops_per_token").elements(2);
    CHECK(m[0].number() == Approx(target.at("scale").at("low").number()));
    CHECK(m[1].number() == Approx(target.at("scale").at("high").number()));
    const double waste = std::max(target.at("overestimate_penalty").at("wasted_share").number(),
                                  target.at("underestimate_penalty").at("wasted_share").number());
    CHECK(reliability.at("worst_waste").number() == Approx(waste));
    const JsonReader predicted = JsonReader(json, "stdout").at("predicted");
    // Beside what rounding to a shape costs, and with the luck of a run.
    const JsonReader loss = target.at("loss");
    CHECK(predicted.at("bits_per_byte").number() ==
          Approx(loss.at("value").number()).epsilon(0.002));
    CHECK(predicted.at("high").number() > loss.at("high").number());
    CHECK(predicted.at("high").number() == Approx(loss.at("high").number()).epsilon(0.01));
    CHECK(reliability.at("holdout").at("is_poor").boolean());
  }
  const CliResult page = propose_cli(dir, {"8e12", "--law", "law.json"});
  CHECK_THAT(page.out, contains("light                  red: 10 times the largest budget, and "
                                "hold-outs were poor") &&
                           contains("; worst waste 15.9 %") && contains("optimum, 90 %"));
}

TEST_CASE("a law keeps the recipe of its points, and a proposal takes it over") {
  const TempDir dir;
  std::string csv = params_alone();
  for (std::size_t at = csv.find('\n'), line = 0; at != std::string::npos; ++line) {
    const std::string cell = line == 0 ? ",weight_decay" : ",0.02";
    csv.insert(at, cell);
    at = csv.find('\n', at + cell.size() + 1);
  }
  dir.write("points.csv", csv);
  REQUIRE(run_cli(dir, {"fit", "points.csv", "--scale", "params", "--bootstrap", "0", "--out",
                        "law.json"})
              .exit_code == 0);
  const Json json = answer(dir, {"1e18", "--law", "law.json", "--hyper-law", "deepseek-llm-2024"});
  const JsonReader root(json, "stdout");
  CHECK(root.at("recipe").at("weight_decay").number() == 0.02);
  CHECK(root.at("from").at("weight_decay").string() == "the runs behind law law");
  CHECK_THAT(run_cli(dir, {"laws", "show", "law.json"}).out, contains("weight decay 0.02"));
}

TEST_CASE("GPUs go by the names of their data sheets, or by their peak") {
  const TempDir dir;
  const auto hours = [&](const Arguments& gpu) {
    Arguments arguments = {"1e20"};
    arguments.insert(arguments.end(), gpu.begin(), gpu.end());
    const Json json = answer(dir, arguments);
    return JsonReader(json, "stdout").at("cost").at("gpu_hours").number();
  };
  const double h100 = hours({"--gpu", "h100"});
  for (const char* name : {"H100", "NVIDIA H100 80GB HBM3", "H100-SXM5"}) {
    INFO(name);
    CHECK(hours({"--gpu", name}) == h100);
  }
  CHECK(hours({"--peak-tflops", "989"}) == Approx(h100));
  CHECK(hours({"--gpu", "H100 PCIe"}) == Approx(h100 * 989 / 756));
  CHECK(hours({"--gpu", "NVIDIA A100-SXM4-80GB"}) == Approx(h100 * 989 / 312));
  const CliResult idle = propose_cli(dir, {"1e20", "--price", "2", "--validation-tokens", "9"});
  CHECK_THAT(idle.err, contains("the price has no effect") &&
                           contains("--validation-tokens has no effect without --out"));
  const CliResult unknown = propose_cli(dir, {"1e20", "--gpu", "h1000"});
  CHECK(unknown.exit_code == 2);
  CHECK_THAT(unknown.err, contains("unknown GPU \"h1000\"") && contains("--peak-tflops"));
}

TEST_CASE("a data set gives vocabulary, length and epochs") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 60000; ++i) text += "a line of text, number " + std::to_string(i) + "\n\n";
  dir.write("text.txt", text);
  REQUIRE(run_cli(dir, {"data", "build", "--out", "data/mine", "--name", "mine", "text.txt"})
              .exit_code == 0);
  const Json json =
      answer(dir, {"1e13", "--dataset", "mine", "--seq-len", "128", "--law", "quickstart-gcide"});
  const JsonReader root(json, "stdout");
  CHECK(root.at("shape").at("vocab_size").integer(1, 1 << 20) <= 257);
  CHECK(root.at("dataset").string() == "mine");
  CHECK(root.at("epochs").number() > 1);
  CHECK(root.at("effective_tokens").number() < root.at("tokens").number());
  const CliResult result = propose_cli(
      dir, {"1e13", "--dataset", "mine", "--seq-len", "128", "--law", "quickstart-gcide"});
  CHECK_THAT(result.err, contains("not on mine"));
  CHECK_THAT(result.out, contains(" of mine"));
  CHECK(propose_cli(dir, {"1e13", "--dataset", "mine", "--vocab-size", "7"}).exit_code == 2);
}

TEST_CASE("overrides are taken, echoed, and refused by name where they are wrong") {
  const TempDir dir;
  const Json json = answer(dir, {"1e20", "--weight-decay", "0.2", "--schedule", "cosine", "--set",
                                 "/adam_beta2=0.99", "--peak-lr", "0.002", "--out", "spec.json"});
  const JsonReader root(json, "stdout");
  CHECK(root.at("recipe").at("weight_decay").number() == 0.2);
  CHECK(root.at("recipe").at("adam_beta2").number() == 0.99);
  CHECK(root.at("schedule").at("kind").string() == "cosine");
  for (const char* part : {"weight_decay", "schedule", "adam_beta2", "peak_lr"}) {
    CHECK(root.at("from").at(part).string() == "given");
  }
  CHECK_THAT(root.at("from").at("batch_tokens").string(), contains("law deepseek-llm-2024"));
  CHECK_THAT(read_file(dir.path() / "spec.json"),
             contains("\"dataset\": \"external\"") && contains("\"adam_beta2\": 0.99"));
  const auto refused = [&](const Arguments& more) {
    Arguments arguments = {"1e20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResult result = propose_cli(dir, arguments);
    CHECK(result.exit_code == 2);
    return result.err;
  };
  CHECK_THAT(refused({"--schedule", "cosin"}), contains("schedule") && contains("cosine"));
  CHECK_THAT(refused({"--set", "/adam_beta3=1"}), contains("adam_beta3"));
  CHECK_THAT(refused({"--set", "/peak_lr=1"}), contains("--peak-lr"));
  CHECK_THAT(refused({"--hyper-law", "epoch-2024"}), contains("says nothing about batch size"));
  CHECK_THAT(refused({"--tensor-parallel", "8", "--n-kv-heads", "3"}),
             contains("n_kv_heads: must be") && contains("got 3"));
  CHECK_THAT(refused({"--law", "epoch-2024", "--out", "x.json"}), contains("--hyper-law"));
}

TEST_CASE("plans take what a cluster asks of shapes, and sweeps have theirs already") {
  const TempDir dir;
  dir.write("x.json", R"({"schema": "isoflop.experiment/1", "dataset": "santafe",
    "prior": "deepseek-llm-2024", "seq_len": 512, "budgets": [1e19], "shapes": {"per_budget": 5}})");
  const CliResult result = run_cli(dir, {"plan", "x.json", "--tensor-parallel", "8", "--gqa-ratio",
                                         "2", "--tied", "--out", "sweep", "--json"});
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  for (const JsonReader& run : JsonReader(json, "stdout").at("runs").elements()) {
    const JsonReader shape = run.at("spec").at("shape");
    const auto heads = shape.at("n_heads").integer(1, 1 << 20);
    CHECK(heads % 8 == 0);
    CHECK(shape.at("n_kv_heads").integer(1, 1 << 20) * 2 == heads);
    CHECK(shape.at("tied_embeddings").boolean());
  }
  const CliResult sweep = run_cli(dir, {"plan", "sweep", "--tensor-parallel", "8"});
  CHECK(sweep.exit_code == 2);
  CHECK_THAT(sweep.err, contains("planned already"));
  const CliResult wrong =
      run_cli(dir, {"plan", "x.json", "--tensor-parallel", "8", "--n-kv-heads", "3"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, contains("/shapes/n_kv_heads: must be") && contains("got 3"));
}

TEST_CASE("Llama 3's printed law says that its digits are too few") {
  const TempDir dir;
  CHECK_THAT(run_cli(dir, {"laws", "show", "llama3-2024"}).out,
             contains("note") && contains("llama3-figure-2024"));
  const Json json = answer(dir, {"3.8e25", "--law", "llama3-figure-2024"});
  const JsonReader root(json, "stdout");
  CHECK(root.at("law_values").at("tokens").number() == Approx(16.55e12).epsilon(0.02));
  CHECK(root.at("params").at("total").number() == Approx(402e9).epsilon(0.06));
}
