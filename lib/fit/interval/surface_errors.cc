// SPDX-License-Identifier: Apache-2.0
// Independent runs have one noise, pooled over what is left of each budget's residuals once a level
// and a shift are taken off, or over all residuals where there are no budgets. Runs of one unit may
// err together in any way: their part is read off the residuals by unit (clustered_errors.h), with
// as many degrees of freedom as the units leave. Huber's function makes noise count for more by
// its asymptotic relative efficiency (Huber, Annals of Mathematical Statistics 35, 1964). The
// probability of Student's t is averaged over the confidence distribution of tau.
#include "fit/interval/surface_errors.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/distributions.h"
#include "stats/find_root.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr int kWidthHalvings = 40;  // of brackets of half-widths
constexpr double kLeastDof = 3;

double inefficiency_of(const ParametricFit& fit, const Linearised& line,
                       std::span<const Sample> samples) {
  if (fit.objective == ObjectiveKind::mse) return 1;
  const auto n = static_cast<double>(samples.size());
  double loss = 0;
  for (const Sample& sample : samples) loss += sample.metric / n;
  const double delta = fit.objective == ObjectiveKind::huber ? fit.delta / loss : fit.delta;
  const double sd = line.residual.norm() / std::sqrt(std::max(1.0, n - 5));
  return sd > 0 ? huber_inefficiency(delta / sd) : 1;
}

BudgetRows rows_by_budget(std::span<const Sample> samples) {
  BudgetRows budgets;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (!samples[i].of_curve) continue;
    budgets[samples[i].group].push_back(static_cast<Eigen::Index>(i));
  }
  return budgets;
}

}  // namespace

std::optional<SurfaceErrors> SurfaceErrors::of(const ParametricFit& fit, const Linearised& line,
                                               std::span<const Sample> samples,
                                               const ErrorUnits& units) {
  SurfaceErrors errors(fit, line, samples, units);
  if (errors.dof_ < kLeastDof) return std::nullopt;
  return errors;
}

SurfaceErrors::SurfaceErrors(const ParametricFit& fit, const Linearised& line,
                             std::span<const Sample> samples, const ErrorUnits& units)
    : slide_(line.slide),
      budgets_(rows_by_budget(samples)),
      shifts_(line, budgets_, samples),
      tau_squared_(shifts_.tau_squared_nodes()),
      inefficiency_(units.are_shared() ? 1 : inefficiency_of(fit, line, samples)),
      noise_variance_(shifts_.noise_variance()),
      dof_(shifts_.dof()),
      inverse_(pseudo_inverse(line.jacobian)) {
  if (shifts_.n_budgets() < 3) {
    const Eigen::VectorXd left = line.residual - line.jacobian * (inverse_ * line.residual);
    dof_ = static_cast<double>(samples.size()) - 5;
    noise_variance_ = dof_ > 0 ? left.squaredNorm() / dof_ : 0;
  }
  if (units.are_shared()) clusters_.emplace(line.jacobian, line.residual, units.units);
}

ClusteredErrors::Variance SurfaceErrors::noise_of(const Eigen::VectorXd& influence) const {
  if (clusters_) return clusters_->variance_of(influence);
  return {noise_variance_ * influence.squaredNorm(), dof_};
}

double SurfaceErrors::half_width(const Eigen::Matrix<double, 5, 1>& gradient,
                                 double further) const {
  const Eigen::VectorXd influence = inverse_.transpose() * gradient;
  double of_shifts = further;
  for (const auto& [group, rows] : budgets_) {
    double sum = 0;
    for (const Eigen::Index i : rows) sum += influence[i] * slide_[i];
    of_shifts += sum * sum;
  }
  const ClusteredErrors::Variance noise = noise_of(influence);
  if (!(noise.dof > 0)) return std::numeric_limits<double>::infinity();
  return mixture_quantile(inefficiency_ * noise.value, of_shifts, noise.dof);
}

double SurfaceErrors::reach(const Eigen::Matrix<double, 5, 1>& gradient) const {
  return (inverse_.transpose() * gradient).norm();
}

double SurfaceErrors::noise() const { return std::sqrt(noise_variance_); }
double SurfaceErrors::tau() const { return std::sqrt(shifts_.tau_squared()); }

// The w with P(|t| sd <= w) = 0.9 on average over tau.
double SurfaceErrors::mixture_quantile(double of_noise, double of_shifts, double dof) const {
  const auto inside = [&](double w) {
    double sum = 0;
    for (const double tau_squared : tau_squared_) {
      const double sd = std::sqrt(of_noise + tau_squared * of_shifts);
      sum += sd > 0 ? central_t_probability(w / sd, dof) : 1;
    }
    return sum / static_cast<double>(tau_squared_.size());
  };
  if (inside(0) >= 0.9) return 0;
  double high = t90(dof) * std::sqrt(of_noise);
  if (!(high > 0)) high = 1e-12;
  while (inside(high) < 0.9) high *= 2;
  return find_root(0, high, kWidthHalvings, [&](double w) { return inside(w) - 0.9; });
}

}  // namespace isoflop
