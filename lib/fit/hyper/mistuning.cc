// SPDX-License-Identifier: Apache-2.0
// The settings that were used are a line in x = ln scale through the curve's runs. Probes: u is the
// line through their offsets from the probed minima, so that shift, level and slope are sums over
// probes, and the shift's variance follows from the covariances of these minima. Law: u is used
// less proposed, D falling as N rises; the law's residual sds stand for the error of u at the
// minimum. The bound is |shift| + 1.645 sd of it by probes, |shift| + t sd with cells - 3 by the
// law. A tuned curvature k - w'Hw that is not positive bounds nothing.
#include "fit/hyper/mistuning.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

#include "fit/hyper/local_quadratic.h"
#include "stats/distributions.h"
#include "stats/linear_algebra.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

// D = C / (k N) along a curve.
constexpr double kTokensPerScale = -1;

/// u at the valley's minimum and its slope there, with H.
struct Offset {
  Eigen::Vector2d at_minimum, slope;
  Eigen::Matrix2d curvature;
};

/// One size with a grid: what its setting was off, as far as its runs say.
struct Probe {
  double x = 0;  // ln scale less that of the valley's minimum
  Eigen::Vector2d offset;
  Eigen::Matrix2d covariance;
  Eigen::Matrix2d curvature;
};

/// value(x) = level + slope x of each setting by least squares over the curve's runs.
struct SettingLine {
  Eigen::Vector2d level, slope;
  [[nodiscard]] Eigen::Vector2d at(double x) const { return level + slope * x; }
};

std::optional<SettingLine> settings_along(const BudgetGroup& curve, double ln_optimum) {
  const auto n = static_cast<Eigen::Index>(curve.samples.size());
  Eigen::MatrixX2d design(n, 2), settings(n, 2);
  for (Eigen::Index i = 0; i < n; ++i) {
    const Sample& sample = curve.samples[static_cast<std::size_t>(i)];
    if (!sample.batch_tokens || !sample.peak_lr) return std::nullopt;
    design.row(i) << 1, std::log(sample.scale) - ln_optimum;
    settings.row(i) = ln_setting(sample).transpose();
  }
  const Eigen::MatrixX2d solution = least_squares(design, settings).solution;
  return SettingLine{solution.row(0).transpose(), solution.row(1).transpose()};
}

/// Relative curvature of the valley in x.
double curvature_of(const Valley& valley) { return valley.curvature / valley.loss_opt; }

/// Curvature that the curve has without its mistuning; what is not positive bounds nothing.
double tuned_curvature(const Offset& u, const Valley& valley) {
  return curvature_of(valley) - u.slope.dot(u.curvature * u.slope);
}

double shift_of(const Offset& u, double tuned) {
  return -u.at_minimum.dot(u.curvature * u.slope) / tuned;
}

/// What the used settings at x are off the cell's own best.
std::optional<Probe> probe_of(const GridCell& cell, const SettingLine& used, double ln_optimum) {
  const auto fit = fit_quadratic(cell.samples);
  if (!fit || !fit->is_convex()) return std::nullopt;
  const Eigen::Vector2d best = fit->minimum();
  Probe probe;
  probe.x = std::log(cell.samples.front().scale) - ln_optimum;
  probe.offset = used.at(probe.x) - best;
  for (const Eigen::Index j : {kBatch, kRate}) {
    if (!fit->varies[static_cast<std::size_t>(j)]) {
      probe.offset[j] = 0;
      continue;
    }
    double low = ln_setting(cell.samples.front())[j], high = low;
    for (const Sample& sample : cell.samples) {
      low = std::min(low, ln_setting(sample)[j]);
      high = std::max(high, ln_setting(sample)[j]);
    }
    if (!(best[j] >= low && best[j] <= high)) return std::nullopt;
  }
  probe.covariance = fit->minimum_covariance();
  probe.curvature = fit->hessian;
  return probe;
}

/// The probed sizes among the curve's best size and its neighbours.
std::vector<Probe> probes_at(const Valley& valley, const BudgetGroup& curve,
                             std::span<const GridCell> cells, const SettingLine& used) {
  const double ln_optimum = std::log(valley.scale_opt);
  const std::size_t best = best_index(curve.samples);
  const double low = curve.samples[best == 0 ? best : best - 1].scale;
  const double high = curve.samples[std::min(best + 1, curve.samples.size() - 1)].scale;
  std::vector<Probe> probes;
  for (const GridCell& cell : cells) {
    const double scale = cell.samples.front().scale;
    if (cell.budget != valley.budget || scale < low * (1 - 1e-9) || scale > high * (1 + 1e-9)) {
      continue;
    }
    // A grid reaches too far for one quadratic; a probe of a few runs is taken whole.
    constexpr double kProbeWindow = 0.04;
    GridCell near = cell;
    near.samples = near_best(cell, kProbeWindow);
    if (const auto probe = probe_of(near, used, ln_optimum)) probes.push_back(*probe);
  }
  return probes;
}

