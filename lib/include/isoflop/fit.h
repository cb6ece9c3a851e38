// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/point.h"

namespace isoflop {

/// A fit is always returned; ask usable() of what it found before using it.
enum class FitStatus { ok, too_few_points, not_bracketed, not_convex, not_converged };
[[nodiscard]] std::string_view to_string(FitStatus);

/// 90 % unless a comment says otherwise.
struct Interval {
  double low = 0, high = 0;
};

/// y = coefficient x^exponent with the interval of both.
struct PowerLawFit {
  PowerLaw law;
  Interval coefficient, exponent;
  double residual_sd = 0;  // of ln y
  double tau = 0;          // between-budget scatter of ln y beyond each point's own error
  std::int64_t n_points = 0;
  FitStatus status = FitStatus::too_few_points;
  /// The points leave the exponent open: it was taken from elsewhere (see the fit's
  /// warnings), the coefficient alone was fitted, and there are no intervals.
  bool exponent_assumed = false;
  /// ln y = ln law(x) has standard errors level_se at ln x = centre and exponent_se in the slope,
  /// uncorrelated; t is the quantile of a two-sided 90 % interval.
  double centre = 0, level_se = 0, exponent_se = 0, t = 0;

  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
  /// Where a further budget's y will lie with 90 %: the error of the law and the scatter tau.
  [[nodiscard]] Interval prediction_interval(double x) const;
};

/// The minimum of one iso-FLOP curve: parabola of the metric against ln(scale) around its lowest
/// point (arXiv:2203.15556, approach 2).
struct Valley {
  double budget = 0;     // nominal [FLOPs]
  double compute = 0;    // geometric mean of the realised computes
  double scale_opt = 0;  // params or FLOPs/token
  double tokens_opt = 0;
  double loss_opt = 0;        // by the metric
  double curvature = 0;       // d^2 loss / d(ln scale)^2
  double ln_scale_se = 0;     // standard error of ln scale_opt
  double loss_se = 0;         // standard error of loss_opt
  double residual_rms = 0;    // of the metric, over the degrees of freedom
  double predicted_bias = 0;  // of ln scale_opt, where a parametric surface is known
  std::int64_t n_points = 0;  // sizes at this budget
  std::int64_t n_fitted = 0;  // of them, those the parabola was fitted to
  Interval fitted_scale;      // their range; the whole of it, no confidence
  bool bracketed = false;     // >= 2 points on each side of the minimum, the best not at an edge
  FitStatus status = FitStatus::too_few_points;
  double coefficients[3] = {0, 0, 0};  // loss = c0 + c1 x + c2 x^2, x = ln scale
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// Summed over points; H is Huber's function with `delta`. mse: r^2, r = predicted - loss. huber:
/// H(r) of the same r. huber_log: H(r), r = ln predicted - ln loss.
enum class ObjectiveKind { huber_log, huber, mse };
[[nodiscard]] std::string_view to_string(ObjectiveKind);

/// The surface L = E + A / N^alpha + B / D^beta at its global optimum over E, A, B >= 0 and
/// alpha, beta > 0.
struct ParametricFit {
  LossLaw law;
  double a_exponent = 0, b_exponent = 0;  // N_opt ~ C^a, D_opt ~ C^b
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  double objective_value = 0;  // summed over points
  std::vector<std::string> at_bound;
  std::int64_t n_starts = 0, n_starts_agreeing = 0;
  Interval E, A, B, alpha, beta, a, b;  // bootstrap percentiles; empty if n_bootstrap is 0
  std::map<std::string, double> standard_errors;  // bootstrap, by the names above
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// What one batch/learning-rate grid says: geometric means over its near-optimal runs.
struct HyperCell {
  double budget = 0, compute = 0, params = 0, tokens = 0;
  double best_metric = 0;
  double batch_tokens = 0, peak_lr = 0;
  std::int64_t n_runs = 0, n_near_optimal = 0;
  /// A near-optimal run has the largest or smallest of the grid's values: the band goes on outside.
  bool batch_at_edge = false, peak_lr_at_edge = false;
};

struct HyperFit {
  double band = 0.0025;               // near-optimal: metric at most (1 + band) x the cell's best
  std::optional<double> noise;        // sd of ln metric about a smooth surface, where it is known
  PowerLawFit batch_tokens, peak_lr;  // of C
  std::optional<HyperLawNd::Form> peak_lr_nd, batch_tokens_d;
  double peak_lr_nd_residual_sd = 0, batch_tokens_d_residual_sd = 0;
  std::int64_t n_cells = 0, n_near_optimal = 0;
  std::vector<HyperCell> cells;  // ascending in budget
};

/// The largest budget predicted with the largest `dropped` budgets left out.
struct HoldoutScore {
  std::int64_t dropped = 1;
  double ratio = 1;  // held-out budget / largest budget used
  /// isoflop: scale by the allocation law, loss by the frontier E + A C^-gamma. parametric: both by
  /// the surface.
  std::string method;
  double scale_error = 0;  // predicted / found optimum - 1
  double loss_error = 0;   // predicted / found optimum loss - 1
};

struct FitOptions {
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  std::int64_t n_bootstrap = 1000;
  std::uint64_t seed = 0;
  std::int64_t holdout = 1;
  /// Near-optimal: metric at most (1 + band) x the best of its cell. Absent: 0.25 % as in
  /// arXiv:2401.02954, or twice the noise between runs where that is more.
  std::optional<double> band = std::nullopt;
  /// Its exponents stand in where fewer than 3 grids were run (default: arXiv:2401.02954, eq. 1).
  HyperLaw hyper_prior = {{0.2920, 0.3271}, {0.3118, -0.1250}};
};

/// Everything that `isoflop fit` says about one set of points.
struct Fit {
  Frame frame;
  /// Where a column of that name has one value for all points: what a proposal inherits.
  std::optional<std::int64_t> vocab_size, seq_len;
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  std::int64_t n_points = 0;
  double compute_from = 0, compute_to = 0;  // smallest and largest budget behind the laws
  std::vector<Valley> valleys;              // ascending in budget
  PowerLawFit scale_opt, tokens_opt;
  std::optional<FrontierLaw> frontier;
  std::optional<ParametricFit> parametric;
  std::optional<HyperFit> hyper;
  std::vector<HoldoutScore> holdout;
  std::vector<std::string> warnings;
  [[nodiscard]] bool usable() const { return scale_opt.usable(); }
};

/// Fits what the points allow: valleys and allocation where budgets have curves, hyper-parameter
/// laws where cells have grids. Throws Error(frame_mismatch) if the points do not share a frame,
/// and Error(invalid_argument) for options outside their domain.
[[nodiscard]] Fit fit(const PointSet& points, const FitOptions& options = {});

/// The law a fit supports, with `id` and `source`. Unusable parts are absent.
[[nodiscard]] Law to_law(const Fit& fit, const std::string& id, const std::string& source);

/// The isoflop.fit/1 answer.
[[nodiscard]] std::string to_json(const Fit& fit);

}  // namespace isoflop
