// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fit/forms/form_setup.h"

namespace isoflop {

/// Standard errors and 90 % intervals of `result`, whose values are those of `fit`. By the delta
/// method with Student's t of the degrees of freedom left, in logarithms for what is reported in
/// other units than it was fitted in; by profile likelihood for what a form has beyond another.
void set_errors(FormFit& result, const FormSetup& setup, const NonlinearFit& fit);

}  // namespace isoflop
