// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// The columns of a points CSV that mean something to us, in the order in which they are written.
enum PointColumn : std::size_t {
  kParams,
  kFlopsPerToken,
  kTokens,
  kCompute,
  kBudget,
  kLoss,
  kBitsPerByte,
  kBatchTokens,
  kPeakLr,
  kDataset,
  kSeed,
  kTrunk,
  kRunId,
  kPointColumnCount
};

inline constexpr std::array<std::string_view, kPointColumnCount> kPointColumnNames = {
    "params",       "flops_per_token", "tokens",  "compute", "budget", "loss",  "bits_per_byte",
    "batch_tokens", "peak_lr",         "dataset", "seed",    "trunk",  "run_id"};

/// Whether a row is suspected to be no measurement of what the others measure, and why.
inline constexpr std::string_view kOutlierName = "outlier", kOutlierReasonName = "outlier_reason";

/// A cell of `outlier`: false for an empty one, 0 and false; true for 1 and true, in any case.
[[nodiscard]] std::optional<bool> parse_flag(std::string_view cell);

[[nodiscard]] inline std::vector<std::string> point_column_names() {
  return {kPointColumnNames.begin(), kPointColumnNames.end()};
}

/// Whether its cells are numbers > 0.
[[nodiscard]] constexpr bool is_quantity(PointColumn column) { return column < kDataset; }

/// Whether these count something: whole numbers, which a rounded double no longer is.
[[nodiscard]] constexpr bool is_count(PointColumn column) {
  return column == kParams || column == kTokens || column == kBatchTokens;
}

/// The column of that name. Throws Error(invalid_argument) "<option>: ..." naming those there are.
[[nodiscard]] PointColumn point_column(const std::string& name, const std::string& option);

/// How a text stands in a CSV: quoted where it must be.
[[nodiscard]] std::string csv_cell(std::string_view text);
/// The same, after what is there.
void append_csv_cell(std::string_view text, std::string& row);

}  // namespace isoflop
