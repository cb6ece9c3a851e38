// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "fit/surface/loss_objective.h"
#include "isoflop/surface.h"

namespace isoflop {

/// Values further apart than 1e-9 of themselves.
[[nodiscard]] std::size_t count_distinct(std::span<const LossSample> samples,
                                         double LossSample::*member);

/// How far `samples` determine the surface, at the optimum of `objective` over them.
[[nodiscard]] SurfaceDiagnostics diagnose(std::span<const LossSample> samples,
                                          const LossPoints& points, const LossObjective& objective,
                                          const SurfaceVector& optimum, LossLaw::Scale scale);

}  // namespace isoflop
