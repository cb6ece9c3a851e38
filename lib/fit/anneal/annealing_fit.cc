// SPDX-License-Identifier: Apache-2.0
// Bins are weighed by 1 / (variance / n + tau^2): the variance of one loss by differences of
// neighbours, tau^2 what the first fit leaves beyond it (DerSimonian and Laird, 1986), so that bins
// of a thousand steps do not count a hundred times what the form can be believed to. Intervals are
// profiles over the parameters and over lambda, where that is chosen.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/text.h"
#include "fit/anneal/annealing_bins.h"
#include "fit/anneal/annealing_input.h"
#include "fit/anneal/annealing_setup.h"
#include "fit/anneal/annealing_warnings.h"
#include "isoflop/error.h"
#include "isoflop/forms.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::size_t kLeastBins = 12;
constexpr double kExact = 1e-8;  // rms of ln loss, in which the objective has no digits left
constexpr double kMostCorrelation = 0.9;
constexpr double kBeyondChance = 2;  // sds of an autocorrelation, 1 / sqrt(n)

/// The law at one lambda.
struct LambdaFit {
  AnnealingSetup setup;
  NonlinearFit fit;
};

void require_bins(const AnnealingBins& bins, const std::vector<RateCurve>& curves,
                  std::int64_t from_step) {
  if (bins.bins.size() >= kLeastBins) return;
  std::string which;
  for (const RateCurve& curve : curves) {
    which += (which.empty() ? "" : "; ") + curve.run + " has " +
             std::to_string(curve.steps.size()) + " losses up to step " +
             std::to_string(curve.steps.empty() ? 0 : curve.steps.back()) + ", its warm-up " +
             std::to_string(warmup_of(curve.lr)) + " steps";
  }
  throw Error(ErrorCode::invalid_argument,
              std::to_string(bins.n_losses) + " losses behind the warm-up and from step " +
                  std::to_string(from_step) + " on, in " + std::to_string(bins.bins.size()) +
                  " bins; the annealing law needs at least " + std::to_string(kLeastBins) + " (" +
                  which + ")");
}

std::vector<double> with_mean_one(std::vector<double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight *= static_cast<double>(weights.size()) / sum;
  return weights;
}

/// Losses of every bin, as many as they are worth beside a reference, which has most of their
/// noise.
std::vector<double> counts_of(const AnnealingBins& bins) {
  std::vector<double> counts;
  for (const AnnealingBin& bin : bins.bins) {
    const auto n = static_cast<double>(bin.steps.size());
    counts.push_back(bin.reference ? n / (1 - bins.batch_share) : n);
  }
  return counts;
}

/// Also sets the misfit, of the first fit, whose weights are those of the noise alone.
std::vector<double> weights_after(const AnnealingBins& bins, const LambdaFit& first,
                                  AnnealingFit& result) {
  std::vector<double> precision = counts_of(bins);
  if (!(bins.variance > 0)) return with_mean_one(precision);
  const std::vector<double> residuals = first.setup.residuals(first.fit);
  const auto n_free = static_cast<double>(first.fit.theta.size());
  double q = 0;
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < precision.size(); ++i) {
    precision[i] /= bins.variance;
    q += precision[i] * residuals[i] * residuals[i];
    sum += precision[i];
    squares += precision[i] * precision[i];
  }
  const auto dof = static_cast<double>(precision.size()) - n_free;
  result.misfit = q / dof;
  result.misfit_p = f_upper_tail(q / dof, dof, bins.variance_dof);
  const double tau2 = std::max(0.0, (q - dof) / (sum - squares / sum));
  for (double& p : precision) p = 1 / (1 / p + tau2);
  return with_mean_one(precision);
}

std::vector<LambdaFit> fit_lambdas(const std::vector<RateCurve>& curves, const AnnealingBins& bins,
                                   const std::vector<double>& weights,
                                   const AnnealingOptions& options) {
  std::vector<double> lambdas = annealing_lambdas();
  // Without a decay S2 is 0 by any of them.
  if (options.lambda) lambdas = {*options.lambda};
  if (!bins.has_decay) lambdas.resize(1);
  std::vector<LambdaFit> fits;
  for (const double lambda : lambdas) {
    AnnealingSetup setup(curves, bins, weights, lambda, options.delta);
    NonlinearFit fit = setup.fit();
    fits.push_back({std::move(setup), std::move(fit)});
  }
  // The best first: what is said of the curves is said by it.
  const auto best = std::min_element(
      fits.begin(), fits.end(),
      [](const LambdaFit& a, const LambdaFit& b) { return a.fit.value < b.fit.value; });
  std::rotate(fits.begin(), best, best + 1);
  return fits;
}

