// SPDX-License-Identifier: Apache-2.0
// The profile of a quantity q: for a value asked for, the surface that minimises the squared
// distance plus w^2 (q - asked)^2 is the nearest of all that have its own q, whatever w. So one
// more observation in an ordinary least-squares fit traces the profile, and the end is where the
// distance is the radius. In (E, ln A', ln B', ln alpha, ln beta) with sizes and tokens over their
// geometric means the region is close to an ellipsoid unless the points leave a parameter open.
#include "fit/interval/surface_region.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/descent.h"
#include "stats/jet_model.h"

namespace isoflop {
namespace {

using Kind = SurfaceQuantity::Kind;

constexpr std::size_t kMostSamples = 400;  // more of them than that are thinned
constexpr double kLeastExponent = 1e-3, kMostExponent = 20;
constexpr double kMostLogTerm = 40;  // of |ln A'|, |ln B'| about the fitted
constexpr double kFarthest = 1e4;    // steps
constexpr double kFarthestLog = 25;  // of a logarithm: a factor of 7e10
constexpr double kPenalty = 10;      // of missing the value asked for, in radii per step
constexpr double kTolerance = 1e-3;  // of the distance at an end, in radii
constexpr int kMostRefinements = 30;

/// What an observation asks: ln L at (x, y) = (ln size, ln tokens), or a quantity.
constexpr double kLoss = -1;

/// Inputs: x, y, what (kLoss or a Kind). ln_product is y there.
struct RegionFormula {
  double mean_log_size = 0, mean_log_tokens = 0;

