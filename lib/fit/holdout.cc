// SPDX-License-Identifier: Apache-2.0
#include "fit/holdout.h"

#include <algorithm>
#include <cmath>

#include "fit/isoflop_fit.h"

namespace isoflop {
namespace {

/// The minimum to be predicted and where the data for it begin.
struct Target {
  const Valley& valley;
  double flops_factor;  // C = k scale tokens at that budget
  double largest_used;  // [FLOPs]
  std::int64_t dropped;
};

HoldoutScore score_of(const Target& target, const char* method, double scale, double loss) {
  return {.dropped = target.dropped,
          .ratio = target.valley.compute / target.largest_used,
          .method = method,
          .scale_error = scale / target.valley.scale_opt - 1,
          .loss_error = loss / target.valley.loss_opt - 1};
}

std::optional<HoldoutScore> score_isoflop(const Target& target,
                                          std::span<const BudgetGroup> curves) {
  const IsoFlopFit fit = fit_isoflop(curves);
  if (!fit.scale_opt.usable() || !fit.frontier) return std::nullopt;
  return score_of(target, "isoflop", fit.scale_opt.law(target.valley.compute),
                  (*fit.frontier)(target.valley.compute));
}

std::optional<HoldoutScore> score_parametric(const Target& target, std::span<const Sample> samples,
                                             LossFitOptions options) {
  std::vector<LossSample> used;
  for (const Sample& sample : samples) {
    // Runs of the largest budget used scatter around it, those of the dropped ones lie above.
    if (sample.compute > 1.05 * target.largest_used) continue;
    used.push_back({.size = sample.scale, .tokens = sample.tokens, .loss = sample.metric});
  }
  options.n_bootstrap = 0;
  const ParametricFit fit = fit_loss_law(used, options);
  const LossLaw& law = fit.law;
  if (!fit.usable() || !(law.a > 0) || !(law.b > 0)) return std::nullopt;
  const double product = target.valley.compute / target.flops_factor;
  const double sum = law.alpha + law.beta;
  const double log_g = std::log(law.alpha * law.a / (law.beta * law.b)) / sum;
  const double scale = std::exp(log_g + law.beta / sum * std::log(product));
  return score_of(target, "parametric", scale, law(scale, product / scale));
}

}  // namespace

std::vector<HoldoutScore> score_holdouts(std::span<const BudgetGroup> curves,
                                         std::span<const Valley> valleys,
                                         std::span<const Sample> samples, std::int64_t n_max,
                                         const LossFitOptions& surface_options) {
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    if (valleys[i].usable()) usable.push_back(i);
  }
  std::vector<HoldoutScore> scores;
  for (std::int64_t dropped = 1; dropped <= n_max; ++dropped) {
    const auto n_used = static_cast<std::int64_t>(usable.size()) - dropped;
    if (n_used < 3) break;
    const std::size_t last_used = usable[static_cast<std::size_t>(n_used - 1)];
    const std::size_t held_out = usable.back();
    const Target target{.valley = valleys[held_out],
                        .flops_factor = flops_factor(curves[held_out].samples),
                        .largest_used = curves[last_used].compute,
                        .dropped = dropped};
    if (auto score = score_isoflop(target, curves.first(last_used + 1))) scores.push_back(*score);
    if (auto score = score_parametric(target, samples, surface_options)) scores.push_back(*score);
  }
  return scores;
}

}  // namespace isoflop
