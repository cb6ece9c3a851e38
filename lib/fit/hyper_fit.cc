// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper_fit.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "fit/grid_noise.h"
#include "fit/power_law_fit.h"

namespace isoflop {
namespace {

constexpr std::size_t kMinCells = 3;
constexpr double kPaperBand = 0.0025;  // arXiv:2401.02954, sec. 3.1
constexpr double kNoiseBand = 2;       // standard deviations
// Ratio of the spreads of (ln N, ln D) along and across their main direction above which the two
// exponents cannot be told apart: cells at the optimum of each budget lie on one line.
constexpr double kMaxCondition = 30;
// An exponent known no better than to +-0.5 is not known: a decade of budget would multiply the
// learning rate by anything from 1/3 to 3. The prior's is taken then.
constexpr double kMaxExponentWidth = 1;

bool is_determined(const Interval& exponent) {
  return exponent.high - exponent.low <= kMaxExponentWidth;
}

struct Range {
  double low, high;
  [[nodiscard]] bool ends_at(double value) const {
    return high > low && (value <= low || value >= high);
  }
};

Range range_of(const GridCell& cell, std::optional<double> Sample::*member) {
  Range range{*(cell.samples.front().*member), *(cell.samples.front().*member)};
  for (const Sample& sample : cell.samples) {
    range.low = std::min(range.low, *(sample.*member));
    range.high = std::max(range.high, *(sample.*member));
  }
  return range;
}

HyperCell summarize(const GridCell& cell, double band) {
  const auto best =
      std::min_element(cell.samples.begin(), cell.samples.end(),
                       [](const Sample& a, const Sample& b) { return a.metric < b.metric; });
  const Range batches = range_of(cell, &Sample::batch_tokens);
  const Range rates = range_of(cell, &Sample::peak_lr);
  HyperCell result;
  result.budget = cell.budget;
  result.compute = cell.compute;
  result.params = best->params;
  result.tokens = best->tokens;
  result.best_metric = best->metric;
  result.n_runs = static_cast<std::int64_t>(cell.samples.size());
  double log_batch = 0;
  double log_rate = 0;
  for (const Sample& sample : cell.samples) {
    if (sample.metric > (1 + band) * best->metric) continue;
    ++result.n_near_optimal;
    log_batch += std::log(*sample.batch_tokens);
    log_rate += std::log(*sample.peak_lr);
    result.batch_at_edge |= batches.ends_at(*sample.batch_tokens);
    result.peak_lr_at_edge |= rates.ends_at(*sample.peak_lr);
  }
  result.batch_tokens = std::exp(log_batch / static_cast<double>(result.n_near_optimal));
  result.peak_lr = std::exp(log_rate / static_cast<double>(result.n_near_optimal));
  return result;
}

PowerLawFit law_of(const std::vector<HyperCell>& cells, double HyperCell::*value,
                   double prior_exponent) {
  std::vector<PowerLawPoint> points;
  for (const HyperCell& cell : cells) points.push_back({.x = cell.compute, .y = cell.*value});
  const PowerLawFit fit = fit_power_law(points);
  if (fit.usable() && is_determined(fit.exponent)) return fit;
  return fit_coefficient(points, prior_exponent);
}

struct FormFit {
  HyperLawNd::Form form;
  double residual_sd;
};

// ln y = c + p ln N + q ln D (p only where `with_params`) by least squares.
std::optional<FormFit> fit_form(const std::vector<HyperCell>& cells, double HyperCell::*value,
                                bool with_params) {
  const auto n = static_cast<Eigen::Index>(cells.size());
  const Eigen::Index n_columns = with_params ? 3 : 2;
  if (n <= n_columns) return std::nullopt;
  Eigen::MatrixXd design(n, n_columns);
  Eigen::VectorXd y(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    const HyperCell& cell = cells[static_cast<std::size_t>(i)];
    design(i, 0) = 1;
    design(i, 1) = std::log(cell.tokens);
    if (with_params) design(i, 2) = std::log(cell.params);
    y[i] = std::log(cell.*value);
  }
  const Eigen::MatrixXd slopes = design.rightCols(n_columns - 1);
  const Eigen::MatrixXd centred = slopes.rowwise() - slopes.colwise().mean();
  const Eigen::VectorXd spread = centred.jacobiSvd().singularValues();
  if (spread.minCoeff() <= 1e-6 || spread.maxCoeff() > kMaxCondition * spread.minCoeff()) {
    return std::nullopt;
  }
  const Eigen::VectorXd b = design.colPivHouseholderQr().solve(y);
  const double dof = static_cast<double>(n - n_columns);
  return FormFit{.form = {.coefficient = std::exp(b[0]),
                          .exponent_params = with_params ? b[2] : 0,
                          .exponent_tokens = b[1]},
                 .residual_sd = std::sqrt((y - design * b).squaredNorm() / dof)};
}

}  // namespace

std::optional<HyperFit> fit_hyper(std::span<const GridCell> cells, std::optional<double> band,
                                  const HyperLaw& prior) {
  if (cells.empty()) return std::nullopt;
  HyperFit fit;
  fit.noise = grid_noise(cells);
  fit.band = band.value_or(std::max(kPaperBand, kNoiseBand * fit.noise.value_or(0)));
  for (const GridCell& cell : cells) fit.cells.push_back(summarize(cell, fit.band));
  fit.n_cells = static_cast<std::int64_t>(fit.cells.size());
  for (const HyperCell& cell : fit.cells) fit.n_near_optimal += cell.n_near_optimal;
  fit.batch_tokens = law_of(fit.cells, &HyperCell::batch_tokens, prior.batch_tokens.exponent);
  fit.peak_lr = law_of(fit.cells, &HyperCell::peak_lr, prior.peak_lr.exponent);
  if (fit.cells.size() < kMinCells) return fit;
  if (const auto form = fit_form(fit.cells, &HyperCell::peak_lr, true)) {
    fit.peak_lr_nd = form->form;
    fit.peak_lr_nd_residual_sd = form->residual_sd;
  }
  if (const auto form = fit_form(fit.cells, &HyperCell::batch_tokens, false)) {
    fit.batch_tokens_d = form->form;
    fit.batch_tokens_d_residual_sd = form->residual_sd;
  }
  return fit;
}

}  // namespace isoflop
