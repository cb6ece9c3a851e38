// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The part of an isoflop.fit/1 answer that is about the loss surface.
[[nodiscard]] Json surface_json(const ParametricFit& fit);

}  // namespace isoflop
