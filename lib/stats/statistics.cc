// SPDX-License-Identifier: Apache-2.0
#include "stats/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace isoflop {
namespace {

// Continued fraction of the incomplete beta function by Lentz's method (DLMF 8.17.22).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto guard = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / guard(1 - (a + b) * x / (a + 1));
  double result = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guard(1 + even * d);
    c = guard(1 + even / c);
    result *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guard(1 + odd * d);
    c = guard(1 + odd / c);
    const double factor = d * c;
    result *= factor;
    if (std::abs(factor - 1) < 1e-16) break;
  }
  return result;
}

double regularized_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(log_front) * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

Interval around(double value, double half_width) {
  return {.low = value - half_width, .high = value + half_width};
}

Interval around_log(double ln_value, double half_width) {
  return {.low = std::exp(ln_value - half_width), .high = std::exp(ln_value + half_width)};
}

double student_t_upper_tail(double t, double dof) {
  return 0.5 * regularized_beta(dof / 2, 0.5, dof / (dof + t * t));
}

double student_t_quantile(double p, double dof) {
  if (p < 0.5) return -student_t_quantile(1 - p, dof);
  double low = 0;
  double high = 1;
  while (student_t_upper_tail(high, dof) > 1 - p) high *= 2;
  while (high - low > 4 * std::numeric_limits<double>::epsilon() * high) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (student_t_upper_tail(middle, dof) > 1 - p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double f_upper_tail(double f, double d1, double d2) {
  return regularized_beta(d2 / 2, d1 / 2, d2 / (d2 + d1 * f));
}

double t90(double dof) { return student_t_quantile(0.95, dof); }

double f_quantile(double p, double numerator, double denominator) {
  // x = n f / (n f + d) has a beta distribution.
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (regularized_beta(numerator / 2, denominator / 2, middle) < p ? low : high) = middle;
  }
  const double x = 0.5 * (low + high);
  return denominator * x / (numerator * (1 - x));
}

double central_t_probability(double t, double dof) { return 1 - 2 * student_t_upper_tail(t, dof); }

Interval percentile_interval(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double p) {
    const double position = p * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return std::lerp(values[below], values[above], position - static_cast<double>(below));
  };
  return {.low = at(0.05), .high = at(0.95)};
}

double student_t_two_sided(double t, double dof) {
  return 2 * student_t_upper_tail(std::abs(t), dof);
}

double huber_inefficiency(double k) {
  const double inside = std::erf(k / std::numbers::sqrt2);
  const double density = std::exp(-0.5 * k * k) / std::sqrt(2 * std::numbers::pi);
  return (inside - 2 * k * density + k * k * (1 - inside)) / (inside * inside);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

}  // namespace isoflop
