// SPDX-License-Identifier: Apache-2.0
#include "isoflop/fit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "fit/extrapolate.h"
#include "fit/forms/form_choice.h"
#include "fit/forms/form_fit.h"
#include "fit/forms/repetition.h"
#include "fit/hyper/excess_loss.h"
#include "fit/hyper/given_settings.h"
#include "fit/hyper/hyper_fit.h"
#include "fit/hyper/mistuning.h"
#include "fit/hyper/weight_decay_fit.h"
#include "fit/metric/second_stage_columns.h"
#include "fit/points/curves.h"
#include "fit/points/independence.h"
#include "fit/points/mixtures.h"
#include "fit/points/settings.h"
#include "fit/surface/loss_law_fit.h"
#include "fit/trust/holdout.h"
#include "fit/trust/odd_sizes.h"
#include "fit/trust/outliers.h"
#include "fit/trust/sample_size.h"
#include "fit/valley/allocation_bootstrap.h"
#include "fit/valley/frontier_fit.h"
#include "fit/valley/isoflop_fit.h"
#include "fit/valley/law_checks.h"
#include "fit/valley/parabola.h"
#include "fit/valley/valley_estimators.h"
#include "fit/warnings.h"
#include "isoflop/conventions.h"
#include "isoflop/error.h"
#include "stats/resampling.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMaxBootstrap = 1000000;
constexpr std::int64_t kMostDraws = 20'000'000, kFewestResamples = 200;

void require(bool ok, const std::string& what) {
  if (!ok) throw Error(ErrorCode::invalid_argument, what);
}

void validate_fit(const PointSet& points, const FitOptions& options) {
  require(!points.points.empty(), "a fit needs points; there are none");
  require(options.delta > 0 && std::isfinite(options.delta),
          "delta must be finite and > 0, got " + exact_text(options.delta));
  require(options.n_bootstrap >= 0 && options.n_bootstrap <= kMaxBootstrap,
          "n_bootstrap must be from 0 to 1000000, got " + std::to_string(options.n_bootstrap));
  require(options.holdout >= 0, "holdout must be >= 0, got " + std::to_string(options.holdout));
  const double band = options.band.value_or(0.5);
  require(band > 0 && band < 1, "band must be above 0 and below 1, got " + exact_text(band));
}

/// The points as the parts of a fit look at them.
struct Runs {
  std::vector<BudgetGroup> groups;
  std::vector<BudgetGroup> curves;  // of them: with enough sizes, one sample per size
  std::vector<Sample> measured;     // of the surface
  std::vector<Sample> samples;      // the same, repeated data by what they are worth
  std::vector<Sample> by_batch;     // of every batch size the best
  std::vector<GridCell> cells;
};

