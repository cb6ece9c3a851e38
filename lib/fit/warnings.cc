// SPDX-License-Identifier: Apache-2.0
#include "fit/warnings.h"

#include "fit/forms/forms_warnings.h"
#include "fit/hyper/hyper_warnings.h"
#include "fit/metric/second_stage_warnings.h"
#include "fit/points/mixtures.h"
#include "fit/surface/surface_warnings.h"
#include "fit/trust/trust_warnings.h"
#include "fit/valley/valley_warnings.h"

namespace isoflop {

Words collect_warnings(const Fit& fit, std::span<const BudgetGroup> curves,
                       const PointSet& points) {
  Words warnings;
  warn_of_axes(points, warnings);
  warn_of_pooled(fit, warnings);
  warn_of_cells(points, warnings);
  warn_of_narrow_budgets(fit.narrow_budgets, warnings);
  warn_of_valleys(fit.valleys, curves, fit.seed_noise, warnings);
  warn_of_disagreement(fit.disagreement, warnings);
  warn_of_allocation({.valleys = fit.valleys,
                      .scale_opt = fit.scale_opt,
                      .compute_from = fit.compute_from,
                      .compute_to = fit.compute_to,
                      .checks = fit.law_checks,
                      .frontier = fit.frontier,
                      .incredible_bias = fit.incredible_bias},
                     warnings);
  if (fit.envelope) warn_of_envelope(*fit.envelope, fit.scale_opt, warnings);
  if (fit.parametric) warn_of_surface(*fit.parametric, fit.scale_opt, warnings);
  if (fit.repetition) warn_of_repetition(*fit.repetition, warnings);
  warn_of_forms(fit.lack_of_fit, fit.forms, warnings);
  if (fit.hyper) warn_of_hyper(*fit.hyper, warnings);
  if (fit.hyper && fit.hyper->peak_lr_at_batch) {
    warn_of_rate_at_batch(*fit.hyper->peak_lr_at_batch, warnings);
  }
  if (fit.weight_decay) warn_of_weight_decay(*fit.weight_decay, warnings);
  if (fit.given_settings) warn_of_given_settings(*fit.given_settings, warnings);
  warn_of_mistuning(fit.mistuning, fit.valleys, warnings);
  if (fit.conventions) warn_of_conventions(*fit.conventions, warnings);
  warn_of_holdout(fit, warnings);
  warn_of_targets(fit, warnings);
  warn_of_second_stage(fit.second_stages, warnings);
  warn_of_sample_size(fit.sample_size, warnings);
  warn_of_sizes(fit, warnings);
  if (fit.outliers) warn_of_outliers(*fit.outliers, warnings);
  warn_of_mixtures(points, warnings);
  warn_of_evaluation(points, fit.sample_size.run_noise, warnings);
  warn_of_health(points, warnings);
  return warnings;
}

}  // namespace isoflop
