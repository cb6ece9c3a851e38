// SPDX-License-Identifier: Apache-2.0
#include "isoflop/fit.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "fit/curves.h"
#include "fit/frontier_fit.h"
#include "fit/holdout.h"
#include "fit/hyper_fit.h"
#include "fit/isoflop_fit.h"
#include "fit/loss_law_fit.h"
#include "fit/parabola.h"
#include "fit/warnings.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMaxBootstrap = 1000000;
// A hold-out over less than a factor of 2 in compute says little per decade.
constexpr double kNormal90 = 1.6449;  // two-sided
constexpr double kLeastDecades = 0.3;

void require(bool ok, const std::string& what) {
  if (!ok) throw Error(ErrorCode::invalid_argument, what);
}

void validate(const PointSet& points, const FitOptions& options) {
  require(!points.points.empty(), "a fit needs points; there are none");
  require(options.delta > 0 && std::isfinite(options.delta),
          "delta must be finite and > 0, got " + exact_text(options.delta));
  require(options.n_bootstrap >= 0 && options.n_bootstrap <= kMaxBootstrap,
          "n_bootstrap must be from 0 to 1000000, got " + std::to_string(options.n_bootstrap));
  require(options.holdout >= 0, "holdout must be >= 0, got " + std::to_string(options.holdout));
  const double band = options.band.value_or(0.5);
  require(band > 0 && band < 1, "band must be above 0 and below 1, got " + exact_text(band));
}

std::vector<BudgetGroup> curves_of(std::span<const BudgetGroup> groups) {
  std::vector<BudgetGroup> curves;
  for (const BudgetGroup& group : groups) {
    BudgetGroup curve = one_per_scale(group);
    if (curve.samples.size() >= kMinCurvePoints) curves.push_back(std::move(curve));
  }
  return curves;
}

// Branches of one trunk are drawn together, whatever their budgets. Otherwise runs are exchanged
// within their budget where a design stated it, and those of budgets without a curve among
// themselves.
void set_resampling_units(std::span<const Sample> samples, std::span<const BudgetGroup> groups,
                          LossFitOptions& options) {
  constexpr std::int64_t kCommonStratum = -1;
  const bool trunks = std::any_of(samples.begin(), samples.end(),
                                  [](const Sample& sample) { return !sample.trunk.empty(); });
  std::map<std::string, std::int64_t> ids;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const auto own = static_cast<std::int64_t>(i);
    options.unit.push_back(sample.trunk.empty() ? own
                                                : ids.try_emplace(sample.trunk, own).first->second);
    const BudgetGroup& group = groups[static_cast<std::size_t>(sample.group)];
    const bool own_stratum = !trunks && group.stated && group.samples.size() >= kMinCurvePoints;
    options.stratum.push_back(own_stratum ? sample.group : kCommonStratum);
  }
}

std::vector<LossSample> loss_samples(std::span<const Sample> samples) {
  std::vector<LossSample> result;
  for (const Sample& sample : samples) {
    result.push_back({.size = sample.scale, .tokens = sample.tokens, .loss = sample.metric});
  }
  return result;
}

void set_predicted_bias(Fit& fit, std::span<const BudgetGroup> curves) {
  if (!fit.parametric || !fit.parametric->usable() || !fit.parametric->at_bound.empty()) return;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    if (!fit.valleys[i].usable()) continue;
    fit.valleys[i].predicted_bias = predicted_bias(curves[i], fit.valleys[i], fit.parametric->law);
  }
}

/// Relative sd of one run: about the grids' surface or about the parabolas, whichever is larger.
double run_noise(const Fit& fit) {
  double squares = 0, n = 0;
  for (const Valley& valley : fit.valleys) {
    if (!valley.usable()) continue;
    squares += std::pow(valley.residual_rms / valley.loss_opt, 2);
    ++n;
  }
  const double about_parabolas = n > 0 ? std::sqrt(squares / n) : 0;
  const double about_grids = fit.hyper ? fit.hyper->noise.value_or(0) : 0;
  return std::max(about_parabolas, about_grids);
}

