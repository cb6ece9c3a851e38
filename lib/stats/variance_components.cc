// SPDX-License-Identifier: Apache-2.0
// -2 ln of the restricted likelihood at ratio rho = tau^2 / noise^2, V = I + rho g g' within a
// budget: (n - p) ln s^2 + S / s^2 + ln|V| + ln|X' V^-1 X + floor^2 P|, s^2 = S / (n - p) or the
// floor's square if that is more. V is I and a term of rank one in each budget, so that a ratio
// costs sums over budgets. The prior P is weighed at the noise floor, which leaves s^2 in closed
// form. ln rho on a grid from -2 to 18, golden section about the best, and tau = 0 where no ratio
// is more likely.
#include "stats/variance_components.h"

#include <algorithm>
#include <cmath>

#include "stats/golden_section.h"
#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

/// Sums over the points of one budget: what V^-1 takes away there is
/// (ratio / (1 + ratio g.g)) (g.a)(g.b), by Sherman and Morrison.
struct BudgetSums {
  double gg = 0, gr = 0;
  Eigen::VectorXd gx;
};

struct Sums {
  Eigen::MatrixXd xx;
  Eigen::VectorXd xr;
  double rr = 0;
  std::vector<BudgetSums> budgets;
};

Sums sums_of(const LinearModel& model) {
  Sums sums;
  sums.xx = model.columns.transpose() * model.columns;
  sums.xr = model.columns.transpose() * model.response;
  sums.rr = model.response.squaredNorm();
  for (Eigen::Index i = 0; i < model.response.size(); ++i) {
    const std::size_t budget = model.budget[static_cast<std::size_t>(i)];
    while (sums.budgets.size() <= budget) {
      sums.budgets.push_back({0, 0, Eigen::VectorXd::Zero(model.columns.cols())});
    }
    BudgetSums& of_budget = sums.budgets[budget];
    const double g = model.shift[i];
    of_budget.gg += g * g;
    of_budget.gr += g * model.response[i];
    of_budget.gx += g * model.columns.row(i).transpose();
  }
  return sums;
}

/// The same with V / noise^2 = I + ratio g g^T in between.
struct WeightedSums {
  Eigen::MatrixXd xx;
  Eigen::VectorXd xr;
  double rr = 0, ln_determinant = 0;
};

WeightedSums weighted(const Sums& sums, double ratio) {
  WeightedSums result{sums.xx, sums.xr, sums.rr, 0};
  for (const BudgetSums& budget : sums.budgets) {
    const double c = ratio / (1 + ratio * budget.gg);
    result.xx.noalias() -= c * budget.gx * budget.gx.transpose();
    result.xr -= c * budget.gr * budget.gx;
    result.rr -= c * budget.gr * budget.gr;
    result.ln_determinant += std::log1p(ratio * budget.gg);
  }
  return result;
}

struct Restricted {
  double misfit = 0;  // -2 log likelihood
  double noise = 0;
};

Restricted restricted_likelihood(const Sums& sums, double ratio, const LinearModel& model,
                                 double noise_floor) {
  WeightedSums w = weighted(sums, ratio);
  w.xx.diagonal() += noise_floor * noise_floor * model.prior_precision;
  const SymmetricSolution solution = solve_symmetric(w.xx, w.xr);
  const auto dof = static_cast<double>(model.response.size() - model.columns.cols());
  const double squares = std::max(0.0, w.rr - w.xr.dot(solution.x.col(0)));
  const double variance = std::max(noise_floor * noise_floor, squares / dof);
  return {
      dof * std::log(variance) + squares / variance + w.ln_determinant + solution.ln_determinant,
      std::sqrt(variance)};
}

}  // namespace

double weighted_square(const LinearModel& model, const Eigen::VectorXd& v,
                       const Variances& variances) {
  LinearModel alone = model;
  alone.response = v;
  const double square = variances.noise * variances.noise;
  return weighted(sums_of(alone), variances.tau * variances.tau / square).rr / square;
}

Eigen::VectorXd solve(const LinearModel& model, const Variances& variances) {
  const double square = variances.noise * variances.noise;
  WeightedSums w = weighted(sums_of(model), variances.tau * variances.tau / square);
  w.xx /= square;
  w.xr /= square;
  w.xx.diagonal() += model.prior_precision;
  w.xr -= model.prior_precision.cwiseProduct(model.prior_offset);
  return solve_symmetric(w.xx, w.xr).x;
}

Variances estimate_variances(const LinearModel& model, double noise_floor) {
  if (model.response.size() <= model.columns.cols()) return {noise_floor, 0};
  const Sums sums = sums_of(model);
  // The slope of a curve is about 0.05 where its runs are: tau = 1 is a ratio of 1e6 at sigma 1e-3.
  constexpr double kLeast = -2, kMost = 18, kStep = 0.5;  // of ln ratio
  const auto at = [&](double ln_ratio) {
    return restricted_likelihood(sums, std::exp(ln_ratio), model, noise_floor);
  };
  double best = kLeast;
  for (double x = kLeast; x <= kMost; x += kStep) {
    if (at(x).misfit < at(best).misfit) best = x;
  }
  const Restricted none = restricted_likelihood(sums, 0, model, noise_floor);
  if (none.misfit <= at(best).misfit) return {none.noise, 0};
  const double ln_ratio =
      golden_section(best - kStep, best + kStep, 1e-4, [&](double x) { return at(x).misfit; });
  const double noise = at(ln_ratio).noise;
  return {noise, noise * std::exp(ln_ratio / 2)};
}

}  // namespace isoflop
