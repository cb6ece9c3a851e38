// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/estimate/words.h"
#include "isoflop/surface.h"

namespace isoflop {

/// `scale_opt` is the law through the iso-FLOP minima, which the surface's is held against.
void warn_of_surface(const ParametricFit& surface, const PowerLawFit& scale_opt, Words& warnings);

}  // namespace isoflop
