// SPDX-License-Identifier: Apache-2.0
// Any form of the table by the general solver, in centred parameters; the robust fit also starts
// from the least-squares optimum. AICc = n ln(S / n) + 2 k + 2 k (k + 1) / (n - k - 1) with k the
// parameters and the variance, S always of least squares, whatever the objective. Lack of fit:
// F(2, n - 7) of Chinchilla's sum against `interaction`. Errors of reported parameters by the delta
// method. A form's optimum is the lowest interior minimum of 400 cells in ln size, its exponents
// differences over one unit of ln C; the hold-out leaves out the largest budgets, at least 3 runs,
// and tells the rms relative error.
#include "fit/surface/form_fit.h"

#include <algorithm>
#include <cmath>

#include "fit/points/leave_largest_out.h"
#include "stats/distributions.h"
#include "stats/golden_section.h"
#include "stats/nonlinear_fit.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kTargetFactor = 10;
constexpr std::int64_t kLeastDof = 3;

std::vector<Observation> observations_of(const FormContext& context,
                                         std::span<const Sample> samples) {
  std::vector<Observation> observations;
  for (const Sample& sample : samples) {
    const Inputs x = form_inputs(context, sample.scale, sample.tokens, sample.unique_tokens);
    observations.push_back({.x = x, .y = sample.metric});
  }
  return observations;
}