  template <class T>
  T operator()(const Inputs& in, const T* theta) const {
    using std::exp;
    using std::log;
    const T &E = theta[0], &ln_a = theta[1], &ln_b = theta[2];
    const T alpha = exp(theta[3]), beta = exp(theta[4]);
    if (in[2] == kLoss) return log(E + exp(ln_a - alpha * in[0]) + exp(ln_b - beta * in[1]));
    switch (static_cast<Kind>(static_cast<int>(in[2]))) {
      case Kind::E:
        return E;
      case Kind::ln_A:
        return ln_a + alpha * mean_log_size;
      case Kind::ln_B:
        return ln_b + beta * mean_log_tokens;
      case Kind::ln_alpha:
        return theta[3];
      case Kind::ln_beta:
        return theta[4];
      case Kind::a:
        return beta / (alpha + beta);
      default:
        break;
    }
    // alpha A' e^(-alpha x) = beta B' e^(-beta y) with x + y what is left of the product.
    const double product = in[1] - mean_log_size - mean_log_tokens;
    const T x = (theta[3] + ln_a - theta[4] - ln_b + beta * product) / (alpha + beta);
    if (static_cast<Kind>(static_cast<int>(in[2])) == Kind::ln_scale_opt) return x + mean_log_size;
    return log(E + exp(ln_a - alpha * x) + exp(ln_b - beta * (product - x)));
  }
};

Inputs inputs_of(const SurfaceQuantity& quantity) {
  return {0, quantity.ln_product, static_cast<double>(quantity.kind), 0};
}

}  // namespace

SurfaceRegion::SurfaceRegion(const LossLaw& law, std::span<const Sample> samples) {
  const auto n = static_cast<double>(samples.size());
  for (const Sample& sample : samples) {
    mean_log_size_ += std::log(sample.scale) / n;
    mean_log_tokens_ += std::log(sample.tokens) / n;
  }
  fitted_.resize(5);
  fitted_ << law.irreducible, std::log(law.a) - law.alpha * mean_log_size_,
      std::log(law.b) - law.beta * mean_log_tokens_, std::log(law.alpha), std::log(law.beta);
  const std::size_t stride = (samples.size() + kMostSamples - 1) / kMostSamples;
  const RegionFormula formula{mean_log_size_, mean_log_tokens_};
  double highest = 0;
  for (std::size_t i = 0; i < samples.size(); i += stride) {
    const Inputs x = {std::log(samples[i].scale) - mean_log_size_,
                      std::log(samples[i].tokens) - mean_log_tokens_, kLoss, 0};
    losses_.push_back({.x = x, .y = formula(x, fitted_.data())});
    highest = std::max(highest, std::exp(losses_.back().y));
  }
  for (Observation& loss : losses_) loss.weight = n / static_cast<double>(losses_.size());
  low_ = high_ = fitted_;
  low_[0] = 0;
  high_[0] = highest;
  for (const int i : {1, 2}) {
    low_[i] -= kMostLogTerm;
    high_[i] += kMostLogTerm;
  }
  for (const int i : {3, 4}) {
    low_[i] = std::min(fitted_[i], std::log(kLeastExponent));
    high_[i] = std::max(fitted_[i], std::log(kMostExponent));
  }
  set_usual_surface();
}

// A second start for fits whose exponents are far from those that most surfaces have: with the
// same slopes at the centre, and E of what that leaves.
void SurfaceRegion::set_usual_surface() {
  constexpr double kUsualExponent = 0.35, kFarExponent = 4;
  usual_ = fitted_;
  for (const int i : {3, 4}) {
    usual_[i] = std::log(kUsualExponent);
    usual_[i - 2] += fitted_[i] - usual_[i];
    usual_[0] += std::exp(fitted_[i - 2]) - std::exp(usual_[i - 2]);
    far_ = far_ || std::abs(fitted_[i] - usual_[i]) > std::log(kFarExponent);
  }
}

double SurfaceRegion::value(const SurfaceQuantity& quantity) const {
  return RegionFormula{mean_log_size_, mean_log_tokens_}(inputs_of(quantity), fitted_.data());
}

Eigen::Matrix<double, 5, 1> SurfaceRegion::gradient(const SurfaceQuantity& quantity) const {
  const JetModel<5, RegionFormula> model({mean_log_size_, mean_log_tokens_});
  ParameterVector slope(5);
  model.gradient(inputs_of(quantity), fitted_, slope);
  slope[3] /= std::exp(fitted_[3]);
  slope[4] /= std::exp(fitted_[4]);
  return slope;
}

SurfaceRegion::ProfilePoint SurfaceRegion::nearest_with(const SurfaceQuantity& quantity,
                                                        double asked, double weight,
                                                        const ParameterVector& start) const {
  const JetModel<5, RegionFormula> model({mean_log_size_, mean_log_tokens_});
  std::vector<Observation> observations = losses_;
  const Inputs x = inputs_of(quantity);
  observations.push_back({.x = x, .y = asked, .weight = weight});
  const NonlinearObjective objective(model, observations, ResidualScale::level, 0);
  const Bounds bounds{low_, high_};
  ProfilePoint point{.theta = descend(objective, bounds, start)};
  if (far_) {
    const ParameterVector other = descend(objective, bounds, usual_);
    if (objective.value(other) < objective.value(point.theta)) point.theta = other;
  }
  point.value = model.value(x, point.theta);
  const double missed = point.value - asked;
  point.distance =
      std::sqrt(std::max(0.0, objective.value(point.theta) - weight * missed * missed));
  return point;
}

double SurfaceRegion::extreme(const SurfaceQuantity& quantity, Side side, double radius,
                              double step) const {
  const double sign = side == Side::least ? -1 : 1;
  const double nowhere = sign * std::numeric_limits<double>::infinity();
  if (radius == 0) return value(quantity);
  if (!(step > 0) || !std::isfinite(step)) return nowhere;
  const double fitted = value(quantity);
  const double weight = std::pow(kPenalty * radius / step, 2);
  ProfilePoint inside{.theta = fitted_, .value = fitted, .distance = 0};
  double asked_inside = fitted, asked = fitted + sign * step;
  // Of exact losses an error may be below the value's last digit.
  if (asked == fitted) return fitted;
  ProfilePoint outside;
  while (true) {
    outside = nearest_with(quantity, asked, weight, inside.theta);
    if (outside.distance >= radius) break;
    const bool stuck = std::abs(outside.value - asked) > 0.5 * std::abs(asked - fitted);
    const bool far = std::abs(asked - fitted) > std::min(kFarthest * step, kFarthestLog);
    if (stuck || far) {
      if (quantity.kind == Kind::E) return side == Side::least ? low_[0] : high_[0];
      return nowhere;
    }
    inside = outside;
    asked_inside = asked;
    asked = fitted + 2 * (asked - fitted);
  }
  // The distance is close to linear in the value: false position, kept inside the bracket.
  double asked_outside = asked;
  for (int i = 0; i < kMostRefinements; ++i) {
    const double share = (radius - inside.distance) / (outside.distance - inside.distance);
    asked = asked_inside + std::clamp(share, 0.05, 0.95) * (asked_outside - asked_inside);
    const ProfilePoint middle = nearest_with(quantity, asked, weight, inside.theta);
    if (std::abs(middle.distance - radius) <= kTolerance * radius) return middle.value;
    (middle.distance < radius ? inside : outside) = middle;
    (middle.distance < radius ? asked_inside : asked_outside) = asked;
  }
  return inside.value;
}

}  // namespace isoflop
