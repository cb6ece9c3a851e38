// SPDX-License-Identifier: Apache-2.0
// Whole budgets are left out from the top, as an extrapolation has it, and all methods are fitted
// anew to what is cheaper: parabolas, laws and frontier; the same with the prior; the surface
// without resamples, its optimum taken with the held-out curve's own k. The truth is that curve's
// parabola, as good as its own noise. Neither these minima nor those of the refitted laws are freed
// of their bias.
#include "fit/trust/holdout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "fit/forecast/forecaster.h"
#include "fit/interval/surface_intervals.h"
#include "fit/valley/frontier_fit.h"
#include "fit/valley/isoflop_fit.h"

namespace isoflop {
namespace {

/// What a method that saw the cheaper budgets predicts for one that was left out.
struct Predicted {
  double scale = 0, tokens = 0, loss = 0;
  Predictive densities = {};
};
/// Of a budget, and the k of C = k scale tokens there.
using Predictor = std::function<Predicted(double compute, double flops_factor)>;

/// What remains when the largest budgets are left out.
struct Remainder {
  std::int64_t dropped = 1;
  double largest_used = 0;  // [FLOPs]
  std::span<const BudgetGroup> curves;
};

std::optional<Predictor> isoflop_predictor(const Remainder& used) {
  const IsoFlopFit fit = fit_isoflop(used.curves);
  if (!fit.scale_opt.usable() || !fit.tokens_opt.usable() || !fit.frontier) return std::nullopt;
  return [scale = fit.scale_opt.law, tokens = fit.tokens_opt.law, frontier = *fit.frontier](
             double compute, double /*flops_factor*/) -> Predicted {
    return {.scale = scale(compute), .tokens = tokens(compute), .loss = frontier(compute)};
  };
}

std::optional<Predictor> posterior_predictor(const Remainder& used, const ForecastPrior& prior) {
  const IsoFlopFit fit = fit_isoflop(used.curves);
  const MinimaForecaster forecaster(used.curves, fit.valleys, fit.trunk_noise, prior);
  if (!forecaster.size() || !forecaster.loss()) return std::nullopt;
  return [forecaster](double compute, double flops_factor) -> Predicted {
    Predicted predicted{.densities = forecaster.at(compute)};
    predicted.scale = std::exp(predicted.densities.scale->quantile(0.5));
    predicted.tokens = compute / (flops_factor * predicted.scale);
    predicted.loss = std::exp(predicted.densities.loss->quantile(0.5));
    return predicted;
  };
}

std::optional<Predictor> parametric_predictor(const Remainder& used,
                                              std::span<const Sample> samples,
                                              std::span<const double> held_out,
                                              const HoldoutOptions& options) {
  std::vector<Sample> cheaper;
  // Runs of the largest budget used scatter around it, those of the dropped ones lie above.
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(cheaper),
               [&](const Sample& s) { return s.compute <= kSameBudget * used.largest_used; });
  LossFitOptions surface_options = options.surface;
  surface_options.n_bootstrap = 0;
  const ParametricFit fit = fit_loss_law(loss_samples(cheaper), surface_options);
  if (!fit.usable() || !has_optimum(fit.law)) return std::nullopt;
  std::vector<OptimumForecast> forecasts;
  if (options.surface_densities) {
    forecasts = linear_forecasts(fit, cheaper, used.largest_used, held_out);
  }
  return [law = fit.law, forecasts](double compute, double flops_factor) -> Predicted {
    const Optimum best = optimum_of(law, compute * law.flops_factor() / flops_factor);
    Predicted predicted{.scale = best.size, .tokens = best.tokens, .loss = best.loss};
    const OptimumForecast* forecast = forecast_at(forecasts, compute);
    if (forecast != nullptr) predicted.densities = surface_predictive(*forecast);
    return predicted;
  };
}

HoldoutScore score_of(const Predicted& predicted, const Valley& found, const Remainder& used,
                      const char* method) {
  HoldoutScore score{.dropped = used.dropped,
                     .compute = found.compute,
                     .ratio = found.compute / used.largest_used,
                     .method = method,
                     .scale_error = predicted.scale / found.scale_opt - 1,
                     .tokens_error = predicted.tokens / found.tokens_opt - 1,
                     .loss_error = predicted.loss / found.loss_opt - 1,
                     .found_ln_scale_se = found.ln_scale_se,
                     .found_ln_loss_se = found.loss_se / found.loss_opt};
  const auto& [of_scale, of_loss] = predicted.densities;
  if (of_scale) {
    score.scale_density = ln_density(*of_scale, std::log(found.scale_opt), found.ln_scale_se);
  }
  if (of_loss) {
    score.loss_density =
        ln_density(*of_loss, std::log(found.loss_opt), found.loss_se / found.loss_opt);
  }
  // Nothing is that unlikely: beyond what a number holds there is no density.
  for (auto* density : {&score.scale_density, &score.loss_density}) {
    if (*density && !std::isfinite(**density)) density->reset();
  }
  return score;
}

// A law of few budgets may point beyond what a number can hold.
bool is_told(const HoldoutScore& score) {
  const auto is_ratio = [](double error) { return error > -1 && std::isfinite(error); };
  return is_ratio(score.scale_error) && is_ratio(score.tokens_error) && is_ratio(score.loss_error);
}

}  // namespace

std::vector<HoldoutScore> score_holdouts(std::span<const BudgetGroup> curves,
                                         std::span<const Valley> valleys,
                                         std::span<const Sample> samples,
                                         const HoldoutOptions& options) {
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    if (valleys[i].usable()) usable.push_back(i);
  }
  std::vector<HoldoutScore> scores;
  for (std::int64_t dropped = 1; dropped <= options.n_max; ++dropped) {
    const auto n_used = static_cast<std::int64_t>(usable.size()) - dropped;
    if (n_used < 3) break;
    const std::size_t last_used = usable[static_cast<std::size_t>(n_used - 1)];
    const Remainder used{.dropped = dropped,
                         .largest_used = curves[last_used].compute,
                         .curves = curves.first(last_used + 1)};
    std::vector<double> computes;
    for (auto left_out = usable.rbegin(); *left_out > last_used; ++left_out) {
      computes.push_back(valleys[*left_out].compute);
    }
    const auto by_isoflop = isoflop_predictor(used);
    const auto by_surface = parametric_predictor(used, samples, computes, options);
    const auto by_posterior = posterior_predictor(used, options.prior);
    for (auto held_out = usable.rbegin(); *held_out > last_used; ++held_out) {
      const Valley& found = valleys[*held_out];
      const double k = flops_factor(curves[*held_out].samples);
      const auto add = [&](const std::optional<Predictor>& predictor, const char* method) {
        if (!predictor) return;
        HoldoutScore score = score_of((*predictor)(found.compute, k), found, used, method);
        score.judges_loss = &predictor != &by_isoflop || n_used >= kFewestForFloor;
        if (is_told(score)) scores.push_back(score);
      };
      add(by_isoflop, "isoflop");
      add(by_surface, "parametric");
      add(by_posterior, "posterior");
    }
  }
  return scores;
}

}  // namespace isoflop