ParameterVector vector_of(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

/// A form on one set of points.
struct Setup {
  const SurfaceForm& form;
  FormContext context;
  std::unique_ptr<CurveModel> model;
  std::vector<Observation> observations;
  NonlinearOptions least_squares;

  Setup(const SurfaceForm& which, std::span<const Sample> samples, const FormOptions& options)
      : form(which),
        context(form_context(samples, options.scale == LossLaw::Scale::params ? 1 : 1.0 / 6,
                             options.upper_bound)),
        model(form.model(context)),
        observations(observations_of(context, samples)) {
    const bool log = options.objective == ObjectiveKind::huber_log;
    least_squares.scale = log ? ResidualScale::log : ResidualScale::level;
    least_squares.low = vector_of(form.low);
    least_squares.high = vector_of(form.high);
    least_squares.starts = form.starts(context);
    // An asymptote at the upper bound leaves no room for the terms.
    if (options.upper_bound) least_squares.high[0] = 0.999 * *options.upper_bound;
  }
  [[nodiscard]] NonlinearFit fit_squares() const {
    return fit_nonlinear(*model, observations, least_squares);
  }
  [[nodiscard]] NonlinearFit fit_by(const FormOptions& options, const NonlinearFit& squares) const {
    if (options.objective == ObjectiveKind::mse) return squares;
    NonlinearOptions robust = least_squares;
    robust.delta = options.delta;
    robust.starts.push_back(squares.theta);
    return fit_nonlinear(*model, observations, robust);
  }
  [[nodiscard]] double predict(const ParameterVector& theta, const Sample& sample) const {
    return model->value(form_inputs(context, sample.scale, sample.tokens, sample.unique_tokens),
                        theta);
  }
};

std::optional<double> aicc(double rss, std::size_t n_points, int n_params) {
  const auto n = static_cast<double>(n_points);
  const double k = n_params + 1;
  if (n <= k + 1 || !(rss > 0)) return std::nullopt;
  return n * std::log(rss / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1);
}

/// The minimum over the split of one budget, on fresh data.
struct Split {
  double log_size = 0, loss = 0;
  bool inside = false;
};

Split best_split(const Setup& setup, const ParameterVector& theta, double compute) {
  const double log_product = std::log(compute / setup.context.flops_factor);
  const auto loss = [&](double log_size) {
    return setup.model->value(form_inputs(setup.context, std::exp(log_size),
                                          std::exp(log_product - log_size), std::nullopt),
                              theta);
  };
  constexpr int kCells = 400;
  const double low = std::log(1e3);
  const double width = (log_product - 2 * low) / kCells;
  if (width <= 0) return {};
  // The lowest that rises to both sides: a form may fall without end far outside its points.
  int best = 0;
  for (int i = 1; i < kCells; ++i) {
    const double here = loss(low + i * width);
    if (here >= loss(low + (i - 1) * width) || here > loss(low + (i + 1) * width)) continue;
    if (best == 0 || here < loss(low + best * width)) best = i;
  }
  if (best == 0) return {};
  const double split =
      golden_section(low + (best - 1) * width, low + (best + 1) * width, 1e-7, loss);
  return {split, loss(split), true};
}

std::optional<FormTarget> target_of(const Setup& setup, const ParameterVector& theta,
                                    double compute) {
  constexpr double kStep = 0.5;  // in ln C
  const Split here = best_split(setup, theta, compute);
  const Split below = best_split(setup, theta, compute * std::exp(-kStep));
  const Split above = best_split(setup, theta, compute * std::exp(kStep));
  if (!here.inside || !below.inside || !above.inside) return std::nullopt;
  FormTarget target;
  target.compute = compute;
  target.scale_opt = std::exp(here.log_size);
  target.loss = here.loss;
  target.tokens_opt = compute / setup.context.flops_factor / target.scale_opt;
  target.scale_exponent = (above.log_size - below.log_size) / (2 * kStep);
  target.tokens_exponent = 1 - target.scale_exponent;
  return target;
}

/// Standard errors of the reported parameters: the internal covariance through the Jacobian of
/// `reported`, by central differences.
ParameterVector reported_errors(const Setup& setup, const NonlinearFit& fit) {
  const auto p = fit.theta.size();
  ParameterMatrix jacobian(p, p);
  for (Eigen::Index i = 0; i < p; ++i) {
    const double step = 1e-6 * std::max(std::abs(fit.theta[i]), 1e-3);
    ParameterVector above = fit.theta;
    ParameterVector below = fit.theta;
    above[i] += step;
    below[i] -= step;
    jacobian.col(i) =
        (setup.form.reported(setup.context, above) - setup.form.reported(setup.context, below)) /
        (2 * step);
  }
  return (jacobian * fit.covariance * jacobian.transpose()).diagonal().cwiseSqrt();
}

void set_parameters(FormFit& result, const Setup& setup, const NonlinearFit& fit) {
  const ParameterVector values = setup.form.reported(setup.context, fit.theta);
  const ParameterVector errors = reported_errors(setup, fit);
  result.values.assign(values.begin(), values.end());
  result.standard_errors.assign(errors.begin(), errors.end());
  for (const int i : fit.at_bound) {
    result.at_bound.push_back(result.parameters[static_cast<std::size_t>(i)]);
  }
}

void set_holdout(FormFit& result, const SurfaceForm& form, std::span<const Sample> samples,
                 const FormOptions& options) {
  const auto [used, held_out] =
      leave_largest_out(std::vector<Sample>(samples.begin(), samples.end()));
  if (used.size() < form.parameters.size() + kLeastDof) return;
  const Setup setup(form, used, options);
  if (!form.excuse(setup.context).empty()) return;
  const NonlinearFit fit = setup.fit_by(options, setup.fit_squares());
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
  if (samples.size() < form.parameters.size() + kLeastDof) {
    result.not_fitted = "too few points";
    return result;
  }
  const Setup setup(form, samples, options);
  result.not_fitted = form.excuse(setup.context);
  if (!result.not_fitted.empty()) return result;
  const NonlinearFit squares = setup.fit_squares();
  const NonlinearFit fit = setup.fit_by(options, squares);
  result.status = fit.converged ? FitStatus::ok : FitStatus::not_converged;
  result.objective_value = fit.value;
  result.condition_number = fit.condition_number;
  result.n_starts = fit.n_starts;
  result.n_starts_agreeing = fit.n_starts_agreeing;
  result.aicc = aicc(squares.value, samples.size(), setup.model->n_params());
  set_parameters(result, setup, fit);
  double largest = 0;
  for (const Sample& sample : samples) largest = std::max(largest, sample.compute);
  result.target = target_of(setup, fit.theta, kTargetFactor * largest);
  set_holdout(result, form, samples, options);
  return result;
}

}  // namespace

std::vector<FormFit> fit_forms(std::span<const Sample> samples, std::span<const std::string> names,
                               const FormOptions& options) {
  std::vector<FormFit> fits;
  for (const std::string& name : names) {
    fits.push_back(fit_form(surface_form(name), samples, options));
  }
  return fits;
}

std::optional<LackOfFit> lack_of_fit(std::span<const Sample> samples, const FormOptions& options) {
  const SurfaceForm& wide_form = surface_form("interaction");
  const auto n = static_cast<std::int64_t>(samples.size());
  LackOfFit test;
  test.form = wide_form.name;
  test.dof_form = 2;
  test.dof_residual = n - static_cast<std::int64_t>(wide_form.parameters.size());
  if (test.dof_residual < kLeastDof) return std::nullopt;
  const Setup narrow(surface_form("chinchilla"), samples, options);
  Setup wide(wide_form, samples, options);
  const NonlinearFit sum = narrow.fit_squares();
  // The sum itself is a start: the wider form never ends above it.
  ParameterVector start = ParameterVector::Zero(wide.model->n_params());
  start.head(sum.theta.size()) = sum.theta;
  wide.least_squares.starts.push_back(start);
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
