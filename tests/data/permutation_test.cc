// SPDX-License-Identifier: Apache-2.0
#include "data/permutation.h"

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "support/catch.h"

using isoflop::Permutation;

TEST_CASE("a permutation of n is a bijection of 0 to n - 1 for every n") {
  std::vector<std::uint64_t> sizes = {1000, 4095, 4096, 4097, 65521, 100003};
  for (std::uint64_t n = 1; n <= 300; ++n) sizes.push_back(n);
  for (const std::uint64_t n : sizes) {
    const Permutation permutation(n, 17 * n);
    std::vector<char> hit(n, 0);
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t image = permutation(i);
      REQUIRE(image < n);
      REQUIRE(hit[image] == 0);
      hit[image] = 1;
    }
  }
}

TEST_CASE("keys give different permutations") {
  std::set<std::vector<std::uint64_t>> orders;
  for (std::uint64_t key = 0; key < 200; ++key) {
    const Permutation permutation(30, key);
    std::vector<std::uint64_t> order;
    for (std::uint64_t i = 0; i < 30; ++i) order.push_back(permutation(i));
    orders.insert(order);
  }
  REQUIRE(orders.size() == 200);
}

TEST_CASE("a permutation of three elements takes each of its six forms about equally often") {
  std::map<std::vector<std::uint64_t>, int> counts;
  for (std::uint64_t key = 0; key < 6000; ++key) {
    const Permutation permutation(3, key);
    ++counts[{permutation(0), permutation(1), permutation(2)}];
  }
  REQUIRE(counts.size() == 6);
  // Each count is 1000 with standard deviation 29 if all are equally likely.
  for (const auto& [order, count] : counts) REQUIRE(std::abs(count - 1000) < 180);
}

TEST_CASE("a permutation moves its elements as far as a random one does") {
  constexpr std::uint64_t kSize = 100000;
  const Permutation permutation(kSize, 5);
  double sum = 0;
  for (std::uint64_t i = 0; i < kSize; ++i) {
    sum += std::abs(static_cast<double>(permutation(i)) - static_cast<double>(i));
  }
  // The mean distance of a random permutation is n / 3; its standard deviation here is below 0.1 %.
  REQUIRE(sum / kSize == Approx(kSize / 3.0).epsilon(0.005));
}