Runs runs_of(const PointSet& points, LossLaw::Scale scale) {
  Runs runs;
  runs.groups = group_by_budget(points, scale);
  runs.curves = curves_of(runs.groups);
  runs.measured = runs.samples = surface_samples(runs.groups);
  runs.by_batch = samples_by_batch(runs.groups);
  runs.cells = grid_cells(runs.groups);
  return runs;
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

bool states_convention(const Point& point) {
  const auto entry = point.other.find("convention");
  return entry != point.other.end() && !entry->second.empty();
}

/// Points that state parameters alone are counted by C = 6 N D.
void set_convention(const PointSet& points, const FitOptions& options, Fit& fit) {
  const auto& all = points.points;
  const bool stated = std::any_of(all.begin(), all.end(), states_convention);
  if (options.convention) {
    require(!stated || *options.convention == points.frame.convention,
            "convention: " + std::string(to_string(*options.convention)) +
                " was asked for; the points' own column says " +
                std::string(to_string(points.frame.convention)));
    fit.frame.convention = *options.convention;
  } else if (!stated && std::none_of(all.begin(), all.end(), [](const Point& point) {
               return point.flops_per_token.has_value();
             })) {
    fit.frame.convention = FlopsConvention::six_n_total;
    fit.convention_assumed = true;
  }
}

/// The values of a column `experiment`, where they are several.
std::vector<std::string> pooled_experiments(const PointSet& points) {
  std::set<std::string> names;
  for (const Point& point : points.points) {
    const auto name = point.other.find("experiment");
    names.insert(name == point.other.end() ? "" : name->second);
  }
  if (names.size() < 2) return {};
  return {names.begin(), names.end()};
}

/// What was asked, and of which points.
Fit described(const PointSet& points, const FitOptions& options) {
  Fit fit;
  fit.options = options;
  fit.options.curves.clear();
  fit.frame = points.frame;
  set_convention(points, options, fit);
  fit.pooled = pooled_experiments(points);
  fit.vocab_size = common_count(points, "vocab_size");
  fit.seq_len = common_count(points, "seq_len");
  fit.scale = options.scale;
  fit.n_points = static_cast<std::int64_t>(points.points.size());
  fit.options.n_bootstrap =
      std::min(options.n_bootstrap, std::max(kFewestResamples, kMostDraws / fit.n_points));
  return fit;
}

void set_allocation(const IsoFlopFit& minima, Fit& fit) {
  fit.valleys = minima.valleys;
  fit.trunk_noise = minima.trunk_noise;
  fit.scale_opt = minima.scale_opt;
  fit.tokens_opt = minima.tokens_opt;
  fit.frontier = minima.frontier;
}

LossFitOptions surface_options(const FitOptions& options) {
  return {.objective = options.objective,
          .delta = options.delta,
          .scale = options.scale,
          .n_bootstrap = options.n_bootstrap,
          .seed = options.seed};
}

// Runs are exchanged within their budget where a design stated it, and those of budgets without a
// curve among themselves.
Strata resampling_strata(const Runs& runs) {
  constexpr std::int64_t kCommonStratum = -1;
  std::vector<std::string> trunks;
  std::vector<std::int64_t> stratum;
  for (const Sample& sample : runs.samples) {
    const BudgetGroup& group = runs.groups[static_cast<std::size_t>(sample.group)];
    const bool own_stratum = group.stated && group.samples.size() >= kMinCurvePoints;
    trunks.push_back(sample.trunk);
    stratum.push_back(own_stratum ? sample.group : kCommonStratum);
  }
  return strata_of(trunks, stratum);
}

void fit_surface(const Runs& runs, Fit& fit) {
  LossFitOptions options = surface_options(fit.options);
  options.diagnostics = true;
  options.strata = resampling_strata(runs);
  const bool of_one_unit = options.strata.size() == 1 && options.strata.front().size() == 1;
  if (of_one_unit) options.n_bootstrap = 0;  // every resample would be the points themselves
  const ParametricFit parametric = fit_loss_law(loss_samples(runs.samples), options);
  if (parametric.status != FitStatus::too_few_points) fit.parametric = parametric;
}

bool is_credible(double bias, const Valley& valley) {
  const double half_window = 0.5 * std::log(valley.fitted_scale.high / valley.fitted_scale.low);
  return std::abs(bias) <= half_window;
}

void set_predicted_bias(std::span<const BudgetGroup> curves, Fit& fit) {
  if (!is_believable(fit)) return;
  const LossLaw& surface = fit.parametric->law;
  std::vector<double> biases;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    const Valley& valley = fit.valleys[i];
    biases.push_back(valley.usable() ? predicted_bias(curves[i], valley, surface) : 0);
    const double largest = std::abs(fit.incredible_bias.value_or(0));
    if (!is_credible(biases.back(), valley) && std::abs(biases.back()) > largest) {
      fit.incredible_bias = biases.back();
    }
  }
  if (fit.incredible_bias) return;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    if (!fit.valleys[i].usable()) continue;
    fit.valleys[i].predicted_bias = biases[i];
    fit.valleys[i].closed_form_bias = closed_form_bias(curves[i], fit.valleys[i], surface);
  }
}

/// The laws through minima freed of the bias that the surface predicts.
void correct_allocation(std::span<const BudgetGroup> curves, Fit& fit) {
  set_predicted_bias(curves, fit);
  const auto corrected = [](const Valley& valley) { return valley.predicted_bias != 0; };
  if (std::none_of(fit.valleys.begin(), fit.valleys.end(), corrected)) return;
  fit.scale_opt_uncorrected = fit.scale_opt;
  fit.scale_opt = allocation_law(fit.valleys, &Valley::scale_opt, fit.trunk_noise);
  fit.tokens_opt = allocation_law(fit.valleys, &Valley::tokens_opt, fit.trunk_noise);
}

/// The largest loss a model can have that knows nothing: ln V; in bits per byte only where tokens
/// are bytes.
std::optional<double> upper_bound(const Fit& fit) {
  if (!fit.vocab_size) return std::nullopt;
  const auto v = static_cast<double>(*fit.vocab_size);
  if (fit.frame.metric == Metric::loss_nats) return std::log(v);
  return *fit.vocab_size == 256 ? std::optional(8.0) : std::nullopt;
}

FormOptions form_options(const Fit& fit) {
  return {.objective = fit.options.objective,
          .delta = fit.options.delta,
          .scale = fit.options.scale,
          .upper_bound = upper_bound(fit)};
}

/// The plain sum as one of the forms, whether or not it was asked for.
FormFit plain_form(const Runs& runs, const Fit& fit) {
  const std::vector<std::string> plain = {"chinchilla"};
  for (const FormFit& form : fit.forms) {
    if (form.name == plain.front()) return form;
  }
  return fit_forms(runs.measured, plain, form_options(fit)).front();
}

void compare_forms(const Runs& runs, Fit& fit) {
  const FormOptions options = form_options(fit);
  if (fit.parametric) fit.lack_of_fit = lack_of_fit(runs.samples, options);
  if (fit.options.forms.empty()) return;
  fit.forms = fit_forms(runs.measured, runs.by_batch, fit.options.forms, options);
  fit.form_choice = choose_form(fit.forms, plain_form(runs, fit),
                                {.believed = is_believable(fit), .lack_of_fit = fit.lack_of_fit});
}

/// From here on runs on repeated data count in the surface by what they are worth.
void count_repeated(Runs& runs, Fit& fit) {
  std::optional<RepeatedData> repeated = discount_repeated(runs.measured, form_options(fit));
  if (!repeated) return;
  runs.samples = std::move(repeated->samples);
  fit.repetition = std::move(repeated->repetition);
}

