// SPDX-License-Identifier: Apache-2.0
// Levenberg and Marquardt with exact slopes; an E that would fall below 0 is held there while the
// sum of squares rises with it. Coefficients and exponents are fitted as logarithms.
#include "fit/forms/joint_model.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/linear_algebra.h"

namespace isoflop {
namespace {

constexpr int kMostSteps = 500;
constexpr double kMostDamping = 1e14;
constexpr double kLastGain = 1e-15;  // relative

struct Linear {
  Eigen::VectorXd residuals;
  Eigen::MatrixXd jacobian;
};

Linear linearise(const std::vector<JointRun>& runs, const JointLayout& layout,
                 const Eigen::VectorXd& theta) {
  const auto n = static_cast<Eigen::Index>(runs.size());
  Linear line{Eigen::VectorXd(n), Eigen::MatrixXd::Zero(n, theta.size())};
  for (Eigen::Index i = 0; i < n; ++i) {
    const JointRun& run = runs[static_cast<std::size_t>(i)];
    const Eigen::Index g = run.group;
    const double alpha = std::exp(theta[layout.alpha(g)]);
    const double beta = std::exp(theta[layout.beta(g)]);
    const double size = std::exp(theta[layout.size_term(g)] - alpha * run.u);
    const double data = std::exp(theta[layout.data_term(g)] - beta * run.v);
    const double loss = theta[layout.floor(g)] + size + data;
    line.residuals[i] = std::log(loss) - run.log_loss;
    line.jacobian(i, layout.floor(g)) = 1 / loss;
    line.jacobian(i, layout.size_term(g)) = size / loss;
    line.jacobian(i, layout.data_term(g)) = data / loss;
    line.jacobian(i, layout.alpha(g)) = -size * alpha * run.u / loss;
    line.jacobian(i, layout.beta(g)) = -data * beta * run.v / loss;
  }
  return line;
}

/// Floors at 0 whose squares would fall below it have no column.
std::vector<Eigen::Index> free_columns(const JointLayout& layout, const Eigen::VectorXd& theta,
                                       const Linear& line) {
  std::vector<Eigen::Index> free;
  for (Eigen::Index i = 0; i < theta.size(); ++i) {
    const bool is_floor = i < layout.size_term(0);
    const double slope = line.jacobian.col(i).dot(line.residuals);
    if (!is_floor || theta[i] > 0 || slope < 0) free.push_back(i);
  }
  return free;
}

Eigen::MatrixXd columns_of(const Eigen::MatrixXd& matrix, const std::vector<Eigen::Index>& which) {
  Eigen::MatrixXd columns(matrix.rows(), static_cast<Eigen::Index>(which.size()));
  for (std::size_t j = 0; j < which.size(); ++j) {
    columns.col(static_cast<Eigen::Index>(j)) = matrix.col(which[j]);
  }
  return columns;
}

/// -(J'J + damping D)^-1 J'r, D the diagonal of J'J, by QR.
Eigen::VectorXd damped_step(const Eigen::MatrixXd& jacobian, const Eigen::VectorXd& residuals,
                            double damping) {
  const Eigen::Index p = jacobian.cols();
  Eigen::MatrixXd rows(jacobian.rows() + p, p);
  rows << jacobian, Eigen::MatrixXd((std::sqrt(damping) * jacobian.colwise().norm()).asDiagonal());
  Eigen::VectorXd right = Eigen::VectorXd::Zero(rows.rows());
  right.head(residuals.size()) = -residuals;
  return least_squares(rows, right).solution.col(0);
}

double squares_at(const std::vector<JointRun>& runs, const JointLayout& layout,
                  const Eigen::VectorXd& theta) {
  const double squares = linearise(runs, layout, theta).residuals.squaredNorm();
  return std::isfinite(squares) ? squares : std::numeric_limits<double>::infinity();
}

Eigen::VectorXd moved(const JointLayout& layout, Eigen::VectorXd theta,
                      const std::vector<Eigen::Index>& free, const Eigen::VectorXd& step) {
  for (std::size_t j = 0; j < free.size(); ++j)
    theta[free[j]] += step[static_cast<Eigen::Index>(j)];
  for (Eigen::Index i = 0; i < layout.size_term(0); ++i) theta[i] = std::max(theta[i], 0.0);
  return theta;
}

JointOptimum descend_from(const std::vector<JointRun>& runs, const JointLayout& layout,
                          Eigen::VectorXd theta) {
  JointOptimum end;
  end.squares = squares_at(runs, layout, theta);
  double damping = 1e-2;
  for (int i = 0; i < kMostSteps && !end.converged && damping < kMostDamping; ++i) {
    const Linear line = linearise(runs, layout, theta);
    const std::vector<Eigen::Index> free = free_columns(layout, theta, line);
    const Eigen::MatrixXd jacobian = columns_of(line.jacobian, free);
    const Eigen::VectorXd next =
        moved(layout, theta, free, damped_step(jacobian, line.residuals, damping));
    const double squares = squares_at(runs, layout, next);
    if (squares <= end.squares) {
      end.converged = end.squares - squares <= kLastGain * end.squares;
      theta = next;
      end.squares = squares;
      damping = std::max(0.1 * damping, 1e-15);
    } else {
      damping *= 5;
    }
  }
  // Where no damped step lowers the squares any more, their rounding is reached.
  end.converged = end.converged || damping >= kMostDamping;
  end.theta = theta;
  return end;
}

void set_covariance(const std::vector<JointRun>& runs, const JointLayout& layout,
                    JointOptimum& end) {
  const Linear line = linearise(runs, layout, end.theta);
  const std::vector<Eigen::Index> free = free_columns(layout, end.theta, line);
  end.n_free = static_cast<Eigen::Index>(free.size());
  const Eigen::MatrixXd unit =
      least_squares(columns_of(line.jacobian, free), line.residuals).unit_covariance;
  end.covariance = Eigen::MatrixXd::Zero(end.theta.size(), end.theta.size());
  for (std::size_t i = 0; i < free.size(); ++i) {
    for (std::size_t j = 0; j < free.size(); ++j) {
      end.covariance(free[i], free[j]) =
          unit(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    }
  }
}

/// 0.6 of the lowest loss is E, two equal terms make the rest of each group's mean.
Eigen::VectorXd start_at(const std::vector<JointRun>& runs, const JointLayout& layout, double alpha,
                         double beta) {
  double lowest = std::numeric_limits<double>::infinity();
  std::vector<double> sums(static_cast<std::size_t>(layout.n_groups), 0);
  std::vector<double> counts(sums.size(), 0);
  for (const JointRun& run : runs) {
    lowest = std::min(lowest, std::exp(run.log_loss));
    sums[static_cast<std::size_t>(run.group)] += std::exp(run.log_loss);
    counts[static_cast<std::size_t>(run.group)] += 1;
  }
  Eigen::VectorXd theta(layout.size());
  for (Eigen::Index g = 0; g < layout.n_groups; ++g) {
    const auto i = static_cast<std::size_t>(g);
    theta[layout.floor(g)] = 0.6 * lowest;
    theta[layout.size_term(g)] = theta[layout.data_term(g)] =
        std::log(0.5 * (sums[i] / counts[i] - 0.6 * lowest));
    theta[layout.alpha(g)] = std::log(alpha);
    theta[layout.beta(g)] = std::log(beta);
  }
  return theta;
}

}  // namespace

JointOptimum fit_joint_model(const std::vector<JointRun>& runs, const JointLayout& layout) {
  JointOptimum best;
  best.squares = std::numeric_limits<double>::infinity();
  for (const double alpha : {0.12, 0.35, 0.9}) {
    for (const double beta : {0.12, 0.35, 0.9}) {
      const JointOptimum end = descend_from(runs, layout, start_at(runs, layout, alpha, beta));
      if (end.squares < best.squares) best = end;
    }
  }
  if (best.theta.size() > 0) set_covariance(runs, layout, best);
  return best;
}

}  // namespace isoflop
