// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/law.h"
#include "isoflop/point.h"
#include "isoflop/surface.h"

namespace isoflop {

/// A run that could be done.
struct CandidateRun {
  double budget = 0;   // nominal [FLOPs]; within 5 % of that of points, it is theirs
  double compute = 0;  // realised [FLOPs]
  double scale = 0;    // params or FLOPs/token, as NextOptions::scale says
  double tokens = 0;
  double cost = 0;  // [FLOPs] of it alone
  /// Of the cost, what runs of its trunk share: it is paid once, for the longest of those chosen.
  double stem = 0;
  std::string trunk = {};               // empty: it shares nothing
  std::string shape = {}, run_id = {};  // where it is known which run it would be
};

struct NextOptions {
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  double flops = 0;                                    // to spend
  std::optional<double> target_compute = {};           // default: 10 x the largest budget
  ObjectiveKind objective = ObjectiveKind::huber_log;  // of the fits that it starts from
  double delta = 1e-3;
  /// What halving Var[ln L*] is worth, in halvings of Var[ln N*].
  double loss_weight = 1;
  /// Refits to resamples of the points. The criterion is averaged over them, so that a second basin
  /// of the fit has its say.
  std::int64_t n_bootstrap = 24;
  std::uint64_t seed = 0;
};

struct ChosenRun {
  std::size_t candidate = 0;  // index
  double cost = 0;            // in the order of choice: without what its trunk has paid already
  bool brackets = false;      // chosen because its budget's minimum had too few runs on that side
};

/// Half-widths of the 90 % intervals of ln N* and ln L* of the law at the target. Another budget's
/// own N* scatters about the law by tau besides.
struct TargetInterval {
  double ln_scale = 0, ln_loss = 0;
};

struct NextRuns {
  LossLaw::Scale scale = LossLaw::Scale::flops_per_token;
  double target_compute = 0;
  double scale_opt = 0, loss_opt = 0;  // predicted there
  double flops = 0, spent = 0;
  std::vector<ChosenRun> runs;
  TargetInterval now, after;
  /// FLOPs that would halve the interval of ln N*, and of ln L*, chosen in the same way. Absent:
  /// not all candidates together do.
  std::optional<double> flops_to_halve_scale, flops_to_halve_loss;
  double noise = 0;  // of one run's loss, relative
  double tau = 0, tau_estimated = 0;
  std::int64_t n_bootstrap = 0, n_bootstrap_failed = 0;
  std::vector<std::string> warnings;
};

/// Scatter of ln N* between budgets that is believed of any sweep. Noise alone says 2 % a
/// hundredfold out, where hold-outs of public sweeps are off by 5 to 87 %; without a floor all
/// money would go to many cheap runs.
inline constexpr double kTauFloor = 0.05;

/// The candidates to do next, chosen greedily by the fall of Var[ln N*(C)] and Var[ln L*(C)] at the
/// target, each as a share of what it is now, per FLOP (V-optimality, delta method). The model: the
/// surface E + A / N^alpha + B / D^beta, with the curve of each budget moved sideways in ln N by a
/// random effect of standard deviation tau, which the runs of that budget share. So a budget never
/// tells more than 1 / tau^2 of ln N*, however many runs it has. First come the runs that bracket a
/// minimum which is not. Throws Error(invalid_argument) where the points do not determine a
/// surface, and for options and candidates outside their domain.
[[nodiscard]] NextRuns next_runs(const PointSet& points, std::span<const CandidateRun> candidates,
                                 const NextOptions& options);

/// The budgets, one between each two, one below and one above, ascending.
[[nodiscard]] std::vector<double> candidate_budgets(std::vector<double> budgets);

/// Sizes that the points have been trained at, near the optimum of each budget of theirs, between
/// them, one below and one above: candidates where nothing is known but points. C = k N D with the
/// points' own k; a cell that was run is left out.
[[nodiscard]] std::vector<CandidateRun> candidates_from(const PointSet& points,
                                                        LossLaw::Scale scale);

/// Half of the fewest tokens per unit of scale that the points have: with less a run is of another
/// kind than those of the surface.
[[nodiscard]] double least_tokens_per_scale(const PointSet& points, LossLaw::Scale scale);

/// The isoflop.next/1 answer.
[[nodiscard]] std::string to_json(const NextRuns& next, std::span<const CandidateRun> candidates);

struct NextGridsOptions {
  double flops = 0;                           // to spend
  std::optional<double> target_compute = {};  // default: 10 x that of the largest grid
};

/// One batch and one rate at the size and length of its grid.
struct GridRun {
  double batch_tokens = 0, peak_lr = 0;
};

/// Runs to add at one size and length.
struct NextGrid {
  double params = 0, tokens = 0, compute = 0;
  double cost = 0;        // of all its runs
  bool brackets = false;  // beyond the edge of a grid that is there, else a new grid
  std::vector<GridRun> runs = {};
};

/// Half-widths of the 90 % intervals of the laws' ln B and ln lr at the target; another grid's own
/// optimum scatters about them by batch_sd and peak_lr_sd besides.
struct GridIntervals {
  double ln_batch = 0, ln_peak_lr = 0;
};

struct NextGrids {
  double target_compute = 0, target_params = 0, target_tokens = 0;
  double batch_tokens = 0, peak_lr = 0;  // that the grids say of it now
  double flops = 0, spent = 0;
  std::vector<NextGrid> grids;
  GridIntervals now, after;
  std::int64_t n_grids = 0, n_candidates = 0;  // of the points; new ones to choose from
  double noise = 0;                            // of ln metric of a run
  double batch_sd = 0, peak_lr_sd = 0;         // of a grid's own optimum about the laws
  std::vector<std::string> warnings;
};

/// Grids of batch and rate to run next for laws of both in N and D. First come the runs beyond the
/// edge of a grid whose best run is there. Then new grids, at sizes and lengths of the points and
/// one step above, each a star of runs about the optimum that the laws predict, chosen greedily by
/// the fall of the variances of ln B_opt and ln lr_opt at the target, each as a share of what it is
/// now, per FLOP. The model: a grid's optimum is linear in ln N and ln D, with a shift of its own;
/// ln metric is a parabola about it, of the curvature pooled over the grids. Exponents have a prior
/// N(0, 1), so that grids on one line leave them open and not infinite. The target has the grids'
/// mean tokens per parameter. Throws Error(invalid_argument) where no grid has an optimum, and for
/// options outside their domain.
[[nodiscard]] NextGrids next_grids(const PointSet& points, const NextGridsOptions& options);

/// The isoflop.next_grids/1 answer.
[[nodiscard]] std::string to_json(const NextGrids& next);

}  // namespace isoflop