void compare_estimators(const Runs& runs, const IsoFlopFit& minima, Fit& fit) {
  fit.seed_noise = seed_noise(runs.groups);
  fit.estimators =
      fit_estimators(runs.curves, minima, fit.parametric ? &*fit.parametric : nullptr, runs.samples,
                     {.seed_noise = fit.seed_noise, .seed = fit.options.seed});
  fit.disagreement = disagreement_of(fit.estimators);
}

void fit_hyper_laws(const Runs& runs, Fit& fit) {
  const std::span<const GridCell> cells = runs.cells;
  fit.weight_decay = fit_weight_decay(decay_cells(runs.groups));
  fit.hyper = fit_hyper(cells, fit.options.band, fit.options.hyper_prior);
  if (!fit.hyper) return;
  for (const Law& law : fit.options.excess_of) {
    for (ExcessLoss& excess : excess_loss_of(law, cells, *fit.hyper)) {
      fit.hyper->excess_loss.push_back(std::move(excess));
    }
  }
}

// Runs of a sweep were given what its plan says: no news, and no optima.
bool is_planned(const PointSet& points) {
  return std::any_of(points.points.begin(), points.points.end(),
                     [](const Point& point) { return point.other.contains("kind"); });
}

void score_on_largest_budgets(const Runs& runs, Fit& fit) {
  fit.holdout = score_holdouts(runs.curves, fit.valleys, runs.samples,
                               {.n_max = fit.options.holdout,
                                .surface = surface_options(fit.options),
                                .prior = fit.options.prior,
                                .surface_densities = is_believable(fit)});
  fit.holdout_summary = summarize(fit.holdout);
}

void bound_mistunings(const Runs& runs, Fit& fit) {
  const HyperFit* const hyper = fit.hyper ? &*fit.hyper : nullptr;
  for (std::size_t i = 0; i < fit.valleys.size(); ++i) {
    fit.mistuning.push_back(bound_mistuning(fit.valleys[i], runs.curves[i], runs.cells, hyper,
                                            fit.sample_size.run_noise.value_or(0)));
  }
}

/// The law's doubt and the run's own luck.
void set_frontier_error(Fit& fit) {
  if (!fit.frontier) return;
  double per_decade = 0;
  for (const HoldoutScore& score : scores_of_loss(fit.holdout, "isoflop")) {
    per_decade = std::max(per_decade, std::abs(score.loss_error) / decades_of(score));
  }
  const double doubt = frontier_error(frontier_points(fit.valleys), *fit.frontier, per_decade);
  fit.frontier->relative_error = std::hypot(std::max(doubt, kLossErrorPerDecade),
                                            kNormal90 * fit.sample_size.run_noise.value_or(0));
}

void set_range(std::span<const Sample> samples, Fit& fit) {
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

}  // namespace

Fit fit(const PointSet& given, const FitOptions& options) {
  validate_fit(given, options);
  require_one_kind(given, options.forms);
  const IndependentPoints independent = independent_points(given);
  const PointSet& points = independent.points;
  Runs runs = runs_of(points, options.scale);
  Fit result = described(points, options);
  count_repeated(runs, result);

  const IsoFlopFit minima = fit_isoflop(runs.curves);
  result.narrow_budgets = narrow_budgets(runs.groups);
  set_allocation(minima, result);
  fit_surface(runs, result);
  compare_forms(runs, result);
  correct_allocation(runs.curves, result);
  fit_hyper_laws(runs, result);
  if (!result.hyper && !is_planned(points)) result.given_settings = given_settings(runs.samples);

  // The same by other forms, estimators and conventions.
  compare_estimators(runs, minima, result);
  if (!options.curves.empty()) {
    result.envelope = fit_envelope(options.curves, {.scale = options.scale, .seed = options.seed});
  }
  result.conventions = fit_conventions(points, options.objective, options.delta);

  // How far it holds.
  result.law_checks =
      check_laws(result.valleys, result.scale_opt, result.tokens_opt, result.trunk_noise);
  result.allocation_bootstrap = bootstrap_allocation(
      runs.curves, {result.options.n_bootstrap, options.seed, result.scale_opt.tau});
  score_on_largest_budgets(runs, result);
  count_sample(points, runs.samples, result);
  if (result.parametric && result.parametric->usable()) {
    result.odd_sizes = odd_sizes(result.parametric->law, runs.samples);
    result.outliers =
        find_outliers(*result.parametric, runs.samples, surface_options(result.options));
  }
  result.sample_size.duplicates = independent.duplicates;
  result.sample_size.repeated_runs = independent.repeated_runs;
  bound_mistunings(runs, result);
  result.sample_size.intervals = interval_worths(runs.samples, result);
  set_frontier_error(result);

  set_range(runs.measured, result);
  extrapolate(runs.curves, runs.samples, result);
  result.second_stages = fit_second_stages(points, result);
  result.warnings = collect_warnings(result, runs.curves, points);
  return result;
}

}  // namespace isoflop
