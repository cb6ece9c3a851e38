// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "isoflop/law.h"
#include "isoflop/model_shape.h"

namespace isoflop {

/// Why `predicted`, by the law's metric, is of no model of this vocabulary: one that has learned
/// nothing costs ln V nats per token, and 8 bits per byte. Nothing where it may be.
[[nodiscard]] std::optional<std::string> beyond_chance(const Law& law, const ModelShape& shape,
                                                       double predicted);

}  // namespace isoflop
