// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "apps/run_cli.h"
#include "base/json.h"
#include "base/text.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

void write_points(const TempDir& dir) {
  const SweepOracle oracle{.surface = epoch_surface(),
                           .budgets = geometric_budgets(1e17, std::sqrt(10.0), 3),
                           .noise = 0.002,
                           .tau = 0.05};
  std::string csv = "N,tokens,loss,budget\n";
  for (const Point& point : oracle.points().points) {
    csv += exact_text(*point.params) + "," + exact_text(point.tokens) + "," +
           exact_text(*point.loss) + "," + exact_text(*point.budget) + "\n";
  }
  dir.write("points.csv", csv);
}

std::vector<std::string> command(const std::vector<std::string>& more) {
  std::vector<std::string> all = {"next",    "points.csv", "--columns",   "params=N",
                                  "--scale", "params",     "--bootstrap", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

TEST_CASE("next says which runs to add to a CSV of points, and what they will tell") {
  const TempDir dir;
  write_points(dir);
  const CliResult result = run_cli(dir, command({"--flops", "2e19", "--json"}));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  const JsonReader reader(json, "stdout");
  reader.require_schema("isoflop.next/1");
  CHECK(reader.at("target_compute").number() == Approx(1e19));
  double sum = 0;
  for (const JsonReader& run : reader.at("runs").elements()) sum += run.at("cost").positive();
  CHECK(sum == Approx(reader.at("spent").number()));
  CHECK(sum <= 2e19);
  CHECK(reader.at("interval_after").at("ln_scale").number() <
        reader.at("interval_now").at("ln_scale").number());

  const CliResult text = run_cli(dir, command({"--flops", "2e19", "--target", "1e20"}));
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out,
             contains("to halve the interval of ln N opt") && contains("90 % now:   ln N opt +-"));
  CHECK_THAT(text.err, contains("times the largest budget"));
}

TEST_CASE("next predicts the optimum that fit predicts of the same points") {
  const TempDir dir;
  write_points(dir);
  const CliResult next = run_cli(dir, command({"--flops", "2e19", "--target", "1e20", "--json"}));
  const CliResult fit = run_cli(dir, {"fit", "points.csv", "--columns", "params=N", "--scale",
                                      "params", "--target", "1e20", "--json"});
  REQUIRE(next.exit_code == 0);
  REQUIRE(fit.exit_code == 0);
  const Json of_next = parse_json(next.out, "stdout"), of_fit = parse_json(fit.out, "stdout");
  const JsonReader target = JsonReader(of_fit, "stdout").at("targets").elements().front();
  CHECK(JsonReader(of_next, "stdout").at("scale_opt").number() ==
        Approx(target.at("scale").at("value").number()).epsilon(1e-12));
}

TEST_CASE("next refuses what has no answer, with exit code 2") {
  const TempDir dir;
  write_points(dir);
  const auto refusal = [&](const std::vector<std::string>& more) {
    const CliResult result = run_cli(dir, command(more));
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    return result.err;
  };
  CHECK_THAT(refusal({"--flops", "-1"}), contains("must be finite and > 0, got -1"));
  CHECK_THAT(refusal({"--flops", "1e3"}), contains("buy no run"));
  CHECK_THAT(refusal({"--flops", "1e19", "--target", "0"}), contains("the target must be"));
  CHECK_THAT(refusal({"--flops", "1e19", "--out", "x"}), contains("--out: needs a sweep folder"));
  dir.write("points.csv", "N,tokens,loss,budget\n1e8,1e9,4,1e17\n2e8,1e9,3.9,1e18\n");
  CHECK_THAT(refusal({"--flops", "1e19"}), contains("the points carry no fit"));
}

TEST_CASE("next chooses no run with far fewer tokens per parameter than the points have") {
  const TempDir dir;
  write_points(dir);
  const PointSet points =
      load_points_csv(dir.path() / "points.csv", {.columns = {{"params", "N"}}});
  double least = 1e300;
  for (const Point& point : points.points) least = std::min(least, point.tokens / *point.params);
  const CliResult result = run_cli(dir, command({"--flops", "1e20", "--json"}));
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  for (const JsonReader& run : JsonReader(json, "stdout").at("runs").elements()) {
    CHECK(run.at("tokens").number() / run.at("scale").number() >= 0.4999 * least);
  }
}

TEST_CASE("one experiment of a file is taken by --where, in next as in fit") {
  const TempDir dir;
  dir.write("two.csv", "params,tokens,loss,experiment\n1e8,1e9,4,a\n2e8,1e9,3.9,b\n");
  const CliResult unknown = run_cli(dir, {"fit", "two.csv", "--where", "experiment=c"});
  CHECK(unknown.exit_code == 2);
  CHECK_THAT(unknown.err, contains("--where: no row says experiment=c; it has a, b"));
  const CliResult one = run_cli(dir, {"fit", "two.csv", "--where", "experiment=a"});
  CHECK_THAT(one.out, contains("(1 point"));
}

TEST_CASE("next --hyper chooses grids of batch and rate, and writes no sweep") {
  const TempDir dir;
  std::string csv = "params,tokens,compute,batch_tokens,peak_lr,loss\n";
  for (const double n : {1e8, 4e8}) {
    for (const double d : {4e9, 4e10}) {
      for (int i = -2; i <= 2; ++i) {
        for (int j = -2; j <= 2; ++j) {
          const double loss = 2.5 * std::exp(0.006 * (i + 0.2) * (i + 0.2) + 0.007 * j * j);
          for (const double value : {n, d, 6 * n * d, 1e5 * std::exp2(i), 1e-3 * std::exp2(j)}) {
            csv += exact_text(value) + ",";
          }
          csv += exact_text(loss) + "\n";
        }
      }
    }
  }
  dir.write("points.csv", csv);
  const CliResult next =
      run_cli(dir, {"next", "points.csv", "--hyper", "--flops", "1e21", "--json"});
  INFO(next.err);
  REQUIRE(next.exit_code == 0);
  const Json json = parse_json(next.out, "stdout");
  const JsonReader root(json, "stdout");
  CHECK(root.at("schema").string() == "isoflop.next_grids/1");
  CHECK(root.at("n_grids").integer(0, 100) == 4);
  CHECK(root.at("spent").number() <= 1e21);
  REQUIRE_FALSE(root.at("grids").elements().empty());
  CHECK(root.at("grids").elements().front().at("runs").elements().size() >= 5);
  CHECK_THAT(run_cli(dir, {"next", "points.csv", "--hyper", "--flops", "1e21"}).out,
             contains("90 % of the laws after") && contains(" at "));
  const CliResult out =
      run_cli(dir, {"next", "points.csv", "--hyper", "--flops", "1e21", "--out", "x"});
  CHECK(out.exit_code == 2);
  CHECK_THAT(out.err, contains("--out: takes no runs of --hyper"));
  dir.write("bare.csv", "params,tokens,loss\n1e8,2e9,3\n2e8,2e9,2.9\n");
  const CliResult bare = run_cli(dir, {"next", "bare.csv", "--hyper", "--flops", "1e21"});
  CHECK(bare.exit_code == 2);
  CHECK_THAT(bare.err, contains("the points have no grid"));
}
