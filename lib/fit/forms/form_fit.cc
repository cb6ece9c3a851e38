// SPDX-License-Identifier: Apache-2.0
// Any form of the table by the general solver, in centred parameters; the robust fit also starts
// from the least-squares optimum. AICc = n ln(S / n) + 2 k + 2 k (k + 1) / (n - k - 1) with k the
// parameters and the variance, S always of least squares, whatever the objective. Lack of fit:
// F(2, n - 7) of Chinchilla's sum against `interaction`. The hold-out leaves out the largest
// budgets, at least 3 runs, and tells the rms relative error.
#include "fit/forms/form_fit.h"

#include <algorithm>
#include <cmath>

#include "fit/forms/form_errors.h"
#include "fit/forms/form_setup.h"
#include "fit/forms/form_target.h"
#include "fit/points/leave_largest_out.h"
#include "stats/distributions.h"

namespace isoflop {
namespace {

constexpr double kTargetFactor = 10;
constexpr std::int64_t kLeastDof = 3;

std::optional<double> aicc(double rss, std::size_t n_points, int n_params) {
  const auto n = static_cast<double>(n_points);
  const double k = n_params + 1;
  if (n <= k + 1 || !(rss > 0)) return std::nullopt;
  return n * std::log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

void set_parameters(FormFit& result, const FormSetup& setup, const NonlinearFit& fit) {
  const ParameterVector values = setup.form().reported(setup.context(), fit.theta);
  result.values.assign(values.begin(), values.end());
  set_errors(result, setup, fit);
  for (const int i : fit.at_bound) {
    result.at_bound.push_back(result.parameters[static_cast<std::size_t>(i)]);
  }
}

void set_holdout(FormFit& result, const SurfaceForm& form, std::span<const Sample> samples,
                 const FormOptions& options) {
  const auto [used, held_out] =
      leave_largest_out(std::vector<Sample>(samples.begin(), samples.end()));
  if (used.size() < form.parameters.size() + kLeastDof) return;
  const FormSetup setup(form, used, options);
  if (!form.excuse(setup.context()).empty()) return;
  const NonlinearFit fit = setup.fit();
  if (!fit.converged) return;
  double squares = 0;
  for (const Sample& sample : held_out) {
    squares += std::pow(setup.predict(fit.theta, sample) / sample.metric - 1, 2);
  }
  result.n_holdout = static_cast<std::int64_t>(held_out.size());
  result.holdout_error = std::sqrt(squares / static_cast<double>(held_out.size()));
}

FormFit fit_form(const SurfaceForm& form, std::span<const Sample> samples,
                 const FormOptions& options) {
  FormFit result;
  result.name = form.name;
  result.formula = form.formula;
  result.source = form.source;
  result.parameters = form.parameters;
  result.objective = options.objective;
  result.delta = options.delta;
  result.n_points = static_cast<std::int64_t>(samples.size());
  if (samples.size() < form.parameters.size() + kLeastDof) {
    result.not_fitted = "too few points";
    return result;
  }
  const FormSetup setup(form, samples, options);
  result.not_fitted = form.excuse(setup.context());
  if (!result.not_fitted.empty()) return result;
  const NonlinearFit squares = setup.fit_squares();
  const NonlinearFit fit = setup.fit_robust(squares);
  result.status = fit.converged ? FitStatus::ok : FitStatus::not_converged;
  result.objective_value = fit.value;
  result.condition_number = fit.condition_number;
  result.n_starts = fit.n_starts;
  result.n_starts_agreeing = fit.n_starts_agreeing;
  result.aicc = aicc(squares.value, samples.size(), setup.n_params());
  set_parameters(result, setup, fit);
  double largest = 0;
  for (const Sample& sample : samples) largest = std::max(largest, sample.compute);
  result.target = form_target(setup, fit.theta, kTargetFactor * largest);
  set_holdout(result, form, samples, options);
  return result;
}

}  // namespace

std::vector<FormFit> fit_forms(std::span<const Sample> samples, std::span<const Sample> by_batch,
                               std::span<const std::string> names, const FormOptions& options) {
  std::vector<FormFit> fits;
  for (const std::string& name : names) {
    const SurfaceForm& form = surface_form(name);
    fits.push_back(fit_form(form, form.of_batches ? by_batch : samples, options));
  }
  return fits;
}

std::vector<FormFit> fit_forms(std::span<const Sample> samples, std::span<const std::string> names,
                               const FormOptions& options) {
  return fit_forms(samples, samples, names, options);
}

std::optional<LackOfFit> lack_of_fit(std::span<const Sample> samples, const FormOptions& options) {
  const SurfaceForm& wide_form = surface_form("interaction");
  const auto n = static_cast<std::int64_t>(samples.size());
  LackOfFit test;
  test.form = wide_form.name;
  test.dof_form = 2;
  test.dof_residual = n - static_cast<std::int64_t>(wide_form.parameters.size());
  if (test.dof_residual < kLeastDof) return std::nullopt;
  const FormSetup narrow(surface_form(wide_form.nested.name), samples, options);
  const FormSetup wide(wide_form, samples, options);
  const NonlinearFit sum = narrow.fit_squares();
  const NonlinearFit interaction = wide.fit_squares();
  if (!sum.converged || !interaction.converged || !(interaction.value > 0)) return std::nullopt;
  // Residuals of exact losses are rounding, which no model describes.
  constexpr double kRounding = 1e-12;
  double scale = 0;
  for (const Sample& sample : samples) scale += std::pow(kRounding * sample.metric, 2);
  if (sum.value <= scale) return std::nullopt;
  const double gain = std::max(0.0, sum.value - interaction.value);
  test.f = gain / static_cast<double>(test.dof_form) /
           (interaction.value / static_cast<double>(test.dof_residual));
  test.p = f_upper_tail(test.f, static_cast<double>(test.dof_form),
                        static_cast<double>(test.dof_residual));
  return test;
}

}  // namespace isoflop
