// SPDX-License-Identifier: Apache-2.0
// Budgets of the points (at most 12, thinned towards a geometric series), the geometric mean of
// each two neighbours, and one beyond either end at its neighbour's ratio; at each, the points' own
// sizes (at most 40) within a factor of 8 of the surface's optimum, as far as they were not run.
#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/points/curves.h"
#include "fit/points/settings.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/next.h"

namespace isoflop {
namespace {

constexpr double kSameSize = 1.01;
constexpr double kHalfWidth = 8;          // sizes around the optimum
constexpr std::size_t kMostBudgets = 12;  // of the points; with more there is none between them

std::vector<double> distinct(std::vector<double> values, double ratio) {
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  for (const double value : values) {
    if (result.empty() || value > result.back() * ratio) result.push_back(value);
  }
  return result;
}

/// At most `n` of them, those nearest to a geometric grid.
std::vector<double> thinned(const std::vector<double>& values, std::size_t n) {
  if (values.size() <= n) return values;
  std::vector<double> result;
  const double step = std::pow(values.back() / values.front(), 1 / static_cast<double>(n - 1));
  for (std::size_t i = 0; i < n; ++i) {
    const double at = values.front() * std::pow(step, static_cast<double>(i));
    result.push_back(*std::min_element(values.begin(), values.end(), [&](double a, double b) {
      return std::abs(std::log(a / at)) < std::abs(std::log(b / at));
    }));
  }
  return distinct(std::move(result), kSameSize);
}

}  // namespace

std::vector<double> candidate_budgets(std::vector<double> budgets) {
  std::vector<double> all = distinct(std::move(budgets), kSameBudget);
  if (all.size() > kMostBudgets) all = thinned(all, kMostBudgets);
  if (all.size() < 2) return all;
  std::vector<double> result = all;
  for (std::size_t i = 1; i < all.size(); ++i) result.push_back(std::sqrt(all[i - 1] * all[i]));
  const std::size_t last = all.size() - 1;
  result.push_back(all[0] * all[0] / all[1]);
  result.push_back(all[last] * all[last] / all[last - 1]);
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<CandidateRun> candidates_from(const PointSet& points, LossLaw::Scale scale) {
  constexpr std::size_t kMostSizes = 40;
  const std::vector<BudgetGroup> groups = group_by_budget(points, scale);
  std::vector<double> budgets, sizes;
  const std::vector<Sample> samples = surface_samples(groups);
  for (const BudgetGroup& group : groups) budgets.push_back(group.budget);
  for (const Sample& sample : samples) sizes.push_back(sample.scale);
  const double k = flops_factor(samples);
  const LossLaw law = fit_loss_law(loss_samples(samples), {.scale = scale}).law;
  const bool has_optimum = law.a > 0 && law.b > 0;
  sizes = thinned(distinct(std::move(sizes), kSameSize), kMostSizes);

  std::vector<CandidateRun> candidates;
  for (const double budget : candidate_budgets(budgets)) {
    const double centre =
        has_optimum ? optimal_allocation(law).flops_per_token(budget) / law.flops_factor() : 0;
    for (const double size : sizes) {
      const double off = std::abs(std::log(size / centre));
      if (has_optimum && off > std::log(kHalfWidth)) continue;
      const double tokens = budget / (k * size);
      const bool done = std::any_of(samples.begin(), samples.end(), [&](const Sample& sample) {
        return std::abs(std::log(sample.scale / size)) < std::log(kSameSize) &&
               std::abs(std::log(sample.compute / budget)) < std::log(kSameBudget);
      });
      if (done) continue;
      candidates.push_back(
          {.budget = budget, .compute = budget, .scale = size, .tokens = tokens, .cost = budget});
    }
  }
  return candidates;
}

double least_tokens_per_scale(const PointSet& points, LossLaw::Scale scale) {
  constexpr double kShare = 0.5;
  double least = std::numeric_limits<double>::infinity();
  for (const Sample& sample : samples_of(points, scale)) {
    least = std::min(least, sample.tokens / sample.scale);
  }
  return kShare * least;
}

}  // namespace isoflop