bool bound_by_probes(const std::vector<Probe>& probes, const Valley& valley, double noise,
                     Mistuning& result) {
  if (probes.size() < 2) return false;
  const double n = static_cast<double>(probes.size());
  double centre = 0, spread = 0;
  Offset u{Eigen::Vector2d::Zero(), Eigen::Vector2d::Zero(), Eigen::Matrix2d::Zero()};
  for (const Probe& probe : probes) {
    centre += probe.x / n;
    u.curvature += probe.curvature / n;
  }
  for (const Probe& probe : probes) spread += std::pow(probe.x - centre, 2);
  if (!(spread > 0)) return false;
  // The line through the offsets: its value at x = 0 and its slope are sums over the probes.
  const auto slope_weight = [&](const Probe& p) { return (p.x - centre) / spread; };
  const auto level_weight = [&](const Probe& p) { return 1 / n - centre * slope_weight(p); };
  for (const Probe& probe : probes) {
    u.at_minimum += level_weight(probe) * probe.offset;
    u.slope += slope_weight(probe) * probe.offset;
  }
  const double tuned = tuned_curvature(u, valley);
  if (!(tuned > 0)) return false;
  result.shift_ln_scale = shift_of(u, tuned);
  // d shift / d u and d shift / d u'.
  const Eigen::Vector2d by_level = -u.curvature * u.slope / tuned;
  const Eigen::Vector2d by_slope =
      -u.curvature * (u.at_minimum - 2 * result.shift_ln_scale * u.slope) / tuned;
  double variance = 0;
  for (const Probe& probe : probes) {
    const Eigen::Vector2d change = level_weight(probe) * by_level + slope_weight(probe) * by_slope;
    variance += noise * noise * change.dot(probe.covariance * change);
  }
  result.bound_ln_scale = std::abs(result.shift_ln_scale) + kNormal90 * std::sqrt(variance);
  result.source = Mistuning::Source::probes;
  return true;
}

/// Mean curvature over the cells whose surface has a minimum.
std::optional<Eigen::Matrix2d> mean_curvature(const HyperFit& hyper) {
  Eigen::Matrix2d sum = Eigen::Matrix2d::Zero();
  double n = 0;
  for (const HyperCell& cell : hyper.cells) {
    if (!cell.surface.usable()) continue;
    const LocalOptimum& s = cell.surface;
    sum += (Eigen::Matrix2d() << s.batch_curvature, s.cross_curvature, s.cross_curvature,
            s.peak_lr_curvature)
               .finished();
    ++n;
  }
  if (!(n > 0)) return std::nullopt;
  return sum / n;
}

bool bound_by_law(const HyperFit& hyper, const Valley& valley, const BudgetGroup& curve,
                  const SettingLine& used, Mistuning& result) {
  const std::optional<Eigen::Matrix2d> curvature = mean_curvature(hyper);
  if (!curvature || !hyper.peak_lr_nd || !hyper.batch_tokens_d) return false;
  const HyperLawNd law{.batch_tokens = *hyper.batch_tokens_d, .peak_lr = *hyper.peak_lr_nd};
  // N of the curve's optimum: by the ratio of N and scale of its runs.
  double ln_ratio = 0;
  for (const Sample& sample : curve.samples) ln_ratio += std::log(sample.params / sample.scale);
  const double params =
      valley.scale_opt * std::exp(ln_ratio / static_cast<double>(curve.samples.size()));
  const auto slope = [](const HyperLawNd::Form& form) {
    return form.exponent_params + kTokensPerScale * form.exponent_tokens;
  };
  const Eigen::Vector2d best = {std::log(law.batch_tokens(params, valley.tokens_opt)),
                                std::log(law.peak_lr(params, valley.tokens_opt))};
  const Eigen::Vector2d best_slope = {slope(law.batch_tokens), slope(law.peak_lr)};
  const Offset u{used.level - best, used.slope - best_slope, *curvature};
  const double tuned = tuned_curvature(u, valley);
  if (!(tuned > 0)) return false;
  const Eigen::Vector2d weight = u.curvature * u.slope / tuned;
  const Eigen::Vector2d sd = {hyper.batch_tokens_d_residual_sd, hyper.peak_lr_nd_residual_sd};
  const double t = t90(static_cast<double>(hyper.n_cells) - 3);
  result.shift_ln_scale = shift_of(u, tuned);
  result.bound_ln_scale = std::abs(result.shift_ln_scale) + t * weight.cwiseProduct(sd).norm();
  result.source = Mistuning::Source::law;
  return true;
}

}  // namespace

Mistuning bound_mistuning(const Valley& valley, const BudgetGroup& curve,
                          std::span<const GridCell> cells, const HyperFit* hyper, double noise) {
  Mistuning result;
  result.budget = valley.budget;
  if (!valley.usable() || curve.samples.empty()) return result;
  const auto used = settings_along(curve, std::log(valley.scale_opt));
  if (!used) return result;
  const std::vector<Probe> probes = probes_at(valley, curve, cells, *used);
  result.n_probed_sizes = static_cast<std::int64_t>(probes.size());
  if (bound_by_probes(probes, valley, noise, result)) return result;
  if (hyper != nullptr) bound_by_law(*hyper, valley, curve, *used, result);
  return result;
}

}  // namespace isoflop
