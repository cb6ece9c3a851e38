// SPDX-License-Identifier: Apache-2.0
#include "plan/shape_choice.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/rng.h"
#include "support/catch.h"

namespace isoflop {
namespace {

std::vector<Rung> random_ladder(std::size_t n, std::uint64_t seed) {
  const Rng rng(seed);
  std::vector<Rung> ladder(n);
  double m = 10;
  for (std::size_t i = 0; i < n; ++i) ladder[i].m = m *= 1.05 + rng.uniform(i);
  return ladder;
}

double distance_to_grid(const std::vector<Rung>& rungs, double low, double high) {
  double sum = 0;
  const auto n = static_cast<double>(rungs.size());
  for (std::size_t i = 0; i < rungs.size(); ++i) {
    const double target = low * std::pow(high / low, static_cast<double>(i) / (n - 1));
    sum += std::pow(std::log(rungs[i].m / target), 2);
  }
  return sum;
}

TEST_CASE("the chosen rungs lie as near to the grid as any choice of distinct rungs") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const std::vector<Rung> ladder = random_ladder(11, seed);
    const Rng rng(seed, 1);
    const double low = 5 + 40 * rng.uniform(0), high = low * (2 + 30 * rng.uniform(1));
    for (const int n : {3, 5, 8}) {
      const std::vector<Rung> chosen = rungs_nearest_to_grid(ladder, low, high, n);
      REQUIRE(chosen.size() == static_cast<std::size_t>(n));
      double best = 1e300;
      for (unsigned subset = 0; subset < 1u << 11; ++subset) {
        if (std::popcount(subset) != n) continue;
        std::vector<Rung> rungs;
        for (unsigned i = 0; i < 11; ++i) {
          if (subset >> i & 1) rungs.push_back(ladder[i]);
        }
        best = std::min(best, distance_to_grid(rungs, low, high));
      }
      CHECK(distance_to_grid(chosen, low, high) == Approx(best).epsilon(1e-12));
    }
  }
}

TEST_CASE("a ladder with too few rungs gives all of them") {
  CHECK(rungs_nearest_to_grid(random_ladder(4, 0), 1, 100, 9).size() == 4);
}

TEST_CASE("the nearest rung is nearest by ratio") {
  std::vector<Rung> ladder(3);
  ladder[0].m = 1;
  ladder[1].m = 4;
  ladder[2].m = 9;
  CHECK(nearest_rung(ladder, 1.9).m == 1);
  CHECK(nearest_rung(ladder, 2.1).m == 4);
  CHECK(nearest_rung(ladder, 100).m == 9);
}

TEST_CASE("the ladder ascends and reaches its end") {
  const std::vector<Rung> ladder = ladder_up_to(1e7, {});
  CHECK(ladder.back().m >= 1e7);
  for (std::size_t i = 1; i < ladder.size(); ++i) CHECK(ladder[i - 1].m < ladder[i].m);
}

}  // namespace
}  // namespace isoflop
