// SPDX-License-Identifier: Apache-2.0
#include "data/batch_order.h"

#include "base/rng.h"
#include "data/permutation.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::uint64_t kShiftStream = 0x7368696674;
constexpr std::uint64_t kOrderStream = 0x6f72646572;

}  // namespace

std::int64_t train_window_start(std::uint64_t seed, std::int64_t index, std::int64_t n_tokens,
                                std::int64_t seq_len) {
  ISOFLOP_CHECK(index >= 0 && seq_len >= 1 && n_tokens > seq_len, "no such training window");
  const std::int64_t n_windows = n_tokens / seq_len;
  const auto epoch = static_cast<std::uint64_t>(index / n_windows);
  const auto position = static_cast<std::uint64_t>(index % n_windows);
  const auto ring = static_cast<std::uint64_t>(n_tokens);
  const std::uint64_t shift = Rng(seed, kShiftStream).below(ring, epoch);
  const Permutation order(static_cast<std::uint64_t>(n_windows),
                          Rng(seed, kOrderStream).bits(epoch));
  const std::uint64_t start = order(position) * static_cast<std::uint64_t>(seq_len) + shift;
  return static_cast<std::int64_t>(start % ring);
}

}  // namespace isoflop
