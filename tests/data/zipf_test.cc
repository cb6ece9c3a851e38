// SPDX-License-Identifier: Apache-2.0
#include "data/zipf.h"

#include <cmath>
#include <map>
#include <vector>

#include "support/catch.h"

using isoflop::Rng;
using isoflop::sum_over_ranks;
using isoflop::ZipfSampler;

TEST_CASE("Zipf draws have the probabilities k^-a / Z") {
  constexpr std::int64_t kRanks = 50;
  constexpr int kDraws = 200000;
  for (const double exponent : {0.5, 1.0, 1.2, 2.5}) {
    const ZipfSampler sampler(kRanks, exponent);
    std::vector<double> counts(kRanks + 1, 0);
    for (std::uint64_t i = 0; i < kDraws; ++i) {
      const std::int64_t rank = sampler(Rng(11), i);
      REQUIRE(rank >= 1);
      REQUIRE(rank <= kRanks);
      ++counts[static_cast<std::size_t>(rank)];
    }
    double z = 0, chi_squared = 0;
    for (int k = 1; k <= kRanks; ++k) z += std::pow(k, -exponent);
    for (int k = 1; k <= kRanks; ++k) {
      const double expected = kDraws * std::pow(k, -exponent) / z;
      chi_squared += std::pow(counts[static_cast<std::size_t>(k)] - expected, 2) / expected;
    }
    INFO("exponent " << exponent);
    REQUIRE(chi_squared < 94.6);  // 49 degrees of freedom: exceeded with probability 1e-4
  }
}

TEST_CASE("Zipf draws reach the tail of a long range with the right weight") {
  const std::int64_t n = std::int64_t{1} << 24;
  const ZipfSampler sampler(n, 1.2);
  const auto mass = [](double k) { return std::pow(k, -1.2); };
  const double z = sum_over_ranks(n, mass);
  const double tail = 1 - sum_over_ranks(1 << 16, mass) / z;
  constexpr int kDraws = 100000;
  int beyond = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) beyond += sampler(Rng(12), i) > (1 << 16);
  const double deviation = std::sqrt(kDraws * tail * (1 - tail));
  REQUIRE(std::abs(beyond - kDraws * tail) < 4 * deviation);
}

TEST_CASE("a single rank is always drawn") { REQUIRE(ZipfSampler(1, 1.2)(Rng(0), 5) == 1); }

TEST_CASE("sums over ranks equal the sums term by term") {
  for (const std::int64_t n : {1, 100, 4096, 4097, 5000, 2000003}) {
    for (const double a : {0.7, 1.2, 2.0}) {
      const auto f = [&](double k) { return std::pow(k, -a) * std::log2(k + 1); };
      double direct = 0;
      for (std::int64_t k = n; k >= 1; --k) direct += f(static_cast<double>(k));
      REQUIRE(sum_over_ranks(n, f) == Approx(direct).epsilon(2e-13));
    }
  }
}
