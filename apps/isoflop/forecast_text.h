// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "isoflop/forecast.h"

namespace isoflop::cli {

/// "1.885 bits/byte (90 %: 1.80 to 1.97)".
[[nodiscard]] std::string describe(const Forecast& forecast);
/// One line: data set, forecast, measured value, error in percent, inside the interval or not.
[[nodiscard]] std::string describe(const Forecast& forecast, const ForecastScore& score);

/// The record of a run folder, or of a record file.
[[nodiscard]] RunRecord load_record_of(const std::filesystem::path& run);

}  // namespace isoflop::cli
