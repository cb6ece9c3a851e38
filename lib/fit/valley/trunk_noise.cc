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

/// 1 where two runs are of one trunk or the same, else 0.
Eigen::MatrixXd common_runs(const ValleyErrors& a, const ValleyErrors& b) {
  Eigen::MatrixXd common(a.influence.size(), b.influence.size());
  for (std::size_t i = 0; i < a.trunks.size(); ++i) {
    for (std::size_t j = 0; j < b.trunks.size(); ++j) {
      const bool one_trunk = !a.trunks[i].empty() && a.trunks[i] == b.trunks[j];
      common(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          one_trunk || (&a == &b && i == j) ? 1 : 0;
    }
  }
  return common;
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
  Eigen::MatrixXd correlation(n, n);  // if all noise were common
  double products = 0, expected = 0;
  for (Eigen::Index a = 0; a < n; ++a) {
    for (Eigen::Index b = 0; b <= a; ++b) {
      const ValleyErrors& one = errors[static_cast<std::size_t>(a)];
      const ValleyErrors& other = errors[static_cast<std::size_t>(b)];
      const Eigen::MatrixXd common = common_runs(one, other);
      correlation(a, b) = correlation(b, a) = one.influence.dot(common * other.influence) /
                                              (one.influence.norm() * other.influence.norm());
      if (a == b) continue;
      products += one.residuals.dot(common * other.residuals);
      expected += (one.annihilator * common * other.annihilator).squaredNorm();
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
