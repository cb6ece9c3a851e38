// SPDX-License-Identifier: Apache-2.0
// With e the relative errors of the runs of a curve, M e its residuals and K_ab = 1 where a run of
// curve a and one of b are of one trunk: if a share s of the variance sigma^2 is common, E[(M_a
// e_a)' K_ab (M_b e_b)] = s sigma^2 |M_a K_ab M_b|^2 (Frobenius). s is the ratio of the sums over
// pairs of curves, cut off at 0 and 1, with sigma pooled over the parabolas. ln N* errs by g'e,
// which gives the minima the correlation s g_a' K_ab g_b / (|g_a| |g_b|). One sweep knows s to
// about 0.2; at s = 0.5 the correlation brings the coverage of the exponent from 86.8 to 89.3 %
// (decision 12).
#include "fit/valley/trunk_noise.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "fit/valley/parabola.h"

namespace isoflop {
namespace {

/// Of trunks that enter two valleys or more.
std::int64_t count_shared(std::span<const ValleyErrors> valleys) {
  std::map<std::string, std::set<std::size_t>> valleys_of;
  for (std::size_t v = 0; v < valleys.size(); ++v) {
    for (const std::string& trunk : valleys[v].trunks) valleys_of[trunk].insert(v);
  }
  return std::count_if(valleys_of.begin(), valleys_of.end(), [](const auto& entry) {
    return !entry.first.empty() && entry.second.size() > 1;
  });
}

/// What one trunk's runs in a valley add up to.
struct TrunkSums {
  double n = 0, influence = 0, residual = 0;
  Eigen::RowVectorXd basis;  // of the rows of ValleyErrors::basis
};

/// By trunk; a run without one is none.
std::map<std::string, TrunkSums> sums_by_trunk(const ValleyErrors& errors) {
  std::map<std::string, TrunkSums> sums;
  for (std::size_t i = 0; i < errors.trunks.size(); ++i) {
    if (errors.trunks[i].empty()) continue;
    const auto row = static_cast<Eigen::Index>(i);
    TrunkSums& trunk = sums[errors.trunks[i]];
    if (trunk.n == 0) trunk.basis = Eigen::RowVectorXd::Zero(errors.basis.cols());
    ++trunk.n;
    trunk.influence += errors.influence[row];
    trunk.residual += errors.residuals[row];
    trunk.basis += errors.basis.row(row);
  }
  return sums;
}

/// For e of variance 1 that trunks have in common: the covariance of two minima, what the products
/// of residuals K_ab are and what they are expected to be.
struct Shared {
  double covariance = 0, products = 0, expected = 0;
};

// With n the runs of a trunk in a valley and m the sums of its rows of Q, |M_a K M_b|^2 is
// sum n_a n_b - sum n_b m_a' m_a - sum n_a m_b' m_b + |sum m_a m_b'|^2, over the trunks of both.
Shared shared_between(const std::map<std::string, TrunkSums>& one,
                      const std::map<std::string, TrunkSums>& other) {
  Shared shared;
  Eigen::MatrixXd of_both;
  for (const auto& [name, a] : one) {
    const auto found = other.find(name);
    if (found == other.end()) continue;
    const TrunkSums& b = found->second;
    shared.covariance += a.influence * b.influence;
    shared.products += a.residual * b.residual;
    if (of_both.size() == 0) of_both = Eigen::MatrixXd::Zero(a.basis.size(), b.basis.size());
    of_both += a.basis.transpose() * b.basis;
    shared.expected += a.n * b.n - b.n * a.basis.squaredNorm() - a.n * b.basis.squaredNorm();
  }
  shared.expected += of_both.squaredNorm();
  return shared;
}

/// Of a minimum, if all noise were common to trunks.
double common_variance(const ValleyErrors& errors, const std::map<std::string, TrunkSums>& sums) {
  double variance = 0;
  for (std::size_t i = 0; i < errors.trunks.size(); ++i) {
    if (errors.trunks[i].empty()) {
      variance += std::pow(errors.influence[static_cast<Eigen::Index>(i)], 2);
    }
  }
  for (const auto& [name, trunk] : sums) variance += trunk.influence * trunk.influence;
  return variance;
}

}  // namespace

std::optional<TrunkNoise> trunk_noise(std::span<const BudgetGroup> curves,
                                      std::span<const Valley> valleys) {
  std::vector<ValleyErrors> errors;
  for (std::size_t i = 0; i < valleys.size(); ++i) {
    if (valleys[i].usable()) errors.push_back(errors_of(curves[i], valleys[i]));
  }
  TrunkNoise noise;
  noise.n_trunks = count_shared(errors);
  if (noise.n_trunks == 0) return std::nullopt;

  const auto n = static_cast<Eigen::Index>(errors.size());
  std::vector<std::map<std::string, TrunkSums>> sums;
  sums.reserve(errors.size());
  for (const ValleyErrors& valley : errors) sums.push_back(sums_by_trunk(valley));
  Eigen::MatrixXd correlation(n, n);  // if all noise were common
  double products = 0, expected = 0;
  for (Eigen::Index a = 0; a < n; ++a) {
    const auto one = static_cast<std::size_t>(a);
    const double norm = errors[one].influence.norm();
    correlation(a, a) = common_variance(errors[one], sums[one]) / (norm * norm);
    for (Eigen::Index b = 0; b < a; ++b) {
      const auto other = static_cast<std::size_t>(b);
      const Shared shared = shared_between(sums[one], sums[other]);
      correlation(a, b) = correlation(b, a) =
          shared.covariance / (norm * errors[other].influence.norm());
      products += shared.products;
      expected += shared.expected;
    }
  }
  const double variance = std::pow(pooled_noise(valleys), 2) * expected;
  noise.share = variance > 0 ? std::clamp(products / variance, 0.0, 1.0) : 0;
  correlation *= noise.share;
  correlation.diagonal().array() += 1 - noise.share;
  noise.correlation.assign(correlation.data(), correlation.data() + correlation.size());
  return noise;
}

}  // namespace isoflop
