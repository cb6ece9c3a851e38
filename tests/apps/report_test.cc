// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

std::string page_of(const TempDir& dir, const std::vector<std::string>& more) {
  std::vector<std::string> command = {"report", "my_sweep.csv", "--out", "report.html"};
  command.insert(command.end(), more.begin(), more.end());
  const CliResult result = run_cli(dir, command);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return read_file(dir.path() / "report.html");
}

/// Sizes in parameters, and no data set is named.
void write_points(const TempDir& dir) {
  const SweepOracle oracle{.surface = epoch_surface(),
                           .budgets = geometric_budgets(1e18, 3, 5),
                           .noise = 0.002,
                           .tau = 0.02};
  PointSet set = oracle.points();
  for (Point& point : set.points) point.dataset.clear();
  save_points_csv(set.points, dir.path() / "my_sweep.csv");
}

}  // namespace

TEST_CASE("a report of points that state parameters is in parameters, with its iso-FLOP figure") {
  const TempDir dir;
  write_points(dir);
  const std::string page = page_of(dir, {});
  CHECK_THAT(page, contains("Model scale N [parameters]"));
  CHECK_THAT(page, contains("Iso-FLOP curves of 5 budgets"));
  CHECK_THAT(page, contains("<h1>my_sweep</h1>"));
  CHECK(page.find("deepseek_m_actual]") == std::string::npos);
  CHECK_THAT(page, contains("isoflop next my_sweep.csv --flops"));
  CHECK_THAT(page, contains("Reach: over the largest budget behind the laws"));
}

TEST_CASE("a report in FLOPs per token of such points draws the same curves") {
  const TempDir dir;
  write_points(dir);
  const std::string page = page_of(dir, {"--scale", "flops_per_token"});
  CHECK_THAT(page, contains("Model scale M [FLOPs/token"));
  CHECK_THAT(page, contains("Iso-FLOP curves of 5 budgets"));
}
