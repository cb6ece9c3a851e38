// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "isoflop/estimate.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Checks of the laws through the usable valleys; nothing where scale_opt is not usable.
[[nodiscard]] std::optional<LawChecks> check_laws(
    std::span<const Valley> valleys, const PowerLawFit& scale_opt, const PowerLawFit& tokens_opt,
    const std::optional<TrunkNoise>& trunk_noise = {});

}  // namespace isoflop
