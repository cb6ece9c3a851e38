// SPDX-License-Identifier: Apache-2.0
// Slope test against a metric at chance: least squares of metric on loss, error by the sandwich
// over trunks, G / (G - 1) (n - 1) / (n - 2) sum (x_g' r_g)^2 / sxx^2 (Liang and Zeger 1986), t of
// G - 2. Intervals of the curve are percentiles of refits to drawn trunks. That of a target takes
// the curves in turn, a loss that is ln-normal on either side of its value by its own interval, and
// a run's residual, 4,000 times or more, within the bounds. The hold-out leaves out the largest
// budgets, at least 3 points, knowing their losses.
#include "fit/metric/second_stage.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "fit/metric/sigmoid_fit.h"
#include "fit/points/leave_largest_out.h"
#include "stats/distributions.h"
#include "stats/resampling.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::size_t kLeastPoints = kSigmoidParams + 3;
constexpr std::size_t kLeastDraws = 4000;
constexpr double kIdentifiedShare = 0.25;
constexpr double kPoorSds = 2;       // of the residuals
constexpr double kPoorShare = 0.05;  // of the range of the metric

using Stages = std::vector<StagePoint>;

Interval range_of(std::span<const StagePoint> points, double StagePoint::*value) {
  Interval range{points.front().*value, points.front().*value};
  for (const StagePoint& point : points) {
    range.low = std::min(range.low, point.*value);
    range.high = std::max(range.high, point.*value);
  }
  return range;
}

bool has_spread(const Interval& range) { return range.low < range.high; }

/// Points that are drawn together: branches of one trunk, else single runs.
std::vector<Stages> units_of(std::span<const StagePoint> points) {
  std::vector<std::string> trunks;
  for (const StagePoint& point : points) trunks.push_back(point.trunk);
  std::vector<Stages> units;
  for (const RunUnit& unit : trunk_units(trunks)) {
    units.emplace_back();
    for (const std::size_t i : unit) units.back().push_back(points[i]);
  }
  return units;
}

/// SecondStage::slope_p.
double slope_p(const std::vector<Stages>& units, std::span<const StagePoint> points) {
  const auto n = static_cast<double>(points.size());
  const auto n_units = static_cast<double>(units.size());
  if (n_units < 3) return 1;
  double mean_loss = 0, mean_metric = 0, sxx = 0, sxy = 0;
  for (const StagePoint& point : points) {
    mean_loss += point.loss / n;
    mean_metric += point.metric / n;
  }
  for (const StagePoint& point : points) {
    sxx += std::pow(point.loss - mean_loss, 2);
    sxy += (point.loss - mean_loss) * (point.metric - mean_metric);
  }
  const double slope = sxy / sxx;
  double meat = 0;
  for (const Stages& unit : units) {
    double score = 0;
    for (const StagePoint& point : unit) {
      const double x = point.loss - mean_loss;
      score += x * (point.metric - mean_metric - slope * x);
    }
    meat += score * score;
  }
  const double small_sample = n_units / (n_units - 1) * (n - 1) / (n - 2);
  const double error = std::sqrt(small_sample * meat) / sxx;
  if (!(error > 0)) return slope == 0 ? 1 : 0;
  return student_t_two_sided(slope / error, n_units - 2);
}

double residual_sd(const SigmoidFit& fit, std::size_t n_points) {
  return std::sqrt(fit.sum_squares / (static_cast<double>(n_points) - kSigmoidParams));
}

/// Refits of resampled units that converged.
std::vector<Sigmoid> resampled_curves(const std::vector<Stages>& units, const Interval& bounds,
                                      const Sigmoid& start, const StageOptions& options) {
  std::vector<Sigmoid> curves;
  for (std::int64_t i = 0; i < options.n_bootstrap; ++i) {
    const Rng rng(options.seed, static_cast<std::uint64_t>(i));
    Stages drawn;
    for (std::size_t j = 0; j < units.size(); ++j) {
      const Stages& unit = units[rng.below(units.size(), j)];
      drawn.insert(drawn.end(), unit.begin(), unit.end());
    }
    if (drawn.size() <= kSigmoidParams || !has_spread(range_of(drawn, &StagePoint::loss)) ||
        !has_spread(range_of(drawn, &StagePoint::metric))) {
      continue;
    }
    const SigmoidFit fit = fit_sigmoid(drawn, bounds, start);
    if (fit.converged) curves.push_back(fit.curve);
  }
  return curves;
}

Interval percentiles(const std::vector<Sigmoid>& curves, double Sigmoid::*parameter) {
  std::vector<double> values;
  values.reserve(curves.size());
  for (const Sigmoid& curve : curves) values.push_back(curve.*parameter);
  return percentile_interval(std::move(values));
}

void set_intervals(SecondStage& stage, const std::vector<Sigmoid>& curves,
                   const StageOptions& options) {
  const auto n_good = static_cast<std::int64_t>(curves.size());
  stage.n_bootstrap = options.n_bootstrap;
  stage.n_bootstrap_failed = options.n_bootstrap - n_good;
  if (n_good < 2 || 2 * n_good < options.n_bootstrap) return;
  stage.floor = percentiles(curves, &Sigmoid::floor);
  stage.ceiling = percentiles(curves, &Sigmoid::ceiling);
  stage.k = percentiles(curves, &Sigmoid::k);
  stage.loss_mid = percentiles(curves, &Sigmoid::loss_mid);
}

