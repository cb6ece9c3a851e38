// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "isoflop/dataset.h"

namespace isoflop {

/// The sidecar with the table that gives bits per byte its denominator.
struct Sidecar {
  DatasetInfo info;
  std::vector<std::uint8_t> token_bytes;  // size vocab_size
};

/// Reads isoflop.dataset/1. Throws Error(parse) with file and JSON path.
[[nodiscard]] Sidecar load_sidecar(const std::filesystem::path& file);
/// Writes atomically. The table is not written for the tokenizers that imply it.
void save_sidecar(const Sidecar& sidecar, const std::filesystem::path& file);

/// What each token of a built-in tokenizer stands for: "bytes" (0 separates documents and stands
/// for nothing) or "raw_bytes". Empty for any other name.
[[nodiscard]] std::vector<std::uint8_t> implied_token_bytes(std::string_view tokenizer,
                                                            std::int64_t vocab_size);

}  // namespace isoflop
