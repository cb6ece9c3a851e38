// SPDX-License-Identifier: Apache-2.0
#include "run/pack_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/rng.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using Cells = std::vector<std::size_t>;
constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max();

/// Runs 0, 1, ... that take so much memory.
std::vector<ReadyRun> runs_of(std::initializer_list<std::int64_t> memory) {
  std::vector<ReadyRun> runs;
  for (const std::int64_t bytes : memory) runs.push_back({runs.size(), bytes});
  return runs;
}

TEST_CASE("a pack is the cheapest runs that are ready, as many as are allowed") {
  const std::vector<ReadyRun> ready = runs_of({1, 1, 1, 1, 1});
  CHECK(next_pack(ready, {1, kEndless, 1}) == Cells{0});
  CHECK(next_pack(ready, {3, kEndless, 1}) == Cells{0, 1, 2});
  CHECK(next_pack(ready, {8, kEndless, 1}) == Cells{0, 1, 2, 3, 4});
  CHECK(next_pack({}, {8, kEndless, 1}).empty());
}

TEST_CASE("a pack stays within its memory, and a run that has no room goes with others") {
  CHECK(next_pack(runs_of({3, 3, 4, 1}), {4, 10, 1}) == Cells{0, 1, 2});
  CHECK(next_pack(runs_of({3, 3, 5, 1}), {4, 10, 1}) == Cells{0, 1, 3});
  CHECK(next_pack(runs_of({3, 8, 8}), {4, 10, 1}) == Cells{0});
  CHECK(next_pack(runs_of({kEndless, 1}), {4, 10, 1}) == Cells{0});  // by itself, whatever it takes
  CHECK(next_pack(runs_of({1, kEndless, 1}), {4, kEndless, 1}) == Cells{0, 2});
  CHECK(next_pack(runs_of({11, 0}), {4, 10, 1}) == Cells{0});
}

TEST_CASE("runs are spread over free workers before they are packed") {
  const std::vector<ReadyRun> ready = runs_of({1, 1, 1, 1, 1});
  CHECK(next_pack(ready, {4, kEndless, 2}) == Cells{0, 1, 2});
  CHECK(next_pack(ready, {4, kEndless, 5}) == Cells{0});
  CHECK(next_pack(ready, {4, kEndless, 100}) == Cells{0});
}

TEST_CASE("a run that must go alone does") {
  std::vector<ReadyRun> ready = runs_of({1, 1, 1, 1});
  ready[1].is_alone = true;
  CHECK(next_pack(ready, {4, kEndless, 1}) == Cells{0, 2, 3});
  ready[0].is_alone = true;
  CHECK(next_pack(ready, {4, kEndless, 1}) == Cells{0});
}

TEST_CASE("whatever the runs, each goes once, in a pack that fits, and the first goes first") {
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    CAPTURE(trial);
    const Rng rng(trial);
    std::vector<ReadyRun> ready;
    for (std::size_t i = 0; i < 1 + rng.below(30, 0); ++i) {
      ready.push_back(
          {i, static_cast<std::int64_t>(rng.below(150, 2 * i + 1)), rng.below(10, 2 * i + 2) == 0});
    }
    const std::vector<ReadyRun> all = ready;
    const PackLimits limits{static_cast<int>(1 + rng.below(6, 100)), 100,
                            static_cast<int>(1 + rng.below(4, 101))};
    Cells gone;
    while (!ready.empty()) {
      const Cells pack = next_pack(ready, limits);
      REQUIRE_FALSE(pack.empty());
      CHECK(pack.front() == ready.front().cell);
      CHECK(std::is_sorted(pack.begin(), pack.end()));
      CHECK(pack.size() <= static_cast<std::size_t>(limits.n_runs));
      std::int64_t bytes = 0;
      for (const std::size_t cell : pack) {
        bytes += all[cell].memory_bytes;
        CHECK((pack.size() == 1 || !all[cell].is_alone));
      }
      CHECK((pack.size() == 1 || bytes <= limits.memory_bytes));
      gone.insert(gone.end(), pack.begin(), pack.end());
      std::erase_if(ready, [&](const ReadyRun& run) {
        return std::find(pack.begin(), pack.end(), run.cell) != pack.end();
      });
    }
    Cells expected(all.size());
    std::iota(expected.begin(), expected.end(), 0u);
    std::sort(gone.begin(), gone.end());
    CHECK(gone == expected);
  }
}

}  // namespace
}  // namespace isoflop
