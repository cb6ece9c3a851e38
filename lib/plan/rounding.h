// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop {

/// `value` to `digits` significant decimal digits.
[[nodiscard]] double round_to_digits(double value, int digits);

/// A batch in whole sequences, and how it is computed.
struct BatchSize {
  std::int64_t seqs = 1;
  std::int64_t micro_seqs = 1;
};

/// What divides a batch: `seqs` is a multiple of micro_seqs * data_parallel.
struct BatchUnits {
  std::int64_t seq_len = 128;
  std::int64_t data_parallel = 1;
  std::int64_t micro_seqs = 0;  // 0: chosen, of at most kMicroBatchTokens

  /// Enough rows for matrix products to run at speed, few enough for activations to stay in cache.
  static constexpr std::int64_t kMicroBatchTokens = 2048;
};

/// The largest batch of at most `seqs` sequences that `units` divide, or the smallest there is.
/// Where the micro-batch is free this costs less than one sequence per micro-batch.
[[nodiscard]] BatchSize batch_of_at_most(std::int64_t seqs, const BatchUnits& units);

/// Exactly `seqs`, with the largest micro-batch that divides it. Throws Error(internal) if `units`
/// do not divide `seqs`.
[[nodiscard]] BatchSize batch_of_exactly(std::int64_t seqs, const BatchUnits& units);

}  // namespace isoflop
