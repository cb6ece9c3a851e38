// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/estimate.h"
#include "isoflop/interval.h"
#include "isoflop/law.h"
#include "isoflop/point.h"
#include "isoflop/surface.h"
#include "isoflop/training_curve.h"

namespace isoflop {

/// What a form says of a budget: the best split, and how it moves with the budget there.
struct FormTarget {
  double compute = 0;  // [FLOPs]
  double scale_opt = 0, tokens_opt = 0, loss = 0;
  double scale_exponent = 0, tokens_exponent = 0;  // d ln scale_opt / d ln C, d ln tokens_opt / ...
  std::optional<double> batch_tokens;              // the best there, by a form that says one
  /// That it is said for, by a form of mixtures of experts: those of the largest run.
  std::optional<double> n_experts = {}, granularity = {};
};

/// One functional form of the loss in (N, D), fitted to the same points by the same objective.
struct FormFit {
  std::string name, formula, source;
  std::string not_fitted;  // why; empty where it was
  std::int64_t n_points = 0;
  std::vector<std::string> parameters;
  std::vector<double> values, standard_errors;  // in the order of `parameters`
  std::vector<Interval> intervals;              // 90 %; infinite where there is no end
  std::vector<std::string> at_bound;
  ObjectiveKind objective = ObjectiveKind::huber_log;
  double delta = 1e-3, objective_value = 0;  // summed over points
  double condition_number = 0;  // of the Jacobian with columns of unit length, centred logarithms
  std::int64_t n_starts = 0, n_starts_agreeing = 0;
  /// n ln(RSS / n) + 2 k + 2 k (k + 1) / (n - k - 1) of the form's least-squares fit, k counting
  /// the variance (Hurvich and Tsai, 1989). Differences between forms mean something, levels do
  /// not. Absent where n is too small for it.
  std::optional<double> aicc;
  /// Root mean square of predicted / loss - 1 over the largest budgets, fitted without them.
  std::optional<double> holdout_error;
  std::int64_t n_holdout = 0;
  std::optional<FormTarget> target;  // at 10 x the largest compute; absent without a minimum
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// Which of the forms predicted the largest budgets best, fitted to the others.
struct FormChoice {
  std::string name;
  double error = 0, chinchilla_error = 0;  // FormFit::holdout_error
  std::int64_t n_holdout = 0;
  bool is_used = false;  // in the forecast
  std::string reason;    // a sentence: why it is, or is not
};

/// What runs on repeated data are counted as.
struct Repetition {
  std::int64_t n_repeated = 0;  // runs whose tokens are over 1 % more than their unique ones
  FormFit form;                 // data_constrained
  double aicc_gain = 0;         // over the plain sum
  FormFit damage;               // repetition_damage
  double damage_aicc_gain = 0;  // over the plain sum
  /// Then the surface's optima are for fresh data: it is that of effective sizes and tokens or,
  /// where `damage_is_used`, of losses without the damage.
  bool is_used = false;
  bool damage_is_used = false;  // then is_used, too
};

/// F test of L = E + A/N^alpha + B/D^beta within a form that contains it, both by least squares
/// in the objective's residuals. The p-value supposes independent normal errors of one variance and
/// an optimum off the bounds: common trunks make it too small, outliers anything.
struct LackOfFit {
  std::string form;
  double f = 0, p = 1;
  std::int64_t dof_form = 0, dof_residual = 0;
};

/// Runs of one data set, or by one optimizer.
struct JointGroup {
  std::string name;
  PointSet points;
};

struct JointOptions {
  LossLaw::Scale scale = LossLaw::Scale::params;
  /// One E for all: groups that differ by the optimizer alone. Else each has its own.
  bool shared_floor = false;
};

struct JointNumber {
  double value = 0;
  Interval interval;  // 90 %, Student's t of the degrees of freedom left
};

/// What one of the groups has for itself. rho are of the first group: 1.
struct JointGroupFit {
  std::string name;
  std::int64_t n_points = 0;
  JointNumber irreducible, rho_size, rho_tokens;
};

/// E_i + A / (rho_N,i N)^alpha + B / (rho_D,i D)^beta with alpha and beta of all groups
/// (arXiv:2602.07712, as quoted): a run of group i is worth rho_D,i times its tokens to the first
/// group. Least squares of ln loss.
struct JointFit {
  JointNumber a, b, alpha, beta;
  std::vector<JointGroupFit> groups;
  double residual_sd = 0;  // of ln loss
  std::int64_t n_points = 0, n_parameters = 0;
  bool shared_floor = false;
  /// F test of one alpha and one beta against each group's own; absent where a group has too few
  /// runs to have its own.
  std::optional<double> f, p;
  std::int64_t dof_exponents = 0, dof_residual = 0;
  FitStatus status = FitStatus::too_few_points;
};

/// Throws Error(invalid_argument) for fewer than two groups or a group of fewer than 5 runs, and
/// Error(frame_mismatch) where groups differ in more than the data set.
[[nodiscard]] JointFit fit_jointly(std::span<const JointGroup> groups, const JointOptions& options);

/// Rates of every step of a run that is asked for.
struct AnnealingTarget {
  std::string name;
  std::vector<double> lr;
};

struct AnnealingOptions {
  /// Absent: the one of annealing_lambdas() with the least squares.
  std::optional<double> lambda = {};
  /// Huber's threshold in ln loss; absent: least squares.
  std::optional<double> delta = {};
  /// The first step whose loss counts; absent: behind twice the warm-up and a tenth of the longest
  /// curve. A decay counts from the end of its curve's warm-up on.
  std::optional<std::int64_t> from_step = {};
  std::vector<AnnealingTarget> targets = {};
};

/// What the law says of a target; intervals are those of the expected loss.
struct AnnealingPrediction {
  std::string name;
  std::int64_t n_steps = 0;
  double s1 = 0, s2 = 0;      // at the last step
  double reach = 1;           // s1 over the largest of the curves
  std::string not_predicted;  // why; empty where it was
  double loss = 0;            // at the last step
  double late_loss = 0;       // mean over the last tenth, as RunRecord::train_loss_nats
  Interval interval, late_interval;
};

/// L = L0 + A S1^-alpha - C S2 (arXiv:2408.11029, as quoted): S1 the sum of the learning rates so
/// far, S2 the annealing area, the sum over steps of m_i = lambda m_(i-1) + lr_(i-1) - lr_i, which
/// is 0 up to the end of the warm-up.
struct AnnealingFit {
  std::vector<std::string> parameters;          // L0, A, alpha and, where it is told, C
  std::vector<double> values, standard_errors;  // in the order of `parameters`
  std::vector<Interval> intervals;              // 90 %
  std::vector<std::string> at_bound;
  /// Why there is no C; empty where there is one.
  std::string no_decay;
  double lambda = 0;
  bool lambda_given = false;
  std::vector<double> lambdas_as_good;  // of those tried: within the 90 % region of the best
  std::int64_t n_losses = 0;            // used, what trunks have in common once
  std::int64_t n_bins = 0;              // of neighbouring steps, which are what is fitted
  std::int64_t from_step = 0;
  /// Share of the noise of branches that their trunk's losses at the same steps have, too: the same
  /// batches. 0 where there are none.
  double batch_share = 0;
  double objective_value =
      0;                   // sum over bins of weight x (ln predicted - ln loss)^2, or of Huber's
  double residual_sd = 0;  // of ln loss of a bin of mean weight
  /// Mean square of bins' residuals over that of their noise, by the differences of neighbouring
  /// steps, and the p of an F test of 1; absent where bins are of one loss each, and with `delta`.
  std::optional<double> misfit, misfit_p;
  double autocorrelation = 0;  // of neighbouring bins' residuals
  /// Variances are multiplied by it: (1 + r) / (1 - r) where r is beyond chance, else 1.
  double inflation = 1;
  std::vector<AnnealingPrediction> predictions;  // in the order of the targets
  std::vector<std::string> warnings;
  FitStatus status = FitStatus::too_few_points;
  [[nodiscard]] bool usable() const { return status == FitStatus::ok; }
};

/// What lambda is chosen from where none is given.
[[nodiscard]] const std::vector<double>& annealing_lambdas();

/// One law for all curves, which are of one model: branches of a trunk, or one run. Losses of steps
/// that two curves have in common, with the same rates and losses up to there, count once. Throws
/// Error(invalid_argument) naming curve, step, value and what is allowed: rates that are negative
/// or not finite, losses that are not positive, steps that do not ascend, fewer than 12 bins of
/// losses behind the warm-up.
[[nodiscard]] AnnealingFit fit_annealing(const std::vector<RateCurve>& curves,
                                         const AnnealingOptions& options = {});

/// Steps before the learning rate stops to rise.
[[nodiscard]] std::int64_t warmup_of(std::span<const double> lr);

/// The names that FitOptions::forms may hold.
[[nodiscard]] const std::vector<std::string>& surface_form_names();

}  // namespace isoflop
