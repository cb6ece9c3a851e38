// SPDX-License-Identifier: Apache-2.0
// From grids of rate, batch and weight decay to the recipe of a larger run.
#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "run_cli.h"
#include "support/catch.h"

using namespace isoflop;
using test::CliResult;
using test::run_cli;
using test::TempDir;

namespace {

using Arguments = std::vector<std::string>;

double rate(double n, double d, double batch) {
  return 1.5 * std::pow(n, -0.6) * std::pow(d, -0.3) * std::pow(batch, 0.8);
}

double batch_of(double d) { return 0.6 * std::pow(d, 0.52); }

std::string row(double n, double d, double batch, double lr, double decay) {
  const double b = std::log(batch / batch_of(d)), r = std::log(lr / rate(n, d, batch));
  const double tau = batch / (lr * decay * d);
  const double t = std::log(tau / (1.084 * std::pow(d / n, -0.527)));
  const double loss = (2 + 400 * std::pow(n, -0.34) + 400 * std::pow(d, -0.28)) *
                      std::exp((0.012 * b * b + 0.0145 * r * r + 0.005 * t * t) / 2);
  std::string text;
  for (const double value : {n, d, batch, lr, decay, loss}) {
    text += (text.empty() ? "" : ",") + exact_text(value);
  }
  return text + "\n";
}

/// Nine cells: a grid of rates and batches at one weight decay each, then weight decays at the
/// best.
std::string recipe_points() {
  std::string csv = "params,tokens,batch_tokens,peak_lr,weight_decay,loss\n";
  for (const double n : {1e8, 3e8, 1e9}) {
    for (const double d : {4e9, 2e10, 1e11}) {
      const double decay =
          batch_of(d) / (rate(n, d, batch_of(d)) * 1.084 * std::pow(d / n, -0.527) * d);
      for (int i = -2; i <= 2; ++i) {
        for (int j = -3; j <= 3; ++j) {
          const double batch = batch_of(d) * std::exp2(i);
          // The timescale stays, so that the rate's best is the planted one.
          csv += row(n, d, batch, rate(n, d, batch) * std::exp2(0.5 * j), decay);
        }
      }
      for (const int k : {-3, -2, -1, 1, 2, 3}) {
        csv += row(n, d, batch_of(d), rate(n, d, batch_of(d)), decay * std::exp2(k));
      }
    }
  }
  return csv;
}

Json fitted(const TempDir& dir) {
  dir.write("points.csv", recipe_points());
  const CliResult fit = run_cli(dir, {"fit", "points.csv", "--convention", "six_n1_actual",
                                      "--bootstrap", "0", "--json", "--out", "mine.json"});
  INFO(fit.err);
  REQUIRE(fit.exit_code == 0);
  return parse_json(fit.out, "stdout");
}

Json proposed(const TempDir& dir, const Arguments& options) {
  Arguments arguments = {"propose", "--json", "--compute"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const CliResult result = run_cli(dir, arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return parse_json(result.out, "stdout");
}

}  // namespace

TEST_CASE("grids become laws of a recipe, and a proposal asks them", "[slow]") {
  const TempDir dir;
  const Json fit = fitted(dir);
  const JsonReader root(fit, "stdout");
  const JsonReader decay = root.at("weight_decay").at("timescale");
  CHECK(decay.at("exponent").number() == Approx(-0.527).margin(0.02));
  CHECK(root.at("weight_decay").at("slices").elements().size() == 9);
  CHECK(root.at("hyper").at("n_cells").integer(0, 100) == 9);
  CHECK(root.at("hyper").at("peak_lr_at_batch").at("exponent_batch").number() > 0.5);

  const Json json = proposed(dir, {"1e20", "--hyper-law", "mine.json"});
  const JsonReader p(json, "stdout");
  CHECK(p.at("from").at("batch_tokens").string() == "law mine");
  CHECK(p.at("from").at("weight_decay").string() == "law mine");
  CHECK(p.at("weight_decay_law").at("law").string() == "mine");
  CHECK(p.at("weight_decay_law").at("in_range").boolean());
  const double ratio = p.at("weight_decay_law").at("tokens_per_param").number();
  CHECK(p.at("weight_decay_law").at("timescale").number() ==
        Approx(1.084 * std::pow(ratio, -0.527)).epsilon(0.05));
  CHECK(p.at("recipe").at("weight_decay").number() ==
        Approx(p.at("weight_decay_law").at("weight_decay").number()).epsilon(1e-3));

  const Json given =
      proposed(dir, {"1e20", "--hyper-law", "mine.json", "--batch-tokens", "262144"});
  CHECK(JsonReader(given, "stdout").at("from").at("peak_lr").string() == "law mine, at this batch");
  CHECK_THAT(run_cli(dir, {"laws", "show", "mine.json"}).out,
             contains("lr at a B") && contains("w. decay") && contains("tuned on"));
}

TEST_CASE("hyper laws on the command line combine, and one without its part is refused") {
  const TempDir dir;
  const Json json = proposed(dir, {"1e20", "--hyper-law", "openeurollm-2026", "--hyper-law",
                                   "power-lines-2025", "--out", "spec.json"});
  const JsonReader p(json, "stdout");
  CHECK(p.at("from").at("peak_lr").string() == "law openeurollm-2026, recomputed");
  CHECK(p.at("from").at("weight_decay").string() == "law power-lines-2025, secondary");
  // The spec to train has it.
  CHECK_THAT(
      test::read_file(dir.path() / "spec.json"),
      contains("\"weight_decay\": " + exact_text(p.at("recipe").at("weight_decay").number())));

  const CliResult bare = run_cli(dir, {"propose", "--compute", "1e20", "--law", "epoch-2024",
                                       "--hyper-law", "power-lines-2025"});
  CHECK(bare.exit_code == 2);
  CHECK_THAT(bare.err, contains("nobody says batch_tokens and peak_lr"));
  const CliResult idle =
      run_cli(dir, {"propose", "--compute", "1e20", "--hyper-law", "epoch-2024"});
  CHECK(idle.exit_code == 2);
  CHECK_THAT(idle.err, contains("says nothing about batch size, learning rate or weight decay"));
  dir.write("bad.json",
            R"({"schema": "isoflop.law/1", "id": "bad", "source": "s",
 "frame": {"dataset": "d", "metric": "loss_nats", "convention": "exact"},
 "weight_decay": {"timescale": [-1, -0.5]}})");
  const CliResult bad = run_cli(dir, {"propose", "--compute", "1e20", "--hyper-law", "bad.json"});
  CHECK(bad.exit_code == 2);
  CHECK_THAT(bad.err, contains("bad.json: /weight_decay/timescale/0: must be > 0, got -1"));
}

TEST_CASE("laws are listed with the mark of how they were read") {
  const TempDir dir;
  const CliResult laws = run_cli(dir, {"laws"});
  CHECK(laws.exit_code == 0);
  CHECK_THAT(laws.out, contains("weight decay (secondary)") &&
                           contains("batch, lr, lr at a batch (recomputed)"));
  CHECK_THAT(run_cli(dir, {"laws", "show", "power-lines-2025"}).out,
             contains("secondary: as others quote it"));
}
