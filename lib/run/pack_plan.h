// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// A run that could start now.
struct ReadyRun {
  std::size_t cell = 0;
  std::int64_t memory_bytes = 0;
  bool is_alone = false;  // goes with no other
};

/// What one worker may take.
struct PackLimits {
  int n_runs = 1;
  std::int64_t memory_bytes = 0;  // for all runs of a pack together
  int n_free_workers = 1;         // runs are spread over them before they are packed
};

/// The cells that the next worker trains side by side, of `ready`, cheapest first. The first of
/// them always goes, by itself if it must: nothing waits for ever. Behind it come the next in order
/// that have room: a pack lasts as long as its longest run, and neighbours in cost are of similar
/// length. Empty only where `ready` is.
[[nodiscard]] std::vector<std::size_t> next_pack(std::span<const ReadyRun> ready,
                                                 const PackLimits& limits);

}  // namespace isoflop
