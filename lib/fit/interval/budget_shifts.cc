// SPDX-License-Identifier: Apache-2.0
// Q(tau^2), the weighted squares of the shifts about a line in ln C, falls with tau^2. Set to its
// expectation k - 2 it gives tau^2 by moments, set to the quantiles of (k - 2) F(k - 2, dof) its
// confidence distribution.
#include "fit/interval/budget_shifts.h"

#include <cmath>

#include "stats/distributions.h"
#include "stats/find_root.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr int kTauNodes = 64;
constexpr int kHalvings = 40;              // of brackets of tau^2
constexpr std::size_t kFewestInShift = 4;  // points of a budget: two for its level and shift

}  // namespace

BudgetShifts::BudgetShifts(const Linearised& line, const BudgetRows& budgets,
                           std::span<const Sample> samples) {
  double sum = 0;
  for (const auto& [group, rows] : budgets) {
    if (rows.size() < kFewestInShift) continue;
    const auto n = static_cast<double>(rows.size());
    double slide = 0, residual = 0, log_compute = 0;
    for (const Eigen::Index i : rows) {
      slide += line.slide[i] / n;
      residual += line.residual[i] / n;
      log_compute += std::log(samples[static_cast<std::size_t>(i)].compute) / n;
    }
    double spread = 0, product = 0;
    for (const Eigen::Index i : rows) {
      spread += std::pow(line.slide[i] - slide, 2);
      product += (line.slide[i] - slide) * (line.residual[i] - residual);
    }
    if (!(spread > 0)) continue;
    const double shift = product / spread;
    for (const Eigen::Index i : rows) {
      sum += std::pow(line.residual[i] - residual - shift * (line.slide[i] - slide), 2);
    }
    dof_ += n - 2;
    shifts_.push_back({log_compute, shift, 1 / spread});
  }
  if (dof_ > 0) noise_variance_ = sum / dof_;
}

double BudgetShifts::scatter(double tau_squared) const {
  Eigen::Matrix2d normal = Eigen::Matrix2d::Zero();
  Eigen::Vector2d right = Eigen::Vector2d::Zero();
  double squares = 0;
  for (const Shift& budget : shifts_) {
    const double w = 1 / (noise_variance_ * budget.variance + tau_squared);
    const Eigen::Vector2d x(1, budget.log_compute - shifts_.front().log_compute);
    normal += w * x * x.transpose();
    right += w * budget.shift * x;
    squares += w * budget.shift * budget.shift;
  }
  return squares - right.dot(solve_symmetric(normal, right).x.col(0));
}

double BudgetShifts::tau_squared_of(double target) const {
  if (scatter(0) <= target) return 0;
  double high = 1e-8;
  while (scatter(high) > target) high *= 4;
  const double low = high > 1e-8 ? high / 4 : 0;
  return find_root(low, high, kHalvings, [&](double x) { return scatter(x) - target; });
}

double BudgetShifts::tau_squared() const {
  return n_budgets() > 2 ? tau_squared_of(static_cast<double>(n_budgets()) - 2) : 0;
}

std::vector<double> BudgetShifts::tau_squared_nodes() const {
  const double between = static_cast<double>(n_budgets()) - 2;
  if (!(between > 0)) return {0.0};
  std::vector<double> nodes;
  for (int i = 0; i < kTauNodes; ++i) {
    const double p = (i + 0.5) / kTauNodes;
    nodes.push_back(tau_squared_of(between * f_quantile(p, between, dof_)));
  }
  return nodes;
}

}  // namespace isoflop
