// SPDX-License-Identifier: Apache-2.0
// Two parallel lines of ln(L - asymptote) on ln C: one exponent -(Sxy_a + Sxy_b) / (Sxx_a + Sxx_b)
// from the sums within the sides, residual variance over n_a + n_b - 3. ln factor is how far apart
// the lines are in ln C, its error by the delta method; an exponent whose 90 % interval reaches 0
// gives no factor. Equal slopes: Student's t of n_a + n_b - 4 with each line's own slope. Exponents
// that were fitted apart: Welch's t with Satterthwaite's degrees of freedom.
#include "isoflop/speedup.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"
#include "stats/distributions.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

/// Sums of one side's points (x, y) = (ln C, ln(L - asymptote)).
struct Side {
  double n = 0, mean_x = 0, mean_y = 0;
  double sxx = 0, sxy = 0, syy = 0;  // about the means
  /// Of the squared residuals about the line of slope -exponent through the means.
  [[nodiscard]] double residual_sum(double exponent) const {
    return syy + 2 * exponent * sxy + exponent * exponent * sxx;
  }
  [[nodiscard]] double own_exponent() const { return -sxy / sxx; }
  [[nodiscard]] bool has_slope() const { return sxx > 1e-12; }
};

double log_excess(const BoughtLoss& point, double asymptote) {
  if (!(point.compute > 0) || !(point.loss > asymptote)) {
    throw Error(ErrorCode::invalid_argument, "asymptote: must be below every loss, got " +
                                                 exact_text(asymptote) + " beside a loss of " +
                                                 exact_text(point.loss));
  }
  return std::log(point.loss - asymptote);
}

Side side_of(std::span<const BoughtLoss> points, double asymptote) {
  Side side;
  side.n = static_cast<double>(points.size());
  for (const BoughtLoss& point : points) {
    side.mean_y += log_excess(point, asymptote) / side.n;
    side.mean_x += std::log(point.compute) / side.n;
  }
  for (const BoughtLoss& point : points) {
    const double x = std::log(point.compute) - side.mean_x;
    const double y = log_excess(point, asymptote) - side.mean_y;
    side.sxx += x * x;
    side.sxy += x * y;
    side.syy += y * y;
  }
  return side;
}

// Student's test of the two slopes, with the pooled residuals of lines that have their own.
std::optional<double> equal_slopes_p(const Side& a, const Side& b) {
  const double dof = a.n + b.n - 4;
  if (!a.has_slope() || !b.has_slope() || !(dof > 0)) return std::nullopt;
  const double sum = a.residual_sum(a.own_exponent()) + b.residual_sum(b.own_exponent());
  const double error = std::sqrt(std::max(0.0, sum) / dof * (1 / a.sxx + 1 / b.sxx));
  const double difference = std::abs(a.own_exponent() - b.own_exponent());
  if (!(error > 0)) return difference > 1e-9 ? 0.0 : 1.0;
  return student_t_two_sided(difference / error, dof);
}

}  // namespace

Speedup effective_speedup(std::span<const BoughtLoss> baseline, std::span<const BoughtLoss> variant,
                          double asymptote) {
  if (!(asymptote >= 0) || !std::isfinite(asymptote)) {
    throw Error(ErrorCode::invalid_argument,
                "asymptote: must be finite and >= 0, got " + exact_text(asymptote));
  }
  Speedup result;
  result.asymptote = asymptote;
  const Side a = side_of(baseline, asymptote);
  const Side b = side_of(variant, asymptote);
  const double dof = a.n + b.n - 3;
  if (baseline.empty() || variant.empty() || !a.has_slope() || !(dof > 0)) return result;
  result.dof = static_cast<std::int64_t>(dof);
  const double sxx = a.sxx + b.sxx;
  result.exponent = -(a.sxy + b.sxy) / sxx;
  const double variance =
      std::max(0.0, a.residual_sum(result.exponent) + b.residual_sum(result.exponent)) / dof;
  result.residual_sd = std::sqrt(variance);
  const double t = t90(dof);
  const double exponent_error = t * std::sqrt(variance / sxx);
  result.exponent_interval = around(result.exponent, exponent_error);
  if (!(result.exponent_interval.low > 0)) {
    result.status = FitStatus::not_converged;
    return result;
  }
  // ln factor = x_a - x_b + (y_a - y_b) / exponent of the means, errors by the delta method.
  const double gap = (a.mean_y - b.mean_y) / result.exponent;
  const double log_factor = a.mean_x - b.mean_x + gap;
  const double error =
      t * std::sqrt(variance * (1 / a.n + 1 / b.n + gap * gap / sxx)) / result.exponent;
  result.factor = std::exp(log_factor);
  result.interval = around_log(log_factor, error);
  result.equal_exponents_p = equal_slopes_p(a, b);
  result.status = FitStatus::ok;
  return result;
}

ExponentDifference exponent_difference(const PowerLawFit& a, const PowerLawFit& b) {
  ExponentDifference result{.value = a.law.exponent - b.law.exponent, .interval = {}};
  const double va = a.exponent_se * a.exponent_se;
  const double vb = b.exponent_se * b.exponent_se;
  if (!a.usable() || !b.usable() || !(va + vb > 0)) return result;
  // Welch and Satterthwaite's degrees of freedom.
  const auto freedom = [](const PowerLawFit& law) {
    return law.dof > 0 ? law.dof : static_cast<double>(law.n_points) - 2;
  };
  const double dof = (va + vb) * (va + vb) / (va * va / freedom(a) + vb * vb / freedom(b));
  const double half = t90(dof) * std::sqrt(va + vb);
  result.interval = around(result.value, half);
  return result;
}

}  // namespace isoflop
