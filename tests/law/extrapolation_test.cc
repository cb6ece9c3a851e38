// SPDX-License-Identifier: Apache-2.0
#include "isoflop/extrapolation.h"

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("the light turns at one decade and at two") {
  const auto light = [](double ratio) { return to_string(extrapolation_light(ratio)); };
  CHECK(light(1) == "ok");
  CHECK(light(9.99) == "ok");
  CHECK(light(10) == "caution");
  CHECK(light(100) == "caution");
  CHECK(light(100.1) == "only_with_holdout_evidence");
  // A ratio of budgets is a power of ten but for rounding.
  CHECK(light(1e21 / 1e20 * (1 - 1e-15)) == "caution");
  CHECK(light(100 * (1 + 1e-15)) == "caution");
}

TEST_CASE("the error of a loss grows with the decades beyond the first") {
  CHECK(loss_error_at(0.04, 1) == 0.04);
  CHECK(loss_error_at(0.04, 10) == Approx(0.04));
  CHECK(loss_error_at(0.04, 1000) == Approx(0.12));
  CHECK(loss_error_at(std::nullopt, 0.1) == kLossErrorPerDecade);
}

TEST_CASE("the largest budget is itself, as closely as runs meet it") {
  CHECK(isoflop::budget_ratio(1.004e20, 1e20) == 1);
  CHECK(isoflop::budget_ratio(0.996e20, 1e20) == 1);
  CHECK(isoflop::budget_ratio(1.01e20, 1e20) == Approx(1.01));
  CHECK(isoflop::budget_ratio(10 * 9999999999992215552.0, 9999999999992215552.0) == 10);
}
