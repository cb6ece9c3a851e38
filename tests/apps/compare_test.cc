// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "base/json.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;
using namespace isoflop::test;

namespace {

/// A sweep whose compute goes `speedup` times as far: L(C) = 1.7 + c (speedup C)^-gamma.
void write_sweep(const TempDir& dir, const std::string& name, double speedup, std::uint64_t seed) {
  SweepOracle oracle{.surface = {1.7, 400, 0.34, 400, 0.34, LossLaw::Scale::params},
                     .budgets = {1e17, 1e18, 1e19, 1e20},
                     .noise = 0.0003,
                     .seed = seed};
  // L = E + (a N^-alpha + b D^-alpha) speedup^(-alpha / 2) has the same optimum at each C.
  const double factor = std::pow(speedup, -0.17);
  oracle.surface.a *= factor;
  oracle.surface.b *= factor;
  save_points_csv(oracle.points().points, dir.path() / name);
}

JsonReader reader_of(const Json& json) { return JsonReader(json, "stdout"); }

}  // namespace

TEST_CASE("a variant's planted speedup comes out of two sweeps with its interval") {
  const TempDir dir;
  write_sweep(dir, "base.csv", 1, 1);
  write_sweep(dir, "better.csv", 1.4, 2);
  const CliResult result =
      run_cli(dir, {"compare", "base.csv", "better.csv", "--asymptote", "1.7", "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  const JsonReader speedup = reader_of(json).at("speedup");
  CHECK(speedup.at("factor").number() == Approx(1.4).epsilon(0.02));
  CHECK(speedup.at("low").number() < 1.4);
  CHECK(speedup.at("high").number() > 1.4);
  CHECK(speedup.at("exponent").number() == Approx(0.17).epsilon(0.02));
  CHECK(speedup.at("asymptote_pinned_by").string() == "caller");
  const JsonReader size = reader_of(json).at("numbers").at("scale_exponent");
  CHECK(size.at("a").number() == Approx(0.5).epsilon(0.02));
  CHECK(size.at("difference_interval").elements()[0].number() < 0);
  const CliResult text = run_cli(dir, {"compare", "base.csv", "better.csv"});
  CHECK_THAT(text.out, contains("One FLOP of better buys what ") && contains("nobody pinned"));
}

TEST_CASE("laws without points compare by their exponents, and unlike frames by no more") {
  const TempDir dir;
  const CliResult laws = run_cli(dir, {"compare", "deepseek-llm-2024", "chinchilla-2022"});
  CHECK(laws.exit_code == 0);
  CHECK_THAT(laws.out, contains("0.5243") && contains("measured differently"));
  CHECK(laws.out.find("One FLOP") == std::string::npos);
  CHECK_THAT(laws.out, contains("-: chinchilla-2022 states no batch exponent") &&
                           contains("those of its surface's optimum"));
}

TEST_CASE("an asymptote above a loss is refused with both") {
  const TempDir dir;
  write_sweep(dir, "base.csv", 1, 1);
  const CliResult result = run_cli(dir, {"compare", "base.csv", "base.csv", "--asymptote", "3"});
  CHECK(result.exit_code == 2);
  CHECK_THAT(result.err, contains("asymptote: must be below every loss, got 3 beside a loss of"));
}

TEST_CASE("two sweeps of one folder name are told apart by what differs") {
  const TempDir dir;
  std::filesystem::create_directories(dir.path() / "old");
  std::filesystem::create_directories(dir.path() / "new");
  write_sweep(dir, "old/points.csv", 1, 1);
  write_sweep(dir, "new/points.csv", 1.4, 2);
  const CliResult text = run_cli(dir, {"compare", "old/points.csv", "new/points.csv"});
  INFO(text.err);
  CHECK_THAT(text.out, contains("old/points") && contains("new/points"));
}

TEST_CASE("sets of points compare by one surface with shared exponents") {
  const TempDir dir;
  write_sweep(dir, "base.csv", 1, 1);
  write_sweep(dir, "better.csv", 1.4, 2);
  const CliResult result = run_cli(dir, {"compare", "base.csv", "better.csv", "--joint", "--json"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const Json json = parse_json(result.out, "stdout");
  const JsonReader groups = reader_of(json).at("groups");
  REQUIRE(groups.elements().size() == 2);
  // A and B fall by 1.4^-0.17: each parameter and each token counts for sqrt(1.4).
  CHECK(groups.elements()[1].at("rho_size").at("value").number() ==
        Approx(std::sqrt(1.4)).epsilon(0.1));
  CHECK(groups.elements()[1].at("rho_tokens").at("value").number() ==
        Approx(std::sqrt(1.4)).epsilon(0.1));
  CHECK(reader_of(json).at("test").at("p").number() > 0.001);
  const CliResult text =
      run_cli(dir, {"compare", "base.csv", "better.csv", "--joint", "--shared-floor"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, contains("rho_D") && contains("One E for all"));
}

TEST_CASE("what cannot be compared jointly ends with 2 and says why") {
  const TempDir dir;
  write_sweep(dir, "base.csv", 1, 1);
  const CliResult law = run_cli(dir, {"compare", "base.csv", "chinchilla-2022", "--joint"});
  CHECK(law.exit_code == 2);
  CHECK_THAT(law.err, contains("needs points"));
  const CliResult one = run_cli(dir, {"compare", "base.csv", "--joint"});
  CHECK(one.exit_code == 2);
  CHECK_THAT(one.err, contains("two sets"));
  const CliResult single = run_cli(dir, {"compare", "base.csv"});
  CHECK(single.exit_code == 2);
  CHECK_THAT(single.err, contains("two laws"));
  CHECK(run_cli(dir, {"compare", "base.csv", "base.csv", "--shared-floor"}).exit_code == 2);
}
