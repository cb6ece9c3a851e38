// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/sample.h"
#include "isoflop/hyper.h"

namespace isoflop {

/// ln B and ln lr on ln N and ln D by least squares over the samples. A law is absent where a
/// sample lacks the setting, all have the same, or the samples do not tell N and D apart; nothing
/// without either law.
[[nodiscard]] std::optional<GivenSettings> given_settings(std::span<const Sample> samples);

}  // namespace isoflop
