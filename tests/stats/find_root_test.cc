// SPDX-License-Identifier: Apache-2.0
#include "stats/find_root.h"

#include <cmath>

#include "isoflop/error.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("find_root is right to the width it halves to, whichever way the function goes") {
  CHECK(find_root(0, 2, 60, [](double x) { return x * x - 2; }) ==
        Approx(std::sqrt(2.0)).epsilon(4e-16));
  CHECK(find_root(0, 1e3, 40, [](double x) { return 1e-3 - x; }) == Approx(1e-3).margin(5e-10));
  CHECK(find_root(-1, 0, 40, [](double x) { return x; }) == 0);
}

TEST_CASE("find_root says NaN where there is nothing to say, and refuses ends of one sign") {
  CHECK(std::isnan(find_root(0, 1, 40, [](double x) { return std::sqrt(x - 0.5); })));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(find_root(1, 2, 40, [](double x) { return x; })),
             contains("no change of sign"));
}