/// The law's doubt and the run's own luck.
void set_frontier_error(Fit& fit) {
  if (!fit.frontier) return;
  double per_decade = 0;
  for (const HoldoutScore& score : fit.holdout) {
    if (score.method != "isoflop") continue;
    const double decades = std::max(kLeastDecades, std::log10(score.ratio));
    per_decade = std::max(per_decade, std::abs(score.loss_error) / decades);
  }
  const double doubt = frontier_error(frontier_points(fit.valleys), *fit.frontier, per_decade);
  fit.frontier->relative_error =
      std::hypot(std::max(doubt, kLossErrorPerDecade), kNormal90 * run_noise(fit));
}

void set_range(Fit& fit, std::span<const Sample> samples) {
  std::vector<double> computes;
  for (const Valley& valley : fit.valleys) {
    if (valley.usable()) computes.push_back(valley.compute);
  }
  if (computes.empty()) {
    for (const Sample& sample : samples) computes.push_back(sample.compute);
  }
  const auto [low, high] = std::minmax_element(computes.begin(), computes.end());
  fit.compute_from = *low;
  fit.compute_to = *high;
}

/// The whole number that column `name` has for every point.
std::optional<std::int64_t> common_count(const PointSet& points, const std::string& name) {
  std::optional<std::int64_t> common;
  for (const Point& point : points.points) {
    const auto entry = point.other.find(name);
    if (entry == point.other.end()) return std::nullopt;
    const std::optional<std::int64_t> value = parse_integer(entry->second);
    if (!value || *value < 1 || (common && *common != *value)) return std::nullopt;
    common = value;
  }
  return common;
}

}  // namespace

std::string_view to_string(FitStatus status) {
  switch (status) {
    case FitStatus::ok:
      return "ok";
    case FitStatus::too_few_points:
      return "too_few_points";
    case FitStatus::not_bracketed:
      return "not_bracketed";
    case FitStatus::not_convex:
      return "not_convex";
    case FitStatus::not_converged:
      return "not_converged";
  }
  return "";
}

std::string_view to_string(ObjectiveKind kind) {
  switch (kind) {
    case ObjectiveKind::huber_log:
      return "huber_log";
    case ObjectiveKind::huber:
      return "huber";
    case ObjectiveKind::mse:
      return "mse";
  }
  return "";
}

Fit fit(const PointSet& points, const FitOptions& options) {
  validate(points, options);
  const std::vector<BudgetGroup> groups = group_by_budget(points, options.scale);
  const std::vector<BudgetGroup> curves = curves_of(groups);
  const std::vector<Sample> samples = surface_samples(groups);
  Fit result;
  result.frame = points.frame;
  result.vocab_size = common_count(points, "vocab_size");
  result.seq_len = common_count(points, "seq_len");
  result.scale = options.scale;
  result.n_points = static_cast<std::int64_t>(points.points.size());

  IsoFlopFit minima = fit_isoflop(curves);
  result.valleys = std::move(minima.valleys);
  result.scale_opt = minima.scale_opt;
  result.tokens_opt = minima.tokens_opt;
  result.frontier = minima.frontier;

  LossFitOptions surface{.objective = options.objective,
                         .delta = options.delta,
                         .scale = options.scale,
                         .n_bootstrap = options.n_bootstrap,
                         .seed = options.seed,
                         .diagnostics = true};
  set_resampling_units(samples, groups, surface);
  const ParametricFit parametric = fit_loss_law(loss_samples(samples), surface);
  if (parametric.status != FitStatus::too_few_points) result.parametric = parametric;
  set_predicted_bias(result, curves);

  result.hyper = fit_hyper(grid_cells(groups), options.band, options.hyper_prior);
  surface.unit.clear();
  surface.stratum.clear();
  surface.diagnostics = false;
  result.holdout = score_holdouts(curves, result.valleys, samples, options.holdout, surface);
  set_frontier_error(result);
  set_range(result, samples);
  result.warnings = collect_warnings(result, curves);
  return result;
}

}  // namespace isoflop
