// SPDX-License-Identifier: Apache-2.0
// ln rho_N,i = (ln A_1 - ln A_i) / alpha, and likewise for tokens: intervals by the delta method in
// these logarithms. The F test takes two exponents a group more away from the same least squares.
#include <cmath>

#include "fit/forms/joint_model.h"
#include "fit/points/curves.h"
#include "fit/points/settings.h"
#include "isoflop/error.h"
#include "isoflop/forms.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr std::size_t kLeastRuns = 5;  // of a group
constexpr std::int64_t kLeastResidualDof = 3;

void require_comparable(std::span<const JointGroup> groups) {
  if (groups.size() < 2) {
    throw Error(
        ErrorCode::invalid_argument,
        "shared exponents need two sets of points or more, got " + std::to_string(groups.size()));
  }
  for (const JointGroup& group : groups.subspan(1)) {
    Frame frame = group.points.frame;
    frame.dataset = groups.front().points.frame.dataset;
    require_same_frame(groups.front().points.frame, frame, group.name);
  }
}

struct JointRuns {
  std::vector<JointRun> runs;
  std::vector<std::int64_t> counts;
  double log_size0 = 0, log_tokens0 = 0;
};

JointRuns joint_runs(std::span<const JointGroup> groups, LossLaw::Scale scale) {
  JointRuns all;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<Sample> samples = surface_samples(group_by_budget(groups[g].points, scale));
    if (samples.size() < kLeastRuns) {
      throw Error(ErrorCode::invalid_argument, groups[g].name + ": " +
                                                   std::to_string(samples.size()) +
                                                   " runs; shared exponents need at least " +
                                                   std::to_string(kLeastRuns) + " of each");
    }
    all.counts.push_back(static_cast<std::int64_t>(samples.size()));
    for (const Sample& sample : samples) {
      all.runs.push_back({static_cast<Eigen::Index>(g), std::log(sample.scale),
                          std::log(sample.tokens), std::log(sample.metric)});
    }
  }
  for (const JointRun& run : all.runs) {
    all.log_size0 += run.u / static_cast<double>(all.runs.size());
    all.log_tokens0 += run.v / static_cast<double>(all.runs.size());
  }
  for (JointRun& run : all.runs) {
    run.u -= all.log_size0;
    run.v -= all.log_tokens0;
  }
  return all;
}

/// Numbers of the optimum with their intervals.
class Reading {
 public:
  Reading(const JointOptimum& optimum, double variance, double t)
      : optimum_(optimum), variance_(variance), t_(t) {}

  [[nodiscard]] JointNumber level(Eigen::Index i) const {
    const double value = optimum_.theta[i];
    return {value, around(value, half_width(Eigen::VectorXd::Unit(optimum_.theta.size(), i)))};
  }
  /// Of a value whose logarithm has this gradient.
  [[nodiscard]] JointNumber power(double logarithm, const Eigen::VectorXd& gradient) const {
    return {std::exp(logarithm), around_log(logarithm, half_width(gradient))};
  }

 private:
  [[nodiscard]] double half_width(const Eigen::VectorXd& gradient) const {
    return t_ * std::sqrt(variance_ * gradient.dot(optimum_.covariance * gradient));
  }

  const JointOptimum& optimum_;
  double variance_, t_;
};

/// A or B at size or tokens 1: ln A = ln A' + alpha ln N0.
JointNumber coefficient(const Reading& reading, const Eigen::VectorXd& theta, Eigen::Index term,
                        Eigen::Index exponent, double log0) {
  const double power = std::exp(theta[exponent]);
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(theta.size());
  gradient[term] = 1;
  gradient[exponent] = power * log0;
  return reading.power(theta[term] + power * log0, gradient);
}

JointNumber worth(const Reading& reading, const Eigen::VectorXd& theta, Eigen::Index first,
                  Eigen::Index own, Eigen::Index exponent) {
  const double power = std::exp(theta[exponent]);
  const double ln_rho = (theta[first] - theta[own]) / power;
  if (first == own) return {.value = 1, .interval = {.low = 1, .high = 1}};
  Eigen::VectorXd gradient = Eigen::VectorXd::Zero(theta.size());
  gradient[first] = 1 / power;
  gradient[own] = -1 / power;
  gradient[exponent] = -ln_rho;
  return reading.power(ln_rho, gradient);
}

void set_test(const JointRuns& all, JointLayout layout, const JointOptimum& shared, JointFit& fit) {
  layout.shared_exponents = false;
  fit.dof_exponents = 2 * (layout.n_groups - 1);
  fit.dof_residual = fit.n_points - layout.size();
  if (fit.dof_residual < kLeastResidualDof) return;
  const JointOptimum own = fit_joint_model(all.runs, layout);
  if (!own.converged || !(own.squares > 0)) return;
  const auto dof_exponents = static_cast<double>(fit.dof_exponents);
  const auto dof_residual = static_cast<double>(fit.dof_residual);
  const double gain = std::max(0.0, shared.squares - own.squares);
  fit.f = gain / dof_exponents / (own.squares / dof_residual);
  fit.p = f_upper_tail(*fit.f, dof_exponents, dof_residual);
}

}  // namespace

JointFit fit_jointly(std::span<const JointGroup> groups, const JointOptions& options) {
  require_comparable(groups);
  const JointRuns all = joint_runs(groups, options.scale);
  const JointLayout layout{.n_groups = static_cast<Eigen::Index>(groups.size()),
                           .shared_floor = options.shared_floor};
  JointFit fit;
  fit.shared_floor = options.shared_floor;
  fit.n_points = static_cast<std::int64_t>(all.runs.size());
  fit.n_parameters = layout.size();
  if (fit.n_points - fit.n_parameters < kLeastResidualDof) return fit;
  const JointOptimum optimum = fit_joint_model(all.runs, layout);
  fit.status = optimum.converged ? FitStatus::ok : FitStatus::not_converged;
  if (optimum.theta.size() == 0) return fit;

  const auto dof = static_cast<double>(fit.n_points - optimum.n_free);
  const double variance = optimum.squares / dof;
  fit.residual_sd = std::sqrt(variance);
  const Reading reading(optimum, variance, t90(dof));
  const Eigen::VectorXd& theta = optimum.theta;
  const Eigen::Index alpha = layout.alpha(0);
  const Eigen::Index beta = layout.beta(0);
  fit.alpha = reading.power(theta[alpha], Eigen::VectorXd::Unit(theta.size(), alpha));
  fit.beta = reading.power(theta[beta], Eigen::VectorXd::Unit(theta.size(), beta));
  fit.a = coefficient(reading, theta, layout.size_term(0), alpha, all.log_size0);
  fit.b = coefficient(reading, theta, layout.data_term(0), beta, all.log_tokens0);
  for (Eigen::Index g = 0; g < layout.n_groups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    fit.groups.push_back(
        {.name = groups[i].name,
         .n_points = all.counts[i],
         .irreducible = reading.level(layout.floor(g)),
         .rho_size = worth(reading, theta, layout.size_term(0), layout.size_term(g), alpha),
         .rho_tokens = worth(reading, theta, layout.data_term(0), layout.data_term(g), beta)});
  }
  set_test(all, layout, optimum, fit);
  return fit;
}

}  // namespace isoflop
