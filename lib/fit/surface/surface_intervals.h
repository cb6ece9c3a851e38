// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "fit/points/curves.h"
#include "isoflop/surface.h"

namespace isoflop {

/// The intervals of `fit`, the surface of `samples`; `group` of a sample is its budget. Nothing
/// where too few points are left to tell noise from shifts, or where A or B is 0.
///
/// To first order the parameters err by H (Z s + e): H the pseudo-inverse of the Jacobian of ln L,
/// Z the slope of ln L along each budget's curve, s the shifts (sd tau), e the noise. Huber's
/// function makes e count for more by its asymptotic relative efficiency (Huber, Annals of
/// Mathematical Statistics 35, 1964). Each budget's shift is read off its residuals; the scatter of
/// the shifts about a line in ln C gives the confidence distribution of tau by the Q-profile
/// (Viechtbauer, Statistics in Medicine 26, 2007). Of the variance of e, runs of one trunk have
/// `trunk_share` in common.
[[nodiscard]] std::optional<SurfaceIntervals> surface_intervals(
    const ParametricFit& fit, std::span<const Sample> samples, double largest_compute,
    std::span<const double> targets = {}, double trunk_share = 0);

}  // namespace isoflop
