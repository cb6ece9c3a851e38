// SPDX-License-Identifier: Apache-2.0
// The default is the estimator by moments, in closed form. The other two are there to show that it
// does not matter: in simulated laws of 3 to 9 budgets the three cover alike within 0.5 %, and
// their errors of tau differ by less than 9 %, in either direction (tests/bench/tau_study.cc,
// docs/laws.md).
#include "stats/log_line.h"

#include <algorithm>
#include <cmath>

#include "stats/find_root.h"
#include "stats/golden_section.h"

namespace isoflop {
namespace {

double degrees_of_freedom(std::span<const LogPoint> points) {
  return static_cast<double>(points.size()) - 2;
}

// The tau^2 for which the weighted residuals of the regression without it have their expected size:
// E[Q] = n - 2 + tau^2 tr(P), P = W - W X (X' W X)^-1 X' W.
double by_moments(std::span<const LogPoint> points) {
  const Line line = fit_line(points, 0);
  double trace = 0;
  for (const LogPoint& p : points) {
    const double w = 1 / p.variance;
    const double offset = p.x - line.centre;
    trace += w - w * w * (1 / line.weight + offset * offset / line.spread);
  }
  return trace > 0 ? std::max(0.0, (line.q - degrees_of_freedom(points)) / trace) : 0;
}

// Q falls with tau^2.
double by_paule_mandel(std::span<const LogPoint> points) {
  const double dof = degrees_of_freedom(points);
  if (fit_line(points, 0).q <= dof) return 0;
  double high = points.front().variance;
  while (fit_line(points, high).q > dof) high *= 2;
  return find_root(0, high, 60, [&](double x) { return fit_line(points, x).q - dof; });
}

// Twice the restricted log-likelihood, without its constant: the determinant of X' W X is
// weight * spread.
double restricted_likelihood(std::span<const LogPoint> points, double tau_squared) {
  const Line line = fit_line(points, tau_squared);
  double value = -std::log(line.weight) - std::log(line.spread) - line.q;
  for (const LogPoint& p : points) value -= std::log(p.variance + tau_squared);
  return value;
}

// The likelihood may have two maxima: a scan in ln tau^2 finds the right one, golden sections
// sharpen it.
double by_reml(std::span<const LogPoint> points) {
  double smallest = points.front().variance;
  for (const LogPoint& p : points) smallest = std::min(smallest, p.variance);
  double square_sum = 0;
  const Line line = fit_line(points, 0);
  for (const LogPoint& p : points) square_sum += std::pow(p.y - line.at(p.x), 2);
  constexpr int kSteps = 80;
  const double from = std::log(1e-4 * smallest);
  const double to = std::log(std::max(10 * square_sum, 10 * smallest));
  const auto likelihood = [&](double log_tau) {
    return restricted_likelihood(points, std::exp(log_tau));
  };
  const double step = (to - from) / kSteps;
  double best = from, best_value = likelihood(from);
  for (int i = 1; i <= kSteps; ++i) {
    const double value = likelihood(from + i * step);
    if (value > best_value) {
      best = from + i * step;
      best_value = value;
    }
  }
  const double log_tau =
      golden_section(best - step, best + step, 1e-8, [&](double x) { return -likelihood(x); });
  return likelihood(log_tau) > restricted_likelihood(points, 0) ? std::exp(log_tau) : 0;
}

}  // namespace

Line fit_line(std::span<const LogPoint> points, double tau_squared) {
  Line line;
  const auto weight = [&](const LogPoint& p) { return 1 / (p.variance + tau_squared); };
  for (const LogPoint& p : points) {
    line.weight += weight(p);
    line.centre += weight(p) * p.x;
    line.level += weight(p) * p.y;
  }
  line.centre /= line.weight;
  line.level /= line.weight;
  double covariance = 0;
  for (const LogPoint& p : points) {
    const double offset = p.x - line.centre;
    line.spread += weight(p) * offset * offset;
    covariance += weight(p) * offset * (p.y - line.level);
  }
  line.slope = line.spread > 0 ? covariance / line.spread : 0;
  for (const LogPoint& p : points) line.q += weight(p) * std::pow(p.y - line.at(p.x), 2);
  return line;
}

double tau_squared(std::span<const LogPoint> points, TauMethod method) {
  switch (method) {
    case TauMethod::moments:
      return by_moments(points);
    case TauMethod::paule_mandel:
      return by_paule_mandel(points);
    case TauMethod::reml:
      return by_reml(points);
  }
  return 0;
}

}  // namespace isoflop
