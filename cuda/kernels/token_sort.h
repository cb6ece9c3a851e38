// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <cuda_runtime_api.h>

namespace isoflop {

/// Rows in the order of their tokens, rows of one token in their own order: row[i] has the token
/// first_token + key[i]; behind them, with keys of n_tokens, those of other tokens. Both [n_rows],
/// in the workspace.
struct SortedTokens {
  const std::uint32_t *key, *row;
};

/// Sorts by digits of up to 9 bits, each pass stable: two passes up to 2^18 tokens.
[[nodiscard]] SortedTokens launch_token_sort(const std::int32_t* tokens, std::int64_t n_rows,
                                             std::int64_t first_token, std::int64_t n_tokens,
                                             void* workspace, cudaStream_t stream);

[[nodiscard]] std::int64_t token_sort_workspace_bytes(std::int64_t n_rows);

}  // namespace isoflop
