// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "isoflop/interval.h"
#include "stats/nonlinear_fit.h"

namespace isoflop {

/// The 90 % profile-likelihood interval of one parameter of `fit`, which fit_nonlinear() found with
/// the same arguments: where the objective, minimised over the other parameters, has risen by at
/// most t^2 times `fit.normal_rise`. Of squares that is their minimum times 1 + t^2 / dof, the
/// exact F test of one parameter of a linear model. An end that the points leave open is the
/// parameter's bound.
[[nodiscard]] Interval profile_interval(const CurveModel& model,
                                        std::span<const Observation> observations,
                                        const NonlinearOptions& options, const NonlinearFit& fit,
                                        int parameter);

/// The objective with one parameter held at `x` and minimised over the others, from `fit`.
[[nodiscard]] double profile_value(const CurveModel& model,
                                   std::span<const Observation> observations,
                                   const NonlinearOptions& options, const NonlinearFit& fit,
                                   int parameter, double x);

}  // namespace isoflop
