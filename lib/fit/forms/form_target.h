// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "fit/forms/form_setup.h"

namespace isoflop {

/// The best split of a budget by a form fitted with `theta`, of fresh data in one pass: the lowest
/// interior minimum of 400 cells in ln size, its exponents differences over one unit of ln C.
/// Nothing where the form has no minimum there.
[[nodiscard]] std::optional<FormTarget> form_target(const FormSetup& setup,
                                                    const ParameterVector& theta, double compute);

}  // namespace isoflop
