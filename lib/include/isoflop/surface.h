// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/law.h"

namespace isoflop {

/// Summed over points; H is Huber's function with `delta`. mse: r^2, r = predicted - loss. huber:
/// H(r) of the same r. huber_log: H(r), r = ln predicted - ln loss.
enum class ObjectiveKind { huber_log, huber, mse };
[[nodiscard]] std::string_view to_string(ObjectiveKind);

/// An optimum that some starts of the search ended in.
struct SurfaceBasin {
  double objective = 0;
  LossLaw law;
  std::int64_t n_starts = 0;
};

/// 90 % by profile likelihood. Where the profile stays below its limit down or up to the
/// parameter's bound, that end is the bound and the points do not identify the parameter.
struct ProfileInterval {
  Interval interval;
  bool identified = true;
};

/// The optimum under another delta; infinite: squares of the same residual.
struct DeltaOptimum {
  double delta = 0;
  LossLaw law;
  double a_exponent = 0;
};

/// How far the points determine the surface.
struct SurfaceDiagnostics {
  /// Largest |d ln objective / d ln parameter| of those not at a bound; 0 for a perfect fit.
  double gradient_norm = 0;
  /// Of (E, A N0^-alpha, B D0^-beta, alpha, beta), N0 and D0 the points' geometric means, by the
  /// Hessian of a step of re-weighted least squares at the optimum: the condition number with its
  /// diagonal scaled to 1, and the correlations by its inverse. Parameters at a bound are left out
  /// (their rows are 0).
  double condition_number = 0;
  std::array<std::array<double, 5>, 5> correlation = {};
  ProfileInterval profile_E, profile_a;
  std::vector<DeltaOptimum> objective_sensitivity;  // ascending in delta
  std::int64_t n_distinct_sizes = 0, n_distinct_tokens = 0;
  /// Median of largest / smallest D among points whose sizes are within a factor of 2.
  double tokens_range = 0;
};

/// The surface L = E + A / N^alpha + B / D^beta at its global optimum over E, A, B >= 0 and
/// alpha, beta > 0.
struct ParametricFit {
  LossLaw law;
  double a_exponent = 0, b_exponent = 0;  // N_opt ~ C^a, D_opt ~ C^b
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  double objective_value = 0;  // summed over points
  std::vector<std::string> at_bound;
  std::vector<SurfaceBasin> basins;  // best first
  std::optional<SurfaceDiagnostics> diagnostics;
  std::int64_t n_points = 0;  // of a grid of batch sizes and rates one run
  std::int64_t n_starts = 0, n_starts_agreeing = 0;
  Interval E, A, B, alpha, beta, a, b;  // bootstrap percentiles; empty if n_bootstrap is 0
  std::map<std::string, double> standard_errors;  // bootstrap, by the names above
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  std::vector<LossLaw> draws;  // the surfaces of the resamples that converged
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// The optimum at a budget beyond the data.
struct OptimumForecast {
  double ratio = 1;    // to the largest budget behind the law
  double compute = 0;  // [FLOPs]
  double scale_opt = 0;
  Interval law;   // of the optimum that the law has there
  Interval next;  // of the optimum that one further budget will show: the law's error and tau
  double loss_opt = 0;
  Interval loss;  // of the surface's loss at its optimum, if the loss is of this form
};

/// What runs have in common beside the surface, as intervals take it: nothing, a trunk that is
/// stated, or unsaid, since the residuals of runs of one size agree.
enum class Dependence { none, trunk, size };
[[nodiscard]] std::string_view to_string(Dependence);

/// 90 % intervals of a surface: what surfaces say whose losses are as far from the fitted one's as
/// the points leave open, with every budget's curve allowed a sideways shift of its own (tau) and
/// each run its noise, runs of one trunk together. They integrate over what the data leave open
/// about tau, which with a handful of budgets is much. An end is infinite where nothing bounds it.
struct SurfaceIntervals {
  Interval E, A, B, alpha, beta, a, b;
  double noise = 0;            // of ln loss, per run
  double tau = 0;              // of ln(scale), per budget
  std::int64_t n_budgets = 0;  // behind tau; below 3 it is taken as 0
  std::vector<OptimumForecast> forecasts;
  Dependence dependence = Dependence::none;
  std::int64_t n_units = 0;  // that err independently
  double p_of_sizes = 1;     // that residuals of runs of one size agree by chance
};

/// Ratios to the largest budget at which optima are forecast.
inline constexpr double kForecastRatios[] = {10, 100};

/// Ratios at which a law keeps its forecasts.
inline constexpr double kEvidenceRatios[] = {1, 10, 100, 1000};

}  // namespace isoflop
