// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/conventions.h"
#include "isoflop/deadweight.h"
#include "isoflop/envelope.h"
#include "isoflop/estimate.h"
#include "isoflop/forecast_prior.h"
#include "isoflop/forms.h"
#include "isoflop/hyper.h"
#include "isoflop/law.h"
#include "isoflop/point.h"
#include "isoflop/second_stage.h"
#include "isoflop/surface.h"
#include "isoflop/training_curve.h"
#include "isoflop/trust.h"
#include "isoflop/valley.h"

namespace isoflop {

struct FitOptions {
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  /// How the points count sizes and compute, where they do not say it themselves.
  std::optional<FlopsConvention> convention = std::nullopt;
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3;
  std::int64_t n_bootstrap = 1000;  // of more than 20,000 points fewer: 2e7 / points, 200 at least
  std::uint64_t seed = 0;
  std::int64_t holdout = 3;  // largest budgets to leave out, up to so many
  /// Budgets to predict [FLOPs]; none: 10 and 100 times the largest one behind the laws.
  std::vector<double> targets = {};
  std::optional<ComputeRate> compute_rate = std::nullopt;  // what wasted FLOPs cost
  ForecastPrior prior = published_prior();                 // of the one forecast
  /// Near-optimal: metric at most (1 + band) x the best of its cell. Absent: 0.25 % as in
  /// arXiv:2401.02954, or twice the noise between runs where that is more.
  std::optional<double> band = std::nullopt;
  /// Forms to fit beside the surface, of surface_form_names().
  std::vector<std::string> forms = {};
  /// Its exponents stand in where fewer than 3 grids were run (default: arXiv:2401.02954, eq. 1).
  HyperLaw hyper_prior = {{0.2920, 0.3271}, {0.3118, -0.1250}};
  /// Laws whose batch and learning rate are held against the grids; see HyperFit::excess_loss.
  std::vector<Law> excess_of = {};
  /// Training curves of the runs, for the envelope (approach 1); by the metric of the points.
  std::vector<TrainingCurve> curves = {};
  /// Further columns of the points (Point::other) to predict from the loss.
  std::vector<std::string> metric_columns = {};
};

/// Everything that `isoflop fit` says about one set of points.
struct Fit {
  FitOptions options;  // what was asked
  /// Of the points; where they state parameters alone and no convention, six_n_total: C = 6 N D, N
  /// all parameters, as in arXiv:2203.15556. That is then `convention_assumed`.
  Frame frame;
  bool convention_assumed = false;
  /// Where a column of that name has one value for all points: what a proposal inherits.
  std::optional<std::int64_t> vocab_size, seq_len;
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  std::int64_t n_points = 0;
  /// Names in the column `experiment`, where there are several: runs that may follow several laws,
  /// fitted as one.
  std::vector<std::string> pooled;
  /// Stated budgets whose sizes lie too near to each other for a curve.
  std::vector<double> narrow_budgets;
  double compute_from = 0, compute_to = 0;  // smallest and largest budget behind the laws
  std::vector<Valley> valleys;              // ascending in budget
  /// Through the minima, freed of their predicted bias where a surface could tell it; then
  /// scale_opt_uncorrected is the law of the bare minima.
  PowerLawFit scale_opt, tokens_opt;
  std::optional<TrunkNoise> trunk_noise;    // where trunks enter several valleys; in the intervals
  std::optional<double> seed_noise;         // relative sd of one run between seeds
  std::vector<ValleyEstimator> estimators;  // parabola, cubic, akima, parametric
  std::vector<EstimatorDisagreement> disagreement;
  std::optional<LawChecks> law_checks;
  std::optional<EnvelopeFit> envelope;
  std::optional<PowerLawFit> scale_opt_uncorrected;
  /// Of ln scale_opt, the largest that the surface predicts, where it is larger than half the
  /// window that the minimum was read from: then surface and curves contradict each other, and no
  /// minimum is corrected.
  std::optional<double> incredible_bias;
  std::optional<FrontierLaw> frontier;
  std::optional<ParametricFit> parametric;
  std::optional<SurfaceIntervals> surface_intervals;
  std::vector<FormFit> forms;             // as asked for
  std::optional<FormChoice> form_choice;  // among them, by hold-out
  std::optional<Repetition> repetition;   // where runs repeat data
  std::optional<LackOfFit> lack_of_fit;
  std::optional<HyperFit> hyper;
  std::optional<WeightDecayFit> weight_decay;
  std::optional<GivenSettings> given_settings;  // where no cell has a grid
  std::optional<ConventionLadder> conventions;  // where every point states its shape
  std::vector<Mistuning> mistuning;             // one per valley
  std::optional<AllocationBootstrap> allocation_bootstrap;
  std::vector<HoldoutScore> holdout;
  std::vector<HoldoutSummary> holdout_summary;  // by method
  std::vector<Target> targets;
  std::vector<Target> along;  // at kForecastRatios and the targets, ascending: what a law keeps
  ForecastWeights forecast_weights;
  std::optional<Estimated> posterior_exponent;  // of scale, by the prior and the minima
  std::vector<SecondStage> second_stages;       // by metric_columns
  SampleSize sample_size;
  std::vector<OddSize> odd_sizes;
  std::optional<Outliers> outliers;
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
