// SPDX-License-Identifier: Apache-2.0
// The curvature is the majorant's Hessian (J'WJ) over the parameters that are not held, scaled to a
// unit diagonal: its condition number, and the correlations of its inverse. gradient_norm is the
// largest |g_i theta_i| over the objective. Beside them: profiles of E and a, the optima for delta
// 1e-4, 1e-3, 1e-2 and squares, and the median over octaves of size of the ratio of most to fewest
// tokens.
#include "fit/surface/surface_diagnostics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <Eigen/Core>

#include "fit/surface/loss_search.h"
#include "fit/surface/surface_profile.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

void set_curvature(const LossObjective& objective, const SurfaceVector& optimum,
                   SurfaceDiagnostics& result) {
  SurfaceDerivatives derivatives;
  objective.majorant(optimum, derivatives);
  std::vector<std::size_t> free;
  for (std::size_t i = 0; i < kSurfaceParameters; ++i) {
    if (!is_held(optimum, derivatives.gradient, i)) free.push_back(i);
  }
  const bool perfect = derivatives.value <= objective.rounding_floor();
  const auto n = static_cast<Eigen::Index>(free.size());
  Eigen::MatrixXd scaled(n, n);
  for (Eigen::Index r = 0; r < n; ++r) {
    const std::size_t i = free[static_cast<std::size_t>(r)];
    if (!perfect) {
      const double slope = std::abs(derivatives.gradient[i] * optimum[i]) / derivatives.value;
      result.gradient_norm = std::max(result.gradient_norm, slope);
    }
    for (Eigen::Index c = 0; c <= r; ++c) {
      const std::size_t j = free[static_cast<std::size_t>(c)];
      const auto diagonal = [&](std::size_t k) { return derivatives.hessian[k * (k + 3) / 2]; };
      scaled(r, c) =
          derivatives.hessian[i * (i + 1) / 2 + j] / std::sqrt(diagonal(i) * diagonal(j));
    }
  }
  const auto [values, vectors] = symmetric_eigen(scaled);
  result.condition_number = values.maxCoeff() / std::max(values.minCoeff(), 1e-17);
  const Eigen::VectorXd inverse = values.cwiseMax(1e-17).cwiseInverse();
  const Eigen::MatrixXd covariance = vectors * inverse.asDiagonal() * vectors.transpose();
  for (Eigen::Index r = 0; r < n; ++r) {
    for (Eigen::Index c = 0; c < n; ++c) {
      result.correlation[free[static_cast<std::size_t>(r)]][free[static_cast<std::size_t>(c)]] =
          covariance(r, c) / std::sqrt(covariance(r, r) * covariance(c, c));
    }
  }
}

double median_tokens_range(std::span<const LossSample> samples) {
  struct Range {
    double low = std::numeric_limits<double>::infinity(), high = 0;
  };
  std::map<long, Range> octaves;
  for (const LossSample& sample : samples) {
    Range& range = octaves[std::lround(std::log2(sample.size))];
    range.low = std::min(range.low, sample.tokens);
    range.high = std::max(range.high, sample.tokens);
  }
  std::vector<double> ratios;
  ratios.reserve(octaves.size());
  for (const auto& [octave, range] : octaves) ratios.push_back(range.high / range.low);
  return median(std::move(ratios));
}

std::vector<DeltaOptimum> optima_by_delta(const LossPoints& points, ObjectiveKind kind,
                                          LossLaw::Scale scale) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const ObjectiveKind robust = kind == ObjectiveKind::mse ? ObjectiveKind::huber : kind;
  std::vector<DeltaOptimum> optima;
  for (const double delta : {1e-4, 1e-3, 1e-2, kInfinity}) {
    // A delta that no residual comes near is squares, and finite for the search by continuation.
    constexpr double kBeyond = 1e3;
    const bool squares = delta == kInfinity;
    const LossSearch found = search_basins(points.objective(robust, squares ? kBeyond : delta));
    const LossLaw law = points.to_law(found.best().surface, scale);
    optima.push_back({.delta = delta, .law = law, .a_exponent = law.beta / (law.alpha + law.beta)});
  }
  return optima;
}

}  // namespace

std::size_t count_distinct(std::span<const LossSample> samples, double LossSample::*member) {
  std::vector<double> values;
  values.reserve(samples.size());
  for (const LossSample& sample : samples) values.push_back(sample.*member);
  std::sort(values.begin(), values.end());
  const auto same = [](double a, double b) { return b <= a * (1 + 1e-9); };
  return static_cast<std::size_t>(std::unique(values.begin(), values.end(), same) - values.begin());
}

SurfaceDiagnostics diagnose(std::span<const LossSample> samples, const LossPoints& points,
                            const LossObjective& objective, const SurfaceVector& optimum,
                            LossLaw::Scale scale) {
  SurfaceDiagnostics result;
  set_curvature(objective, optimum, result);
  const double limit =
      profile_limit(objective, optimum, samples.size()) + objective.rounding_floor();
  result.profile_E = profile_E(objective, optimum, limit);
  result.profile_a = profile_a(objective, optimum, limit);
  result.objective_sensitivity = optima_by_delta(points, objective.kind(), scale);
  result.n_distinct_sizes = static_cast<std::int64_t>(count_distinct(samples, &LossSample::size));
  result.n_distinct_tokens =
      static_cast<std::int64_t>(count_distinct(samples, &LossSample::tokens));
  result.tokens_range = median_tokens_range(samples);
  return result;
}

}  // namespace isoflop
