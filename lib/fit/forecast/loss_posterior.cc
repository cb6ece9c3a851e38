// SPDX-License-Identifier: Apache-2.0
// In ln L the level is linear and the shape has two parameters, so that the posterior is a sum over
// a grid of them and no search. Floors and rates that trade off stay side by side in it: what they
// disagree about far beyond the data is the width of the forecast there.
#include "fit/forecast/loss_posterior.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/forecast/scatter_grid.h"

namespace isoflop {
namespace {

constexpr ScatterGrid kScatters{0.0004, 0.08, 12};
constexpr int kFloors = 30, kRates = 60;
constexpr double kHighestFloor = 0.95, kSlowest = 0.02, kFastest = 1;
constexpr double kNegligible = -14;  // ln of a weight over the largest

/// ln(L* / L_max) at a distance in ln C.
double shape(double floor, double rate, double distance) {
  return std::log(floor + (1 - floor) * std::exp(-rate * distance));
}

struct Shape {
  double floor = 0, rate = 0, ln_belief = 0;
  std::vector<double> levels;  // ln L_max that each minimum would have by this shape
};

std::vector<Shape> shapes_through(std::span<const LocatedMinimum> minima,
                                  const std::optional<Belief>& rate_belief,
                                  double ln_largest_compute) {
  std::vector<Shape> shapes;
  for (int f = 0; f < kFloors; ++f) {
    for (int g = 0; g < kRates; ++g) {
      Shape s{.floor = kHighestFloor * f / (kFloors - 1),
              .rate = kSlowest * std::pow(kFastest / kSlowest, g / (kRates - 1.0)),
              .levels = {}};
      if (rate_belief) s.ln_belief = ln_belief_of_log(s.rate, *rate_belief);
      if (f == 0) s.ln_belief += std::log(kFloors - 1);  // as likely as all others
      for (const LocatedMinimum& minimum : minima) {
        s.levels.push_back(minimum.ln_loss -
                           shape(s.floor, s.rate, minimum.ln_compute - ln_largest_compute));
      }
      shapes.push_back(std::move(s));
    }
  }
  return shapes;
}

/// Of the minima at one scatter.
struct Weights {
  std::vector<double> of_minimum;
  double sum = 0, sum_of_logs = 0;
};

Weights weights_at(double scatter, std::span<const LocatedMinimum> minima, double ageing,
                   double ln_largest_compute) {
  Weights weights;
  for (const LocatedMinimum& minimum : minima) {
    const double growth = growth_of_variance(ageing, minimum.ln_compute - ln_largest_compute);
    const double variance = scatter * scatter + minimum.ln_loss_se * minimum.ln_loss_se;
    weights.of_minimum.push_back(1 / (variance * growth));
    weights.sum += weights.of_minimum.back();
    weights.sum_of_logs += std::log(weights.of_minimum.back());
  }
  return weights;
}

}  // namespace

bool LossPosterior::can_be_had(std::span<const LocatedMinimum> minima, const ForecastPrior& prior) {
  const std::size_t least = prior.loss_rate ? 2 : 3;
  return minima.size() >= least && minima.back().ln_compute > minima.front().ln_compute;
}

LossPosterior::LossPosterior(std::span<const LocatedMinimum> minima, const ForecastPrior& prior,
                             double ln_largest_compute)
    : ln_largest_compute_(ln_largest_compute), ageing_(prior.ageing) {
  const std::vector<Shape> shapes = shapes_through(minima, prior.loss_rate, ln_largest_compute);
  double heaviest = -std::numeric_limits<double>::infinity();
  for (const Scatter& scatter : kScatters.values(prior.loss_scatter)) {
    const Weights weights = weights_at(scatter.sd, minima, ageing_, ln_largest_compute);
    for (const Shape& s : shapes) {
      double first = 0, second = 0;  // weighted moments of the levels
      for (std::size_t i = 0; i < minima.size(); ++i) {
        const double level = s.levels[i] - s.levels.back();
        first += weights.of_minimum[i] * level;
        second += weights.of_minimum[i] * level * level;
      }
      const double misfit = second - first * first / weights.sum;
      curves_.push_back({.ln_weight = scatter.ln_belief + s.ln_belief -
                                      0.5 * (misfit + std::log(weights.sum) - weights.sum_of_logs),
                         .floor = s.floor,
                         .rate = s.rate,
                         .ln_level = s.levels.back() + first / weights.sum,
                         .level_variance = 1 / weights.sum,
                         .scatter = scatter.sd});
      heaviest = std::max(heaviest, curves_.back().ln_weight);
    }
  }
  std::erase_if(curves_, [&](const Curve& c) { return c.ln_weight < heaviest + kNegligible; });
}

NormalMixture LossPosterior::at(double ln_compute) const {
  const double reach = ln_compute - ln_largest_compute_;
  std::vector<NormalPart> parts;
  for (const Curve& curve : curves_) {
    const double of_budget = curve.scatter * curve.scatter * growth_of_variance(ageing_, reach);
    parts.push_back({.ln_weight = curve.ln_weight,
                     .mean = curve.ln_level + shape(curve.floor, curve.rate, reach),
                     .sd = std::sqrt(curve.level_variance + of_budget)});
  }
  return NormalMixture(std::move(parts));
}

}  // namespace isoflop