/// Of a loss that is ln-normal on either side of its value, by its 90 % interval.
double drawn_loss(const Estimated& loss, double z) {
  const double half_width = z < 0 ? std::log(loss.value / loss.interval->low)
                                  : std::log(loss.interval->high / loss.value);
  return loss.value * std::exp(z * half_width / kNormal90);
}

SecondStageTarget predict(const SecondStage& stage, const std::vector<Sigmoid>& curves,
                          const StageTarget& target, std::uint64_t seed) {
  const double loss = target.loss.value;
  const double outside = std::max({0.0, stage.losses.low - loss, loss - stage.losses.high});
  SecondStageTarget result{.compute = target.compute,
                           .loss = loss,
                           .metric = stage.curve(loss),
                           .beyond = outside / (stage.losses.high - stage.losses.low)};
  if (!stage.floor || !target.loss.interval) return result;
  // A stream that no resample has.
  const Rng rng(seed, ~std::uint64_t{0});
  std::vector<double> metrics;
  // Few resamples must not mean few draws of the loss and of a run's luck.
  const std::size_t n_draws = std::max(kLeastDraws, curves.size());
  for (std::size_t i = 0; i < n_draws; ++i) {
    const double about = curves[i % curves.size()](drawn_loss(target.loss, rng.normal(2 * i)));
    metrics.push_back(std::clamp(about + stage.residual_sd * rng.normal(2 * i + 1),
                                 stage.bounds.low, stage.bounds.high));
  }
  result.interval = percentile_interval(std::move(metrics));
  return result;
}

std::optional<SecondStageHoldout> score_holdout(std::span<const StagePoint> points,
                                                const Interval& metrics) {
  const auto [used, held_out] = leave_largest_out(Stages(points.begin(), points.end()));
  if (used.size() < kLeastPoints || !has_spread(range_of(used, &StagePoint::loss)) ||
      !has_spread(range_of(used, &StagePoint::metric))) {
    return std::nullopt;
  }
  const SigmoidFit fit = fit_sigmoid(used, sigmoid_bounds(used));
  if (!fit.converged) return std::nullopt;
  SecondStageHoldout holdout{.n_points = static_cast<std::int64_t>(held_out.size()),
                             .ratio = held_out.front().compute / used.back().compute,
                             .residual_sd = residual_sd(fit, used.size())};
  double squares = 0;
  for (const StagePoint& point : held_out) {
    const double error = fit.curve(point.loss) - point.metric;
    squares += error * error;
    if (std::abs(error) > std::abs(holdout.worst_error)) holdout.worst_error = error;
  }
  holdout.rms_error = std::sqrt(squares / static_cast<double>(held_out.size()));
  holdout.is_poor = holdout.rms_error > kPoorSds * holdout.residual_sd &&
                    holdout.rms_error > kPoorShare * (metrics.high - metrics.low);
  return holdout;
}

/// Empty where the points can be fitted.
std::string excuse(const SecondStage& stage, std::size_t n_points) {
  if (n_points < kLeastPoints) {
    return "needs " + std::to_string(kLeastPoints) + " points, got " + std::to_string(n_points);
  }
  if (!has_spread(stage.losses)) return "all points have one loss";
  if (!has_spread(stage.metrics)) return "all points have the same value";
  return "";
}

}  // namespace

SecondStage fit_second_stage(const std::string& column, std::span<const StagePoint> points,
                             std::span<const StageTarget> targets, const StageOptions& options) {
  const std::vector<Stages> units = units_of(points);
  SecondStage stage;
  stage.column = column;
  stage.n_points = static_cast<std::int64_t>(points.size());
  stage.n_units = static_cast<std::int64_t>(units.size());
  if (!points.empty()) {
    stage.losses = range_of(points, &StagePoint::loss);
    stage.metrics = range_of(points, &StagePoint::metric);
    stage.bounds = sigmoid_bounds(points);
  }
  stage.not_fitted = excuse(stage, points.size());
  if (!stage.not_fitted.empty()) return stage;
  stage.slope_p = slope_p(units, points);
  const SigmoidFit fit = fit_sigmoid(points, stage.bounds);
  stage.status = fit.converged ? FitStatus::ok : FitStatus::not_converged;
  if (!fit.converged) return stage;
  stage.curve = fit.curve;
  stage.residual_sd = residual_sd(fit, points.size());
  stage.ceiling_profile = profile_ceiling(points, stage.bounds, fit);
  stage.ceiling_identified = stage.ceiling_profile.high - stage.ceiling_profile.low <
                             kIdentifiedShare * std::abs(fit.curve.ceiling - fit.curve.floor);
  const std::vector<Sigmoid> curves = resampled_curves(units, stage.bounds, fit.curve, options);
  set_intervals(stage, curves, options);
  stage.holdout = score_holdout(points, stage.metrics);
  for (const StageTarget& target : targets) {
    stage.at_targets.push_back(predict(stage, curves, target, options.seed));
  }
  return stage;
}

}  // namespace isoflop
