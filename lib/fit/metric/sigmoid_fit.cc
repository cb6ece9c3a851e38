// SPDX-License-Identifier: Apache-2.0
// Losses and metrics in units of their ranges. At a node (k, L0) floor and ceiling are linear and
// follow from two normal equations, cut off at their bounds; the best L0 of each of the three best
// k are the starts of the general solver in (floor, ceiling, ln k, L0). The ceiling's profile is
// minimised over the other three from such starts at every point and bisected to 1e-4 of the
// metric's range. A resample starts from the fit and from one node.
#include "fit/metric/sigmoid_fit.h"

#include <algorithm>
#include <cmath>

#include "stats/distributions.h"
#include "stats/jet_model.h"
#include "stats/nonlinear_fit.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kUnboundedReach = 10;  // ranges of the metric
// Of k times the range of the losses: from hardly bent to a step.
constexpr double kLeastSlope = 0.02, kMostSlope = 500;
constexpr double kMostMiddle = 20;  // |L0 - mean loss| in ranges of the losses
constexpr double kGridSlopes[] = {0.5, 1, 2, 4, 8, 16, 32, 64};
constexpr double kGridMiddle = 1.5, kGridStep = 0.25;
constexpr std::size_t kStarts = 3;

/// Falls from 1 to 0 as x rises. By tanh: derivatives of the exponential would overflow.
template <class T>
T logistic(double x, const T& log_k, const T& middle) {
  using std::exp;
  using std::tanh;
  return 0.5 * (1.0 - tanh(0.5 * (exp(log_k) * (x - middle))));
}

/// (floor, ceiling, ln k, middle).
struct SigmoidFormula {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    return p[0] + (p[1] - p[0]) * logistic(x[0], p[2], p[3]);
  }
};

/// (floor, ln k, middle).
struct FixedCeiling {
  double ceiling = 0;
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    return p[0] + (ceiling - p[0]) * logistic(x[0], p[1], p[2]);
  }
};

/// The points with losses about 0 and metrics from 0 to 1, each in units of its range: what is
/// solved does not depend on units.
struct Unit {
  double loss0 = 0, loss_range = 1, metric0 = 0, metric_range = 1;
  double low = 0, high = 1;  // of floor and ceiling
  std::vector<Observation> observations;

  Unit(std::span<const StagePoint> points, const Interval& bounds) {
    const auto [best, worst] = std::minmax_element(
        points.begin(), points.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
    const auto [least, most] =
        std::minmax_element(points.begin(), points.end(),
                            [](const auto& a, const auto& b) { return a.metric < b.metric; });
    loss0 = 0.5 * (best->loss + worst->loss);
    loss_range = worst->loss - best->loss;
    metric0 = least->metric;
    metric_range = most->metric - least->metric;
    low = scaled(bounds.low);
    high = scaled(bounds.high);
    for (const StagePoint& point : points) {
      observations.push_back({.x = {(point.loss - loss0) / loss_range}, .y = scaled(point.metric)});
    }
  }
  [[nodiscard]] double scaled(double metric) const { return (metric - metric0) / metric_range; }
  [[nodiscard]] double unscaled(double y) const { return metric0 + metric_range * y; }
  [[nodiscard]] ParameterVector theta(const Sigmoid& curve) const {
    ParameterVector theta(kSigmoidParams);
    theta << scaled(curve.floor), scaled(curve.ceiling), std::log(curve.k * loss_range),
        (curve.loss_mid - loss0) / loss_range;
    return theta;
  }
  [[nodiscard]] Sigmoid curve(const ParameterVector& theta) const {
    return {.floor = unscaled(theta[0]),
            .ceiling = unscaled(theta[1]),
            .k = std::exp(theta[2]) / loss_range,
            .loss_mid = loss0 + loss_range * theta[3]};
  }
};

struct Node {
  double floor = 0, ceiling = 0, log_k = 0, middle = 0, sum_squares = 0;
};

/// Floor and ceiling of least squares at a given k and middle, or the floor alone.
void solve_linear(const Unit& unit, std::optional<double> fixed_ceiling, Node& node) {
  // y = floor a + ceiling b, a = 1 - b.
  const double slope = std::exp(node.log_k);
  double aa = 0, ab = 0, bb = 0, ay = 0, by = 0, yy = 0;
  for (const Observation& point : unit.observations) {
    const double b = 1 / (1 + std::exp(slope * (point.x[0] - node.middle)));
    const double a = 1 - b;
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ay += a * point.y;
    by += b * point.y;
    yy += point.y * point.y;
  }
  const auto bounded = [&](double y) { return std::clamp(y, unit.low, unit.high); };
  const double det = aa * bb - ab * ab;
  const double c = fixed_ceiling.value_or(det > 1e-12 * aa * bb ? bounded((aa * by - ab * ay) / det)
                                                                : unit.high);
  const double f = aa > 0 ? bounded((ay - ab * c) / aa) : unit.low;
  node.ceiling = c;
  node.floor = f;
  node.sum_squares = yy - 2 * (f * ay + c * by) + f * f * aa + 2 * f * c * ab + c * c * bb;
}

/// The lowest nodes of the grid, of different k.
std::vector<Node> best_nodes(const Unit& unit, std::optional<double> fixed_ceiling,
                             std::size_t count) {
  std::vector<Node> nodes;
  for (const double slope : kGridSlopes) {
    std::optional<Node> best;
    for (double middle = -kGridMiddle; middle <= kGridMiddle; middle += kGridStep) {
      Node node{.log_k = std::log(slope), .middle = middle};
      solve_linear(unit, fixed_ceiling, node);
      if (!best || node.sum_squares < best->sum_squares) best = node;
    }
    nodes.push_back(*best);
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const Node& a, const Node& b) { return a.sum_squares < b.sum_squares; });
  nodes.resize(std::min(count, nodes.size()));
  return nodes;
}

