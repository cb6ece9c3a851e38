// SPDX-License-Identifier: Apache-2.0
#include "data/batch_order.h"

#include <algorithm>
#include <set>
#include <vector>

#include "support/catch.h"

using isoflop::train_window_start;

TEST_CASE("no token is a target twice within an epoch, and none of a full ring is left out") {
  for (const std::int64_t n_tokens : {9, 64, 65, 1000, 1001, 4099}) {
    for (const std::int64_t seq_len : {1, 7, 8}) {
      const std::int64_t n_windows = n_tokens / seq_len;
      for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
        std::vector<int> seen(static_cast<std::size_t>(n_tokens), 0);
        for (std::int64_t i = 0; i < n_windows; ++i) {
          const std::int64_t start =
              train_window_start(3, epoch * n_windows + i, n_tokens, seq_len);
          REQUIRE(start >= 0);
          REQUIRE(start < n_tokens);
          for (std::int64_t t = 1; t <= seq_len; ++t) {
            ++seen[static_cast<std::size_t>((start + t) % n_tokens)];
          }
        }
        REQUIRE(*std::max_element(seen.begin(), seen.end()) == 1);
        REQUIRE(std::count(seen.begin(), seen.end(), 0) == n_tokens % seq_len);
      }
    }
  }
}

TEST_CASE("epochs and seeds order and cut the data differently") {
  constexpr std::int64_t kTokens = 10000, kSeqLen = 10, kWindows = 1000;
  const auto epoch = [](std::uint64_t seed, std::int64_t number) {
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < kWindows; ++i) {
      starts.push_back(train_window_start(seed, number * kWindows + i, kTokens, kSeqLen));
    }
    return starts;
  };
  std::set<std::vector<std::int64_t>> orders;
  std::set<std::int64_t> cuts;
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const std::int64_t number : {0, 1, 2, 3}) {
      orders.insert(epoch(seed, number));
      cuts.insert(epoch(seed, number).front() % kSeqLen);
    }
  }
  REQUIRE(orders.size() == 12);
  REQUIRE(cuts.size() > 3);
}

TEST_CASE("the order is a pure function of its arguments, pinned because runs depend on it") {
  REQUIRE(train_window_start(0, 0, 1000000, 128) == 670311);
  REQUIRE(train_window_start(0, 1, 1000000, 128) == 190695);
  REQUIRE(train_window_start(7, 123456789, 1000000, 128) == 615950);
}
