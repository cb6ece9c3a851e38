// SPDX-License-Identifier: Apache-2.0
#include "isoflop/fit.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/allocation_bootstrap.h"
#include "fit/curves.h"
#include "fit/excess_loss.h"
#include "fit/form_fit.h"
#include "fit/frontier_fit.h"
#include "fit/holdout.h"
#include "fit/hyper_fit.h"
#include "fit/isoflop_fit.h"
#include "fit/law_checks.h"
#include "fit/loss_law_fit.h"
#include "fit/mistuning.h"
#include "fit/parabola.h"
#include "fit/predict_targets.h"
#include "fit/sample_size.h"
#include "fit/second_stage.h"
#include "fit/statistics.h"
#include "fit/surface_intervals.h"
#include "fit/valley_estimators.h"
#include "fit/warnings.h"
#include "isoflop/conventions.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMaxBootstrap = 1000000;

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

// Runs are exchanged within their budget where a design stated it, and those of budgets without a
// curve among themselves.
Strata resampling_strata(std::span<const Sample> samples, std::span<const BudgetGroup> groups) {
  constexpr std::int64_t kCommonStratum = -1;
  std::vector<std::string> trunks;
  std::vector<std::int64_t> stratum;
  for (const Sample& sample : samples) {
    const BudgetGroup& group = groups[static_cast<std::size_t>(sample.group)];
    const bool own_stratum = group.stated && group.samples.size() >= kMinCurvePoints;
    trunks.push_back(sample.trunk);
    stratum.push_back(own_stratum ? sample.group : kCommonStratum);
  }
  return strata_of(trunks, stratum);
}

std::vector<LossSample> loss_samples(std::span<const Sample> samples) {
  std::vector<LossSample> result;
  for (const Sample& sample : samples) {
    result.push_back({.size = sample.scale,
                      .tokens = sample.tokens,
                      .loss = sample.metric,
                      .by_seed = sample.by_seed});
  }
  return result;
}

void set_predicted_bias(Fit& fit, std::span<const BudgetGroup> curves) {
  if (!fit.parametric || !fit.parametric->usable() || !fit.parametric->at_bound.empty()) return;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    if (!fit.valleys[i].usable()) continue;
    fit.valleys[i].predicted_bias = predicted_bias(curves[i], fit.valleys[i], fit.parametric->law);
    fit.valleys[i].closed_form_bias =
        closed_form_bias(curves[i], fit.valleys[i], fit.parametric->law);
  }
}

void correct_allocation(Fit& fit) {
  const auto corrected = [](const Valley& valley) { return valley.predicted_bias != 0; };
  if (std::none_of(fit.valleys.begin(), fit.valleys.end(), corrected)) return;
  fit.scale_opt_uncorrected = fit.scale_opt;
  fit.scale_opt = allocation_law(fit.valleys, &Valley::scale_opt, fit.trunk_noise);
  fit.tokens_opt = allocation_law(fit.valleys, &Valley::tokens_opt, fit.trunk_noise);
}

void set_hyper(Fit& fit, std::span<const GridCell> cells, const FitOptions& options) {
  fit.hyper = fit_hyper(cells, options.band, options.hyper_prior);
  if (fit.hyper) {
    for (const Law& law : options.excess_of) {
      for (ExcessLoss& excess : excess_loss_of(law, cells, *fit.hyper)) {
        fit.hyper->excess_loss.push_back(std::move(excess));
      }
    }
  }
}

void set_mistuning(Fit& fit, std::span<const GridCell> cells, std::span<const BudgetGroup> curves) {
  const HyperFit* const hyper = fit.hyper ? &*fit.hyper : nullptr;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    fit.mistuning.push_back(
        bound_mistuning(fit.valleys[i], curves[i], cells, hyper, fit.sample_size.run_noise));
  }
}

