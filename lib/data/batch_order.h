// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace isoflop {

/// Where training sequence `index` starts in a ring of `n_tokens` tokens (the last token is
/// followed by the first), 0 ... n_tokens - 1. Windows lie `seq_len` apart, n_tokens / seq_len of
/// them to an epoch; each epoch shifts them all by an offset of its own and permutes them. Needs
/// n_tokens > seq_len >= 1 and index >= 0.
[[nodiscard]] std::int64_t train_window_start(std::uint64_t seed, std::int64_t index,
                                              std::int64_t n_tokens, std::int64_t seq_len);

}  // namespace isoflop
