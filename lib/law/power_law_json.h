// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/law.h"

namespace isoflop {

/// No scaling exponent anyone has published is anywhere near; a coefficient in its place is.
inline constexpr double kMaxExponent = 10;

[[nodiscard]] double read_exponent(const JsonReader& json);

/// [coefficient, exponent].
[[nodiscard]] PowerLaw read_power_law(const JsonReader& json);
[[nodiscard]] Json power_law_json(const PowerLaw& law);

/// A budget, from 1 to 1e40 FLOPs; nothing where the key is absent.
[[nodiscard]] std::optional<Flops> read_flops(const JsonReader& json, std::string_view key);
void set_flops(Json& json, std::string key, const std::optional<Flops>& flops);

}  // namespace isoflop
