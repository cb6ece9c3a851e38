// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/law.h"

namespace isoflop {

/// A law as a part of another document; load_law() and to_json() are the same for one by itself.
[[nodiscard]] Json law_json(const Law& law);
/// Throws Error(parse) with file, JSON path, value and what is allowed.
[[nodiscard]] Law read_law(const JsonReader& json);

}  // namespace isoflop
