// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "fit/forms/form_fit.h"
#include "stats/nonlinear_fit.h"

namespace isoflop {

/// A form on one set of points: what the general solver is given.
class FormSetup {
 public:
  FormSetup(const SurfaceForm& form, std::span<const Sample> samples, const FormOptions& options);

  [[nodiscard]] NonlinearFit fit_squares() const;
  /// Of the objective asked for, `squares` being fit_squares().
  [[nodiscard]] NonlinearFit fit_robust(const NonlinearFit& squares) const;
  /// Of the objective asked for.
  [[nodiscard]] NonlinearFit fit() const { return fit_robust(fit_squares()); }
  [[nodiscard]] Interval profile(const NonlinearFit& fit, int parameter) const;
  /// The objective with a parameter held at `x`, minimised over the others.
  [[nodiscard]] double value_at(const NonlinearFit& fit, int parameter, double x) const;
  [[nodiscard]] double predict(const ParameterVector& theta, const Sample& sample) const {
    return model_->value(form_.inputs(context_, sample), theta);
  }

  [[nodiscard]] const SurfaceForm& form() const { return form_; }
  [[nodiscard]] const FormContext& context() const { return context_; }
  [[nodiscard]] int n_params() const { return model_->n_params(); }

 private:
  [[nodiscard]] NonlinearOptions squares_options() const;
  [[nodiscard]] NonlinearOptions robust_options() const;

  const SurfaceForm& form_;
  FormOptions options_;
  FormContext context_;
  std::unique_ptr<CurveModel> model_;
  std::vector<Observation> observations_;
  std::unique_ptr<FormSetup> nested_;  // the same points by the form within this one
};

}  // namespace isoflop
