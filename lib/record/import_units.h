// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "record/point_columns.h"

namespace isoflop {

/// One of theirs is multiplier * 10^decimal_shift of ours.
struct ForeignUnit {
  int decimal_shift = 0;
  long double multiplier = 1;
  bool of_bits_per_byte = false;  // a loss in bits per byte: belongs to that column of ours
  bool is_perplexity = false;     // e to the power of ours: a number > 1
  [[nodiscard]] bool is_ours() const {
    return decimal_shift == 0 && multiplier == 1 && !of_bits_per_byte && !is_perplexity;
  }
};

/// By name, upper or lower case, or as a number > 0. Throws Error(invalid_argument)
/// "units: tokens=...: ..." naming the units of that column.
[[nodiscard]] ForeignUnit unit_of(PointColumn column, const std::string& name);

/// A number > 0 in our unit, or nothing where the cell is none; a perplexity must be > 1. The
/// decimal shift is exact: it moves the exponent of the digits before they become a double; the
/// multiplier is applied in extended precision.
[[nodiscard]] std::optional<double> parse_in_unit(std::string_view cell, const ForeignUnit& unit);

}  // namespace isoflop
