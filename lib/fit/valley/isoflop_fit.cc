// SPDX-License-Identifier: Apache-2.0
// Approach 2 of arXiv:2203.15556: parabolas, one relative noise for all, what runs of one trunk
// have in common, then ln N* and ln D* on ln C by random-effects regression, and the frontier. Both
// laws have the errors of ln N* as weights, since at a given C ln D* errs by the opposite.
// fit_isoflop() knows no surface and takes the minima as found; fit() sets their predicted bias
// afterwards and calls allocation_law() again: ten times beyond the data the law through bare
// minima covers the true N* in 81 %, the corrected one in 88 (decision 12). The frontier takes the
// losses of the minima as found in either case.
#include "fit/valley/isoflop_fit.h"

#include <cmath>

#include "fit/points/settings.h"
#include "fit/valley/parabola.h"
#include "fit/valley/trunk_noise.h"

namespace isoflop {

std::vector<PowerLawPoint> law_points(std::span<const Valley> valleys, double Valley::*optimum) {
  // At a given compute an error of the size is the same error of the tokens, with the other sign.
  const double sign = optimum == &Valley::scale_opt ? -1 : 1;
  std::vector<PowerLawPoint> points;
  for (const Valley& valley : valleys) {
    if (!valley.usable()) continue;
    points.push_back({.x = valley.compute,
                      .y = valley.*optimum * std::exp(sign * valley.predicted_bias),
                      .ln_y_se = valley.ln_scale_se});
  }
  return points;
}

PowerLawFit allocation_law(std::span<const Valley> valleys, double Valley::*optimum,
                           const std::optional<TrunkNoise>& trunk_noise) {
  return fit_power_law(law_points(valleys, optimum),
                       trunk_noise ? trunk_noise->correlation : Correlation{});
}

std::vector<FrontierPoint> frontier_points(std::span<const Valley> valleys) {
  std::vector<FrontierPoint> points;
  for (const Valley& valley : valleys) {
    if (valley.usable()) points.push_back({.compute = valley.compute, .loss = valley.loss_opt});
  }
  return points;
}

namespace {

bool is_narrow(const BudgetGroup& curve) {
  return curve.samples.back().scale < kLeastSizeRange * curve.samples.front().scale;
}

}  // namespace

std::vector<BudgetGroup> curves_of(std::span<const BudgetGroup> groups) {
  std::vector<BudgetGroup> curves;
  for (const BudgetGroup& group : groups) {
    if (!group.designed) continue;
    BudgetGroup curve = one_per_scale(group);
    if (curve.samples.size() >= kMinCurvePoints && !is_narrow(curve))
      curves.push_back(std::move(curve));
  }
  return curves;
}

std::vector<double> narrow_budgets(std::span<const BudgetGroup> groups) {
  std::vector<double> budgets;
  for (const BudgetGroup& group : groups) {
    const BudgetGroup curve = one_per_scale(group);
    const bool meant = group.stated && curve.samples.size() >= kMinCurvePoints;
    if (meant && is_narrow(curve)) budgets.push_back(group.budget);
  }
  return budgets;
}

IsoFlopFit fit_isoflop(std::span<const BudgetGroup> curves) {
  IsoFlopFit fit;
  for (const BudgetGroup& curve : curves) fit.valleys.push_back(fit_valley(curve));
  pool_noise(fit.valleys);
  fit.trunk_noise = trunk_noise(curves, fit.valleys);
  fit.scale_opt = allocation_law(fit.valleys, &Valley::scale_opt, fit.trunk_noise);
  fit.tokens_opt = allocation_law(fit.valleys, &Valley::tokens_opt, fit.trunk_noise);
  fit.frontier = fit_frontier(frontier_points(fit.valleys));
  return fit;
}

}  // namespace isoflop