double profiled_squares(const Unit& unit, double ceiling) {
  const JetModel<3, FixedCeiling> model(FixedCeiling{ceiling});
  NonlinearOptions options;
  options.low.resize(3);
  options.high.resize(3);
  options.low << unit.low, std::log(kLeastSlope), -kMostMiddle;
  options.high << unit.high, std::log(kMostSlope), kMostMiddle;
  for (const Node& node : best_nodes(unit, ceiling, kStarts)) {
    ParameterVector start(3);
    start << node.floor, node.log_k, node.middle;
    options.starts.push_back(start);
  }
  return fit_nonlinear(model, unit.observations, options).value;
}

}  // namespace

double Sigmoid::operator()(double loss) const {
  return floor + (ceiling - floor) * logistic(loss, std::log(k), loss_mid);
}

Interval sigmoid_bounds(std::span<const StagePoint> points) {
  Interval range{points.front().metric, points.front().metric};
  for (const StagePoint& point : points) {
    range.low = std::min(range.low, point.metric);
    range.high = std::max(range.high, point.metric);
  }
  if (range.low >= 0 && range.high <= 1) return {0, 1};
  if (range.low >= 0 && range.high <= 100) return {0, 100};
  const double reach = kUnboundedReach * (range.high - range.low);
  return {range.low - reach, range.high + reach};
}

SigmoidFit fit_sigmoid(std::span<const StagePoint> points, const Interval& bounds,
                       const std::optional<Sigmoid>& start) {
  const Unit unit(points, bounds);
  const JetModel<kSigmoidParams, SigmoidFormula> model;
  NonlinearOptions options;
  options.low.resize(kSigmoidParams);
  options.high.resize(kSigmoidParams);
  options.low << unit.low, unit.low, std::log(kLeastSlope), -kMostMiddle;
  options.high << unit.high, unit.high, std::log(kMostSlope), kMostMiddle;
  if (start) options.starts.push_back(unit.theta(*start));
  for (const Node& node : best_nodes(unit, std::nullopt, start ? 1 : kStarts)) {
    ParameterVector theta(kSigmoidParams);
    theta << node.floor, node.ceiling, node.log_k, node.middle;
    options.starts.push_back(theta);
  }
  const NonlinearFit fit = fit_nonlinear(model, unit.observations, options);
  return {.curve = unit.curve(fit.theta),
          .sum_squares = fit.value * unit.metric_range * unit.metric_range,
          .converged = fit.converged};
}

Interval profile_ceiling(std::span<const StagePoint> points, const Interval& bounds,
                         const SigmoidFit& best) {
  const Unit unit(points, bounds);
  const auto dof = static_cast<double>(points.size()) - kSigmoidParams;
  const double least = best.sum_squares / (unit.metric_range * unit.metric_range);
  const double limit = least * (1 + std::pow(t90(dof), 2) / dof);
  const double centre = unit.scaled(best.curve.ceiling);
  const auto end = [&](double bound) {
    if (profiled_squares(unit, bound) <= limit) return bound;
    double inside = centre, outside = bound;
    while (std::abs(outside - inside) > 1e-4) {
      const double middle = 0.5 * (inside + outside);
      (profiled_squares(unit, middle) <= limit ? inside : outside) = middle;
    }
    return inside;
  };
  return {unit.unscaled(end(unit.low)), unit.unscaled(end(unit.high))};
}

}  // namespace isoflop
