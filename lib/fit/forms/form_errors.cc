// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_errors.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kOpen = std::numeric_limits<double>::infinity();

/// The internal covariance, for normal errors, through the Jacobian of `reported` by central
/// differences.
ParameterVector reported_errors(const FormSetup& setup, const NonlinearFit& fit) {
  const auto p = fit.theta.size();
  ParameterMatrix jacobian(p, p);
  for (Eigen::Index i = 0; i < p; ++i) {
    const double step = 1e-6 * std::max(std::abs(fit.theta[i]), 1e-3);
    ParameterVector above = fit.theta;
    ParameterVector below = fit.theta;
    above[i] += step;
    below[i] -= step;
    jacobian.col(i) = (setup.form().reported(setup.context(), above) -
                       setup.form().reported(setup.context(), below)) /
                      (2 * step);
  }
  const double factor = fit.error_variance > 0 ? fit.normal_variance / fit.error_variance : 1;
  return (factor * jacobian * fit.covariance * jacobian.transpose()).diagonal().cwiseSqrt();
}

/// d reported / d internal of a coefficient that is 0.
double unit_of(const FormSetup& setup, const NonlinearFit& fit, int parameter) {
  ParameterVector one = fit.theta;
  one[parameter] = 1;
  return setup.form().reported(setup.context(), one)[parameter];
}

/// A coefficient in other units than it was fitted in is a product with e^(exponent ln N0): errors
/// of its logarithm are what the exponent's are. Exponents of either sign have no logarithm.
Interval delta_interval(double value, double error, bool in_logarithms, double t) {
  if (!std::isfinite(error) || error <= 0) return {.low = -kOpen, .high = kOpen};
  if (in_logarithms && value > 0) return around_log(std::log(value), t * error / value);
  return around(value, t * error);
}

/// The interval by its profile, and the value that says nothing where an F test of all that is idle
/// then does not reject it at 10 %: where P is 0, delta and kappa are free to follow the noise, of
/// which the profile of one parameter takes no account (Davies, Biometrika 64, 1977).
Interval extra_interval(const FormSetup& setup, const NonlinearFit& fit,
                        const ExtraParameter& extra) {
  Interval interval = setup.profile(fit, extra.index);
  const double rise = setup.value_at(fit, extra.index, extra.null) - fit.value;
  if (!(fit.normal_rise > 0) || !(fit.dof > 0)) return interval;
  if (rise / fit.normal_rise > extra.n_idle * f_quantile(0.9, extra.n_idle, fit.dof)) {
    return interval;
  }
  return {.low = std::min(interval.low, extra.null), .high = std::max(interval.high, extra.null)};
}

/// In the units of the publication, at the exponents of the fit, and what these leave open.
Interval in_reported_units(const Interval& internal, double factor, const Interval& by_delta) {
  Interval interval = {.low = factor * internal.low, .high = factor * internal.high};
  if (factor == 1 || std::isinf(by_delta.high)) return interval;
  return {.low = std::min(interval.low, by_delta.low),
          .high = std::max(interval.high, by_delta.high)};
}

}  // namespace

void set_errors(FormFit& result, const FormSetup& setup, const NonlinearFit& fit) {
  const ParameterVector errors = reported_errors(setup, fit);
  result.standard_errors.assign(errors.begin(), errors.end());
  const double t = fit.dof > 0 ? t90(fit.dof) : kOpen;
  for (Eigen::Index i = 0; i < errors.size(); ++i) {
    const double value = result.values[static_cast<std::size_t>(i)];
    const bool is_coefficient =
        value != fit.theta[i] && setup.form().low[static_cast<std::size_t>(i)] >= 0;
    result.intervals.push_back(delta_interval(value, errors[i], is_coefficient, t));
  }
  if (!fit.converged) return;
  for (const ExtraParameter& extra : setup.form().extra) {
    const auto i = static_cast<std::size_t>(extra.index);
    const double internal = fit.theta[extra.index];
    const double factor =
        internal == 0 ? unit_of(setup, fit, extra.index) : result.values[i] / internal;
    result.intervals[i] =
        in_reported_units(extra_interval(setup, fit, extra), factor, result.intervals[i]);
  }
}

}  // namespace isoflop
