// SPDX-License-Identifier: Apache-2.0
#include "fit/trust/outliers.h"

#include <algorithm>
#include <cmath>

#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kLevel = 0.05;           // of sets that have one by chance
constexpr double kLeastResidual = 0.001;  // nobody need look at less of a loss
constexpr double kLargestShare = 0.1;
constexpr double kParameters = 5;
constexpr double kMadEfficiency = 0.37;  // of a normal's sd (Rousseeuw and Croux, JASA 88, 1993)

double scatter_of(std::span<const double> residuals) {
  std::vector<double> magnitudes;
  for (const double residual : residuals) magnitudes.push_back(std::abs(residual));
  return kSdPerMad * median(std::move(magnitudes));
}

std::optional<double> exponent_of(std::span<const Sample> samples, LossFitOptions options) {
  options.n_bootstrap = 0;
  options.diagnostics = false;
  options.strata.clear();
  const ParametricFit fit = fit_loss_law(loss_samples(samples), options);
  return fit.usable() ? std::optional(fit.a_exponent) : std::nullopt;
}

}  // namespace

std::optional<Outliers> find_outliers(const ParametricFit& surface, std::span<const Sample> samples,
                                      const LossFitOptions& options) {
  std::vector<double> residuals;
  for (const Sample& sample : samples) {
    residuals.push_back(std::log(sample.metric / surface.law(sample.scale, sample.tokens)));
  }
  const auto n = static_cast<double>(samples.size());
  Outliers found{.scatter = scatter_of(residuals), .a = surface.a_exponent};
  // The scatter is itself known by the residuals that the surface leaves free, as well as a MAD
  // can.
  const double dof = std::max(1.0, n - kParameters);
  found.scatter *= std::sqrt(n / dof);
  found.limit = student_t_quantile(1 - kLevel / (2 * n), kMadEfficiency * dof);
  const double limit = std::max(kLeastResidual, found.limit * found.scatter);
  std::vector<Sample> rest;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    if (std::abs(residuals[i]) <= limit) {
      rest.push_back(sample);
      continue;
    }
    found.runs.push_back({sample.label, sample.scale, sample.tokens, sample.metric, residuals[i]});
  }
  if (found.runs.empty() || static_cast<double>(found.runs.size()) > kLargestShare * n) {
    return std::nullopt;
  }
  std::stable_sort(found.runs.begin(), found.runs.end(), [](const Outlier& a, const Outlier& b) {
    return std::abs(a.residual) > std::abs(b.residual);
  });
  found.a_without = exponent_of(rest, options);
  return found;
}

}  // namespace isoflop
