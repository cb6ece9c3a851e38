// SPDX-License-Identifier: Apache-2.0
#include "report/vega_spec.h"

#include "report/figure_parts.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("ticks of a logarithmic axis are round and few") {
  REQUIRE(log_ticks({7e10, 1.4e13}) == std::vector<double>{1e11, 3e11, 1e12, 3e12, 1e13});
  REQUIRE(log_ticks({3e4, 4e5}) == std::vector<double>{5e4, 1e5, 2e5});
  for (const double decades : {0.1, 0.3, 0.69, 0.71, 1.5, 1.7, 3.0, 3.3, 8.0, 16.0}) {
    const AxisRange range{2.3e4, 2.3e4 * std::pow(10, decades)};
    const std::vector<double> ticks = log_ticks(range);
    INFO(decades << " decades");
    REQUIRE(ticks.size() <= 12);
    REQUIRE(ticks.size() >= (decades < 0.2 ? 0 : 1));
    for (const double tick : ticks) REQUIRE((tick >= range.low && tick <= range.high));
  }
}

TEST_CASE("a range holds what it was given, and grows on both sides") {
  AxisRange range;
  for (const double value : {3.0, 1.0, 2.0}) range.include(value);
  REQUIRE(range.low == 1);
  REQUIRE(range.high == 3);
  REQUIRE(range.padded(0.5).low == Approx(0));
  REQUIRE(range.log_padded(1).high == Approx(9));
  AxisRange single;
  single.include(5);
  REQUIRE(single.log_padded(0.1).high > single.log_padded(0.1).low);
  REQUIRE(single.padded(0.1).high > single.padded(0.1).low);
}

TEST_CASE("colours of a sequence are distinct and well formed") {
  for (const std::size_t n : {1, 2, 5, 12}) {
    std::vector<std::string> colors;
    for (std::size_t i = 0; i < n; ++i) {
      colors.push_back(sequential_color(i, n));
      REQUIRE(colors.back().size() == 7);
      REQUIRE(std::count(colors.begin(), colors.end(), colors.back()) == 1);
    }
  }
}
