// SPDX-License-Identifier: Apache-2.0
// ln L = ln f + g s_b + noise about the present surface is a linear mixed model with weak normal
// priors. Four rounds: sigma and tau by REML (stats/variance_components.h), then up to six
// Gauss-Newton steps of generalised least squares on r' V^-1 r + the prior's squares, each halved
// until that falls; V has tau at its floor or above. A loss that is the mean of n runs has its row
// times sqrt(n). With 15 points or more, residuals are cut off at 4 sd, by their median, anew each
// round: Huber's pseudo-values.
#include "fit/design/mixed_surface.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <Eigen/Core>

#include "stats/statistics.h"
#include "stats/variance_components.h"

namespace isoflop {
namespace {

constexpr int kRounds = 4;            // of variances, then parameters
constexpr int kStepsPerRound = 6;     // of Gauss-Newton
constexpr double kMostLogStep = 0.7;  // per step
constexpr double kPriorExponent = 0.35;
const double kExponentSpread = std::log(3.0);
const double kCoefficientSpread = std::log(20.0);

// Residuals beyond four robust standard deviations are wrong, not unlucky. Too few points to know
// one: no limit.
double residual_limit(const CentredSurface& surface, std::span<const BudgetSample> samples) {
  constexpr std::size_t kFewestPoints = 15;
  constexpr double kMostDeviations = 4;
  if (samples.size() < kFewestPoints) return std::numeric_limits<double>::infinity();
  std::vector<double> sizes;
  for (const BudgetSample& sample : samples) {
    sizes.push_back(std::abs(std::log(sample.loss) - surface.ln_loss(sample.size, sample.tokens)));
  }
  const auto n = static_cast<double>(samples.size());
  const double lost = std::sqrt(n / (n - kSurfaceParameters));
  return kMostDeviations * std::max(kNoiseFloor, kSdPerMad * lost * median(std::move(sizes)));
}

/// ln L of the points against the surface linearised at its present place. Residuals beyond `limit`
/// count as that (Huber's pseudo-values).
LinearModel linearised(const CentredSurface& surface, std::span<const BudgetSample> samples,
                       double limit) {
  LinearModel model;
  const auto n = static_cast<Eigen::Index>(samples.size());
  model.columns.resize(n, kSurfaceParameters);
  model.shift.resize(n);
  model.response.resize(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const BudgetSample& sample = samples[static_cast<std::size_t>(i)];
    const double weight = std::sqrt(sample.n_runs);
    model.columns.row(i) = weight * surface.gradient(sample.size, sample.tokens).transpose();
    model.shift[i] = weight * surface.shift_slope(sample.size, sample.tokens);
    const double residual = std::log(sample.loss) - surface.ln_loss(sample.size, sample.tokens);
    model.response[i] = weight * std::clamp(residual, -limit, limit);
    model.budget.push_back(sample.budget);
  }
  model.prior_precision = surface.prior_precision();
  model.prior_offset = surface.prior_offset();
  return model;
}

// -2 log likelihood, up to a constant, with the parameters' prior and the shifts integrated out.
double misfit(const LinearModel& model, const Variances& variances) {
  return weighted_square(model, model.response, variances) +
         model.prior_offset.dot(model.prior_precision.cwiseProduct(model.prior_offset));
}

CentredSurface gauss_newton(CentredSurface surface, std::span<const BudgetSample> samples,
                            const Variances& variances, double limit) {
  for (int i = 0; i < kStepsPerRound; ++i) {
    const LinearModel model = linearised(surface, samples, limit);
    const double before = misfit(model, variances);
    SurfaceGradient step = solve(model, variances);
    const double size = step.tail<4>().cwiseAbs().maxCoeff();
    if (size > kMostLogStep) step *= kMostLogStep / size;
    bool better = false;
    for (int half = 0; half < 8 && !better; ++half, step /= 2) {
      const CentredSurface next = surface.moved(step);
      better = misfit(linearised(next, samples, limit), variances) < before;
      if (better) surface = next;
    }
    if (!better || size < 1e-8) break;
  }
  return surface;
}

}  // namespace

CentredSurface::CentredSurface(const LossLaw& law, std::span<const BudgetSample> samples)
    : irreducible_(law.irreducible), alpha_(law.alpha), beta_(law.beta), scale_(law.scale) {
  const auto n = static_cast<double>(samples.size());
  for (const BudgetSample& sample : samples) {
    ln_size_ += std::log(sample.size) / n;
    ln_tokens_ += std::log(sample.tokens) / n;
    mean_loss_ += sample.loss / n;
  }
  a_ = law.a * std::exp(-alpha_ * ln_size_);
  b_ = law.b * std::exp(-beta_ * ln_tokens_);
}

bool CentredSurface::is_interior(const LossLaw& law) {
  // An exponent of 5 is a wall, not a power law.
  constexpr double kLeast = 1e-3, kMost = 5;
  return law.a > 0 && law.b > 0 && law.irreducible >= 0 && law.alpha > kLeast &&
         law.beta > kLeast && law.alpha < kMost && law.beta < kMost;
}

CentredSurface::Terms CentredSurface::terms(double size, double tokens) const {
  return {a_ * std::exp(-alpha_ * (std::log(size) - ln_size_)),
          b_ * std::exp(-beta_ * (std::log(tokens) - ln_tokens_))};
}

double CentredSurface::ln_loss(double size, double tokens) const {
  const Terms t = terms(size, tokens);
  return std::log(irreducible_ + t.size + t.tokens);
}

SurfaceGradient CentredSurface::gradient(double size, double tokens) const {
  const Terms t = terms(size, tokens);
  SurfaceGradient slope;
  slope << 1, t.size, t.tokens, -alpha_ * t.size * (std::log(size) - ln_size_),
      -beta_ * t.tokens * (std::log(tokens) - ln_tokens_);
  return slope / (irreducible_ + t.size + t.tokens);
}

double CentredSurface::shift_slope(double size, double tokens) const {
  const Terms t = terms(size, tokens);
  return (alpha_ * t.size - beta_ * t.tokens) / (irreducible_ + t.size + t.tokens);
}

double CentredSurface::ln_optimum(double compute) const {
  return std::log(optimal_allocation(law()).flops_per_token(compute) / law().flops_factor());
}

double CentredSurface::ln_optimal_loss(double compute) const {
  const double size = std::exp(ln_optimum(compute));
  return ln_loss(size, compute / (law().flops_factor() * size));
}

SurfaceGradient CentredSurface::optimum_gradient(double compute) const {
  // ln N* = (ln(alpha A / (beta B)) + beta ln(C / k)) / (alpha + beta); A = A' N_0^alpha and so on.
  const double ln_size = ln_optimum(compute);
  const double ln_tokens = std::log(compute / law().flops_factor()) - ln_size;
  SurfaceGradient slope;
  slope << 0, 1, -1, 1 - alpha_ * (ln_size - ln_size_), -1 + beta_ * (ln_tokens - ln_tokens_);
  return slope / (alpha_ + beta_);
}

SurfaceGradient CentredSurface::optimal_loss_gradient(double compute) const {
  const double size = std::exp(ln_optimum(compute));
  return gradient(size, compute / (law().flops_factor() * size));
}

CentredSurface CentredSurface::moved(const SurfaceGradient& step) const {
  CentredSurface next = *this;
  next.irreducible_ = std::max(0.0, irreducible_ + step[0]);
  next.a_ *= std::exp(step[1]);
  next.b_ *= std::exp(step[2]);
  next.alpha_ *= std::exp(step[3]);
  next.beta_ *= std::exp(step[4]);
  return next;
}

SurfaceGradient CentredSurface::prior_offset() const {
  SurfaceGradient offset;
  offset << irreducible_ - mean_loss_ / 2, std::log(a_ / (mean_loss_ / 4)),
      std::log(b_ / (mean_loss_ / 4)), std::log(alpha_ / kPriorExponent),
      std::log(beta_ / kPriorExponent);
  return offset;
}

SurfaceGradient CentredSurface::prior_precision() const {
  SurfaceGradient spread;
  spread << mean_loss_, kCoefficientSpread, kCoefficientSpread, kExponentSpread, kExponentSpread;
  return spread.cwiseAbs2().cwiseInverse();
}

LossLaw CentredSurface::law() const {
  return {.irreducible = irreducible_,
          .a = a_ * std::exp(alpha_ * ln_size_),
          .alpha = alpha_,
          .b = b_ * std::exp(beta_ * ln_tokens_),
          .beta = beta_,
          .scale = scale_};
}

MixedSurface fit_mixed_surface(std::span<const BudgetSample> samples, const LossLaw& start,
                               double tau_floor) {
  CentredSurface surface(start, samples);
  Variances estimated, used;
  for (int round = 0; round < kRounds; ++round) {
    const double limit = residual_limit(surface, samples);
    estimated = estimate_variances(linearised(surface, samples, limit), kNoiseFloor);
    used = {estimated.noise, std::max(estimated.tau, tau_floor)};
    surface = gauss_newton(surface, samples, used, limit);
  }
  return {.surface = surface, .noise = used.noise, .tau = used.tau, .tau_estimated = estimated.tau};
}

}  // namespace isoflop