void set_correlation(AnnealingFit& result, const AnnealingBins& bins,
                     const std::vector<double>& weights, const LambdaFit& best) {
  const std::vector<double> residuals = best.setup.residuals(best.fit);
  double products = 0;
  double squares = 0;
  double n = 0;
  for (std::size_t i = 0; i < residuals.size(); ++i) {
    squares += weights[i] * residuals[i] * residuals[i];
    if (i == 0 || bins.bins[i].curve != bins.bins[i - 1].curve) continue;
    products += std::sqrt(weights[i] * weights[i - 1]) * residuals[i] * residuals[i - 1];
    ++n;
  }
  if (n < 2 || !(squares > 0)) return;
  const double r = products / n / (squares / static_cast<double>(residuals.size()));
  result.autocorrelation = r;
  if (r * std::sqrt(n) <= kBeyondChance) return;
  const double held = std::min(r, kMostCorrelation);
  result.inflation = (1 + held) / (1 - held);
}

/// The 90 % region: every fit at a lambda whose objective is within the limit, with what is left of
/// the rise to it, so that its profiles end where the region does.
class AnnealingRegion {
 public:
  AnnealingRegion(std::vector<LambdaFit> fits, double inflation, bool lambda_given) {
    NonlinearFit& best = fits.front().fit;
    const double dof = (best.dof - (lambda_given || fits.size() == 1 ? 0 : 1)) / inflation;
    const double rise = best.normal_rise * inflation * best.dof / (dof * inflation);
    dof_ = dof;
    if (!(dof > 0)) return;
    const double t = t90(dof);
    const double limit = best.value + t * t * rise;
    const double factor = rise / (best.normal_rise > 0 ? best.normal_rise : 1);
    for (LambdaFit& one : fits) {
      const bool is_best = inside_.empty();
      if (!is_best && !(one.fit.value < limit)) continue;
      one.fit.dof = dof;
      one.fit.normal_rise = (limit - one.fit.value) / (t * t);
      one.fit.covariance *= factor;
      one.fit.standard_errors *= std::sqrt(factor);
      inside_.push_back(std::move(one));
    }
  }
  [[nodiscard]] bool empty() const { return inside_.empty(); }
  [[nodiscard]] const std::vector<LambdaFit>& inside() const { return inside_; }
  [[nodiscard]] const LambdaFit& best() const { return inside_.front(); }
  [[nodiscard]] double dof() const { return dof_; }

  /// The hull of an interval over all of it.
  template <class IntervalAt>
  [[nodiscard]] Interval hull(const IntervalAt& interval_at) const {
    Interval hull = interval_at(inside_.front());
    for (const LambdaFit& one : inside_) {
      const Interval interval = interval_at(one);
      hull = {.low = std::min(hull.low, interval.low), .high = std::max(hull.high, interval.high)};
    }
    return hull;
  }

 private:
  std::vector<LambdaFit> inside_;
  double dof_ = 0;
};

/// Of C, whose size goes with lambda; 0 is in it where an F test of C and lambda, which is idle
/// there, does not reject it at 10 % (Davies, Biometrika 64, 1977).
Interval decay_interval(const AnnealingRegion& region, bool lambda_given) {
  const AnnealingSetup& setup = region.best().setup;
  const NonlinearFit& fit = region.best().fit;
  const Interval interval = region.hull([](const LambdaFit& one) {
    const Interval profile = one.setup.profile(one.fit, 3);
    return Interval{.low = profile.low / one.setup.s2_unit(),
                    .high = profile.high / one.setup.s2_unit()};
  });
  if (lambda_given || !(fit.normal_rise > 0)) return interval;
  const double f = (setup.value_without_decay(fit) - fit.value) / fit.normal_rise / 2;
  if (f > f_quantile(0.9, 2, fit.dof)) return interval;
  return {.low = std::min(interval.low, 0.0), .high = std::max(interval.high, 0.0)};
}

