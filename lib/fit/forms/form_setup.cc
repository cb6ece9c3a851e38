// SPDX-License-Identifier: Apache-2.0
#include "fit/forms/form_setup.h"

#include "stats/profile_interval.h"

namespace isoflop {
namespace {

ParameterVector bound_vector(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

}  // namespace

FormSetup::FormSetup(const SurfaceForm& form, std::span<const Sample> samples,
                     const FormOptions& options)
    : form_(form),
      options_(options),
      context_(form_context(samples, options.scale == LossLaw::Scale::params ? 1 : 1.0 / 6,
                            options.upper_bound)),
      model_(form.model(context_)) {
  // What the points cannot tell has no inputs either.
  if (!form.excuse(context_).empty()) return;
  for (const Sample& sample : samples) {
    observations_.push_back({.x = form.inputs(context_, sample), .y = sample.metric});
  }
  if (form.nested.name != nullptr) {
    nested_ = std::make_unique<FormSetup>(surface_form(form.nested.name), samples, options);
  }
}

NonlinearOptions FormSetup::squares_options() const {
  const bool log = options_.objective == ObjectiveKind::huber_log;
  NonlinearOptions squares;
  squares.scale = log ? ResidualScale::log : ResidualScale::level;
  squares.low = bound_vector(form_.low);
  squares.high = bound_vector(form_.high);
  squares.starts = form_.starts(context_);
  // An asymptote at the upper bound leaves no room for the terms.
  if (options_.upper_bound) squares.high[0] = 0.999 * *options_.upper_bound;
  return squares;
}

NonlinearOptions FormSetup::robust_options() const {
  NonlinearOptions robust = squares_options();
  if (options_.objective != ObjectiveKind::mse) robust.delta = options_.delta;
  return robust;
}

NonlinearFit FormSetup::fit_squares() const {
  NonlinearOptions squares = squares_options();
  if (nested_) squares.starts.push_back(form_.nested.embed(nested_->fit_squares().theta));
  return fit_nonlinear(*model_, observations_, squares);
}

NonlinearFit FormSetup::fit_robust(const NonlinearFit& squares) const {
  if (options_.objective == ObjectiveKind::mse) return squares;
  NonlinearOptions robust = robust_options();
  robust.starts.push_back(squares.theta);
  if (nested_) robust.starts.push_back(form_.nested.embed(nested_->fit().theta));
  return fit_nonlinear(*model_, observations_, robust);
}

Interval FormSetup::profile(const NonlinearFit& fit, int parameter) const {
  return profile_interval(*model_, observations_, robust_options(), fit, parameter);
}

double FormSetup::value_at(const NonlinearFit& fit, int parameter, double x) const {
  return profile_value(*model_, observations_, robust_options(), fit, parameter, x);
}

}  // namespace isoflop
