// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace isoflop::cli {

/// `json` with every `--set /json/pointer=value` applied in order: the value is JSON where it
/// parses as such, else a string. New members may be added to objects; array elements must exist.
/// Throws Error(invalid_argument) naming the option and the part of the pointer that leads nowhere.
[[nodiscard]] Json patched(Json json, const std::vector<std::string>& settings);

}  // namespace isoflop::cli