/// The law's doubt and the run's own luck.
void set_frontier_error(Fit& fit) {
  if (!fit.frontier) return;
  double per_decade = 0;
  for (const HoldoutScore& score : fit.holdout) {
    if (score.method != "isoflop") continue;
    per_decade = std::max(per_decade, std::abs(score.loss_error) / decades_of(score));
  }
  const double doubt = frontier_error(frontier_points(fit.valleys), *fit.frontier, per_decade);
  fit.frontier->relative_error =
      std::hypot(std::max(doubt, kLossErrorPerDecade), kNormal90 * fit.sample_size.run_noise);
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

/// The largest loss a model can have that knows nothing: ln V; in bits per byte only where tokens
/// are bytes.
std::optional<double> upper_bound(const Fit& fit) {
  if (!fit.vocab_size) return std::nullopt;
  const auto v = static_cast<double>(*fit.vocab_size);
  if (fit.frame.metric == Metric::loss_nats) return std::log(v);
  return *fit.vocab_size == 256 ? std::optional(8.0) : std::nullopt;
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
  result.options = options;
  result.options.curves.clear();
  result.frame = points.frame;
  result.vocab_size = common_count(points, "vocab_size");
  result.seq_len = common_count(points, "seq_len");
  result.scale = options.scale;
  result.n_points = static_cast<std::int64_t>(points.points.size());

  const IsoFlopFit minima = fit_isoflop(curves);
  result.valleys = minima.valleys;
  result.trunk_noise = minima.trunk_noise;
  result.scale_opt = minima.scale_opt;
  result.tokens_opt = minima.tokens_opt;
  result.frontier = minima.frontier;

  LossFitOptions surface{.objective = options.objective,
                         .delta = options.delta,
                         .scale = options.scale,
                         .n_bootstrap = options.n_bootstrap,
                         .seed = options.seed,
                         .strata = resampling_strata(samples, groups),
                         .diagnostics = true};
  const ParametricFit parametric = fit_loss_law(loss_samples(samples), surface);
  if (parametric.status != FitStatus::too_few_points) result.parametric = parametric;
  set_predicted_bias(result, curves);
  correct_allocation(result);
  const FormOptions forms{.objective = options.objective,
                          .delta = options.delta,
                          .scale = options.scale,
                          .upper_bound = upper_bound(result)};
  if (result.parametric) result.lack_of_fit = lack_of_fit(samples, forms);
  result.forms = fit_forms(samples, options.forms, forms);

  result.seed_noise = seed_noise(groups);
  result.estimators =
      fit_estimators(curves, minima, result.parametric ? &*result.parametric : nullptr, samples,
                     {.seed_noise = result.seed_noise, .seed = options.seed});
  result.disagreement = disagreement_of(result.estimators);
  result.law_checks =
      check_laws(result.valleys, result.scale_opt, result.tokens_opt, result.trunk_noise);
  if (!options.curves.empty()) {
    result.envelope = fit_envelope(options.curves, {.scale = options.scale, .seed = options.seed});
  }

  result.allocation_bootstrap =
      bootstrap_allocation(curves, {options.n_bootstrap, options.seed, result.scale_opt.tau});
  const std::vector<GridCell> cells = grid_cells(groups);
  set_hyper(result, cells, options);
  surface.strata.clear();
  surface.diagnostics = false;
  result.holdout = score_holdouts(curves, result.valleys, samples, options.holdout, surface);
  result.holdout_summary = summarize(result.holdout);
  count_sample(points, samples, result);
  set_mistuning(result, cells, curves);
  result.sample_size.intervals = interval_worths(samples, result);
  set_frontier_error(result);
  set_range(result, samples);
  if (result.parametric) {
    result.surface_intervals =
        surface_intervals(*result.parametric, samples, result.compute_to, options.targets,
                          result.trunk_noise ? result.trunk_noise->share : 0);
  }
  result.conventions = fit_conventions(points, options.objective, options.delta);
  result.targets = predict_targets(result, {.computes = options.targets,
                                            .flops_factor = flops_factor(samples),
                                            .rate = options.compute_rate});
  result.second_stages = fit_second_stages(points, result);
  result.warnings = collect_warnings(result, curves, points);
  return result;
}

}  // namespace isoflop
