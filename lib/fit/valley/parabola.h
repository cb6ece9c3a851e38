// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "fit/points/curves.h"
#include "isoflop/law.h"
#include "isoflop/valley.h"

namespace isoflop {

/// Fewest sizes at one budget that make an iso-FLOP curve.

/// The part of an iso-FLOP curve, ascending in scale, that its parabola is fitted to: the best
/// point and its neighbours outwards, the lower one first, as long as their metric is within `band`
/// of the best; at least 5 in any case. Published practice fits every point, of curves that span a
/// few percent of the loss and lie within the band. At small scale curves span 40 % and are steep
/// on one side: on simulated curves with alpha 0.3, beta 0.9, sizes within a factor of 10 and noise
/// of 0.3 to 0.8 %, the band brings the error of ln N* from 0.34 to 0.10; on symmetric ones it
/// costs at most a factor of 2 of an error of 0.02.
struct CurveWindow {
  std::size_t first = 0, last = 0;  // [first, last)
};
[[nodiscard]] CurveWindow curve_window(std::span<const Sample> curve, double band);

inline constexpr double kValleyBand = 0.12;

/// Parabola of the metric in ln(scale) by least squares over the window. `curve` has one sample per
/// scale, ascending.
[[nodiscard]] Valley fit_valley(const BudgetGroup& curve, double band = kValleyBand);

/// The samples of `curve` that the valley's parabola was fitted to.
[[nodiscard]] std::vector<Sample> fitted_samples(const BudgetGroup& curve, const Valley& valley);

/// Tokens at a ln(scale) of a curve, by the line of ln tokens through its sizes: exact where C = k
/// scale tokens.
[[nodiscard]] double tokens_at(std::span<const Sample> samples, double ln_scale);

/// Relative sd about the parabolas over the usable valleys; 0 where they leave no residuals.
[[nodiscard]] double pooled_noise(std::span<const Valley> valleys);

/// Replaces the standard errors, which come from a handful of residuals each, by those for a common
/// relative noise: pooled over the valleys that have residuals.
void pool_noise(std::vector<Valley>& valleys);

/// What relative errors of the losses make of a valley: influence . errors of ln scale_opt, and
/// (I - basis basis') * errors of the residuals over loss_opt. By fitted sample.
struct ValleyErrors {
  std::vector<std::string> trunks;
  Eigen::VectorXd influence, residuals;
  Eigen::MatrixXd basis;  // orthonormal, of the parabola's design
};
[[nodiscard]] ValleyErrors errors_of(const BudgetGroup& curve, const Valley& valley);

/// Error of ln scale_opt that the parabola would make on this curve's sizes if the surface were
/// true and noise-free (arXiv:2603.22339 found it; here computed, not expanded).
[[nodiscard]] double predicted_bias(const BudgetGroup& curve, const Valley& valley,
                                    const LossLaw& surface);
/// The same by parabola_bias(), for sizes equally spaced over the fitted range.
[[nodiscard]] double closed_form_bias(const BudgetGroup& curve, const Valley& valley,
                                      const LossLaw& surface);

}  // namespace isoflop