void set_parameters(AnnealingFit& result, const AnnealingRegion& region) {
  const AnnealingSetup& setup = region.best().setup;
  const NonlinearFit& fit = region.best().fit;
  const double alpha = fit.theta[2];
  const double a = fit.theta[1] * std::exp(alpha * setup.log_s1_centre());
  result.parameters = {"L0", "A", "alpha"};
  result.values = {fit.theta[0], a, alpha};
  const double ln_a_slope[2] = {fit.theta[1] > 0 ? 1 / fit.theta[1] : 0, setup.log_s1_centre()};
  const double ln_a_variance = ln_a_slope[0] * ln_a_slope[0] * fit.covariance(1, 1) +
                               2 * ln_a_slope[0] * ln_a_slope[1] * fit.covariance(1, 2) +
                               ln_a_slope[1] * ln_a_slope[1] * fit.covariance(2, 2);
  const double ln_a_error = std::sqrt(std::max(0.0, ln_a_variance));
  result.standard_errors = {fit.standard_errors[0], a * ln_a_error, fit.standard_errors[2]};
  const auto profile_of = [&](int parameter) {
    return region.hull([&](const LambdaFit& one) { return one.setup.profile(one.fit, parameter); });
  };
  result.intervals = {profile_of(0),
                      a > 0 ? around_log(std::log(a), t90(region.dof()) * ln_a_error)
                            : Interval{.low = 0, .high = std::numeric_limits<double>::infinity()},
                      profile_of(2)};
  if (result.no_decay.empty()) {
    result.parameters.emplace_back("C");
    result.values.push_back(fit.theta[3] / setup.s2_unit());
    result.standard_errors.push_back(fit.standard_errors[3] / setup.s2_unit());
    result.intervals.push_back(decay_interval(region, result.lambda_given));
  }
  for (const int i : fit.at_bound) {
    result.at_bound.push_back(result.parameters[static_cast<std::size_t>(i)]);
  }
}

AnnealingPrediction predict(const AnnealingTarget& target, const AnnealingFit& result,
                            const AnnealingRegion& region) {
  const AnnealingSetup& setup = region.best().setup;
  const AnnealingQuestion end = setup.at_last_step(target.lr);
  AnnealingPrediction prediction;
  prediction.name = target.name;
  prediction.n_steps = static_cast<std::int64_t>(target.lr.size());
  prediction.s1 = end.s1;
  prediction.s2 = end.s2;
  prediction.reach = end.s1 / setup.largest_s1();
  if (!result.no_decay.empty() && has_decay(target.lr, prediction.n_steps)) {
    prediction.not_predicted = result.no_decay;
    return prediction;
  }
  prediction.loss = setup.predict(region.best().fit, end);
  prediction.late_loss = setup.predict(region.best().fit, setup.at_last_tenth(target.lr));
  prediction.interval = region.hull([&](const LambdaFit& one) {
    return one.setup.predict_interval(one.fit, one.setup.at_last_step(target.lr));
  });
  prediction.late_interval = region.hull([&](const LambdaFit& one) {
    return one.setup.predict_interval(one.fit, one.setup.at_last_tenth(target.lr));
  });
  return prediction;
}

}  // namespace

const std::vector<double>& annealing_lambdas() {
  static const std::vector<double> lambdas = {0,    0.8,   0.9,   0.95,  0.98,
                                              0.99, 0.995, 0.998, 0.999, 0.9995};
  return lambdas;
}

AnnealingFit fit_annealing(const std::vector<RateCurve>& curves, const AnnealingOptions& options) {
  require_annealing_input(curves, options);
  AnnealingFit result;
  result.from_step = first_annealing_step(curves, options);
  const AnnealingBins bins = annealing_bins(curves, result.from_step);
  require_bins(bins, curves, result.from_step);
  result.n_losses = bins.n_losses;
  result.n_bins = static_cast<std::int64_t>(bins.bins.size());
  result.batch_share = bins.batch_share;
  result.lambda_given = options.lambda.has_value();
  if (!bins.has_decay) {
    result.no_decay =
        "no loss is of a step behind a decay of the rate, which alone tells C: add a branch of the "
        "run with a decay, of a fifth of its steps or less";
  }
  std::vector<double> weights = with_mean_one(counts_of(bins));
  std::vector<LambdaFit> fits = fit_lambdas(curves, bins, weights, options);
  if (!options.delta) {
    weights = weights_after(bins, fits.front(), result);
    fits = fit_lambdas(curves, bins, weights, options);
  }
  const NonlinearFit& best = fits.front().fit;
  const bool exact = best.value <= kExact * kExact * static_cast<double>(result.n_bins);
  result.status = best.converged || exact ? FitStatus::ok : FitStatus::not_converged;
  result.lambda = fits.front().setup.lambda();
  result.objective_value = best.value;
  result.residual_sd = std::sqrt(best.normal_variance);
  if (!exact) set_correlation(result, bins, weights, fits.front());
  const AnnealingRegion region(std::move(fits), result.inflation, result.lambda_given);
  if (region.empty()) return result;
  for (const LambdaFit& one : region.inside()) {
    result.lambdas_as_good.push_back(one.setup.lambda());
  }
  set_parameters(result, region);
  for (const AnnealingTarget& target : options.targets) {
    result.predictions.push_back(predict(target, result, region));
  }
  result.warnings = annealing_warnings(result, curves, options);
  return result;
}

}  // namespace isoflop
