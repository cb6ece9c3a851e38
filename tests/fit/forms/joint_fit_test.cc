// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/rng.h"
#include "isoflop/error.h"
#include "isoflop/forms.h"
#include "support/catch.h"
#include "support/form_oracle.h"

namespace isoflop::test {
namespace {

struct Planted {
  double floor = 1.8, rho_size = 1, rho_tokens = 1, alpha = 0.34, beta = 0.3;
};

JointGroup group_of(const std::string& name, const Planted& truth, double noise = 0,
                    std::uint64_t seed = 0) {
  JointGroup group;
  group.name = name;
  group.points.frame.dataset = name;
  const Rng rng(seed, 11);
  std::uint64_t draw = 0;
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      Point point;
      point.params = 2e7 * std::pow(2.5, i);
      point.tokens = 5e8 * std::pow(2.5, j);
      point.loss = (truth.floor + 400 * std::pow(truth.rho_size * *point.params, -truth.alpha) +
                    500 * std::pow(truth.rho_tokens * point.tokens, -truth.beta)) *
                   (1 + noise * rng.normal(draw++));
      group.points.points.push_back(point);
    }
  }
  return group;
}

bool holds(const JointNumber& number, double truth) {
  return number.interval.low <= truth && truth <= number.interval.high;
}

}  // namespace

TEST_CASE("shared exponents and what a token of each set is worth are found exactly") {
  const std::vector<JointGroup> groups = {
      group_of("a", {}), group_of("b", {.floor = 1.7, .rho_size = 1.1, .rho_tokens = 2.08}),
      group_of("c", {.floor = 2, .rho_size = 0.9, .rho_tokens = 0.5})};
  const JointFit fit = fit_jointly(groups, {});
  REQUIRE(fit.status == FitStatus::ok);
  CHECK(std::abs(fit.alpha.value / 0.34 - 1) < 1e-6);
  CHECK(std::abs(fit.beta.value / 0.3 - 1) < 1e-6);
  CHECK(std::abs(fit.a.value / 400 - 1) < 1e-6);
  CHECK(std::abs(fit.b.value / 500 - 1) < 1e-6);
  REQUIRE(fit.groups.size() == 3);
  CHECK(fit.groups[0].rho_tokens.value == 1);
  CHECK(std::abs(fit.groups[1].rho_tokens.value / 2.08 - 1) < 1e-6);
  CHECK(std::abs(fit.groups[1].rho_size.value / 1.1 - 1) < 1e-6);
  CHECK(std::abs(fit.groups[2].rho_tokens.value / 0.5 - 1) < 1e-6);
  CHECK(std::abs(fit.groups[2].irreducible.value / 2 - 1) < 1e-6);
  CHECK(fit.n_parameters == 3 + 3 + 3 + 2);
}

TEST_CASE("a floor that optimizers share is one number") {
  const std::vector<JointGroup> groups = {group_of("a", {}), group_of("b", {.rho_tokens = 2})};
  const JointFit fit = fit_jointly(groups, {.shared_floor = true});
  REQUIRE(fit.status == FitStatus::ok);
  CHECK(fit.n_parameters == 1 + 2 + 2 + 2);
  CHECK(fit.groups[0].irreducible.value == fit.groups[1].irreducible.value);
  CHECK(std::abs(fit.groups[1].rho_tokens.value / 2 - 1) < 1e-6);
}

TEST_CASE("without noise in common, equal sets are worth the same in nine of ten draws") {
  constexpr int kDraws = 200;
  int n_size = 0, n_tokens = 0, n_rejected = 0;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const std::vector<JointGroup> groups = {group_of("a", {}, 0.003, 2 * seed),
                                            group_of("b", {}, 0.003, 2 * seed + 1)};
    const JointFit fit = fit_jointly(groups, {});
    REQUIRE(fit.p);
    n_size += holds(fit.groups[1].rho_size, 1);
    n_tokens += holds(fit.groups[1].rho_tokens, 1);
    n_rejected += *fit.p < 0.1;
  }
  std::printf("rho_N held 1 in %d, rho_D in %d, p < 0.1 in %d of %d\n", n_size, n_tokens,
              n_rejected, kDraws);
  // 90 % of 200 draws, give or take two binomial standard deviations.
  CHECK(std::abs(n_size - 180) <= 9);
  CHECK(std::abs(n_tokens - 180) <= 9);
  CHECK(std::abs(n_rejected - 20) <= 9);
}

TEST_CASE("sets of other exponents are told apart") {
  const std::vector<JointGroup> groups = {group_of("a", {}, 0.001, 1),
                                          group_of("b", {.alpha = 0.44}, 0.001, 2)};
  const JointFit fit = fit_jointly(groups, {});
  REQUIRE(fit.p);
  CHECK(*fit.p < 1e-3);
}

TEST_CASE("sets that cannot be one fit are refused with the reason") {
  const std::vector<JointGroup> one = {group_of("a", {})};
  CHECK_THROWS_WITH(fit_jointly(one, {}), Catch::Contains("two sets"));
  std::vector<JointGroup> groups = {group_of("a", {}), group_of("b", {})};
  groups[1].points.points.resize(4);
  CHECK_THROWS_WITH(fit_jointly(groups, {}), Catch::Contains("b: 4 runs"));
  groups[1] = group_of("b", {});
  groups[1].points.frame.tokenizer = "other";
  CHECK_THROWS_WITH(fit_jointly(groups, {}), Catch::Contains("tokenizer"));
}

}  // namespace isoflop::test
