// SPDX-License-Identifier: Apache-2.0
// Four estimators of the best batch and rate in each cell, and the same band in five widths. The
// band (arXiv:2401.02954, sec. 3.1) gives the fit's own laws, the others stand beside it: none
// gives Step Law's published law back from its own runs, and the width of the band decides, N's
// exponent of the rate going from -0.755 at 0.1 % to -0.436 at 2 % (docs/laws.md). At 0.25 % under
// a noise of 0.5 % the band lists lucky runs, an exponent of +0.3 -+ 1.9: hence twice the noise and
// the prior's exponent for an open one (decision 6).
#include "fit/hyper/hyper_fit.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "fit/hyper/excess_loss.h"
#include "fit/hyper/grid_noise.h"
#include "fit/hyper/hyper_regression.h"
#include "fit/hyper/local_optimum.h"
#include "fit/hyper/rate_at_batch.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kPaperBand = 0.0025;  // arXiv:2401.02954, sec. 3.1
constexpr double kNoiseBand = 2;       // standard deviations
constexpr double kBands[] = {0.001, 0.0025, 0.005, 0.01, 0.02};
constexpr double kDivergedRatio = 1.5;
// An exponent known no better than to +-0.5 is not known: a decade of budget would multiply the
// learning rate by anything from 1/3 to 3. The prior's is taken then.
constexpr double kMaxExponentWidth = 1;

const double kUniformSd = 1 / std::sqrt(12.0);  // of what is anywhere within a step

/// Of ln batch and ln rate, median; 0 where a grid has one value.
struct GridSteps {
  double batch = 0, rate = 0;
};

double step_of(const std::vector<Interval>& distinct) {
  if (distinct.size() < 2) return 0;
  std::vector<double> steps;
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    steps.push_back(std::log(distinct[i].low / distinct[i - 1].low));
  }
  return median(steps);
}

/// What the regressions of one estimator see.
struct Rows {
  std::vector<HyperRow> batches, rates;
  /// `steps`: of the grid that the values are of.
  void add(std::int64_t cell, const HyperCell& where, double batch, double rate,
           const GridSteps& steps = {}) {
    HyperRow row{.compute = where.compute,
                 .params = where.params,
                 .tokens = where.tokens,
                 .value = batch,
                 .resolution = steps.batch * kUniformSd,
                 .cell = cell};
    batches.push_back(row);
    row.value = rate;
    row.resolution = steps.rate * kUniformSd;
    rates.push_back(row);
  }
};

std::vector<double> values_of(const GridCell& cell, std::optional<double> Sample::*member) {
  std::vector<double> values;
  for (const Sample& sample : cell.samples) values.push_back(*(sample.*member));
  return values;
}

GridSteps steps_of(const GridCell& cell) {
  return {step_of(distinct_settings(values_of(cell, &Sample::batch_tokens))),
          step_of(distinct_settings(values_of(cell, &Sample::peak_lr)))};
}

// A grid of one value has no edge.
bool ends_at(const std::vector<Interval>& distinct, double value) {
  return distinct.size() > 1 && (value <= distinct.front().high || value >= distinct.back().low);
}

HyperCell describe(const GridCell& cell, double band) {
  const Sample& best = cell.samples[best_index(cell.samples)];
  const std::vector<Interval> batches = distinct_settings(values_of(cell, &Sample::batch_tokens));
  const std::vector<Interval> rates = distinct_settings(values_of(cell, &Sample::peak_lr));
  HyperCell result;
  result.budget = cell.budget;
  result.compute = cell.compute;
  result.params = best.params;
  result.tokens = best.tokens;
  result.best_metric = best.metric;
  result.best_batch_tokens = *best.batch_tokens;
  result.best_peak_lr = *best.peak_lr;
  result.critical_batch_tokens = best.critical_batch_tokens;
  result.n_runs = static_cast<std::int64_t>(cell.samples.size());
  result.n_batches = static_cast<std::int64_t>(batches.size());
  result.n_rates = static_cast<std::int64_t>(rates.size());
  double log_batch = 0, log_rate = 0;
  for (const Sample& sample : cell.samples) {
    if (sample.metric > kDivergedRatio * best.metric) ++result.n_diverged;
    if (sample.metric > (1 + band) * best.metric) continue;
    ++result.n_near_optimal;
    log_batch += std::log(*sample.batch_tokens);
    log_rate += std::log(*sample.peak_lr);
    result.batch_at_edge |= ends_at(batches, *sample.batch_tokens);
    result.peak_lr_at_edge |= ends_at(rates, *sample.peak_lr);
  }
  result.batch_tokens = std::exp(log_batch / static_cast<double>(result.n_near_optimal));
  result.peak_lr = std::exp(log_rate / static_cast<double>(result.n_near_optimal));
  return result;
}

Rows band_rows(std::span<const GridCell> cells, std::span<const HyperCell> found, double band) {
  Rows rows;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const GridSteps steps = steps_of(cells[i]);
    for (const Sample& sample : cells[i].samples) {
      if (sample.metric > (1 + band) * found[i].best_metric) continue;
      rows.add(static_cast<std::int64_t>(i), found[i], *sample.batch_tokens, *sample.peak_lr,
               steps);
    }
  }
  return rows;
}

// One row per cell that has an answer.
Rows cell_rows(std::span<const GridCell> cells, std::span<const HyperCell> found,
               HyperEstimator estimator) {
  Rows rows;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const HyperCell& cell = found[i];
    const GridSteps steps = steps_of(cells[i]);
    const auto index = static_cast<std::int64_t>(i);
    if (estimator == HyperEstimator::band_cells) {
      rows.add(index, cell, cell.batch_tokens, cell.peak_lr, steps);
    } else if (estimator == HyperEstimator::argmin) {
      rows.add(index, cell, cell.best_batch_tokens, cell.best_peak_lr, steps);
    } else if (cell.surface.usable()) {
      rows.add(index, cell, cell.surface.batch_tokens, cell.surface.peak_lr);
    }
  }
  return rows;
}

HyperEstimate estimate(HyperEstimator estimator, double band, const Rows& rows) {
  HyperEstimate result;
  result.estimator = estimator;
  result.band = band;
  result.batch_tokens = fit_compute_law(rows.batches);
  result.peak_lr = fit_compute_law(rows.rates);
  result.peak_lr_nd = fit_params_tokens_law(rows.rates);
  result.batch_tokens_d = fit_tokens_law(rows.batches);
  result.batch_tokens_nd = fit_params_tokens_law(rows.batches);
  result.n_values = static_cast<std::int64_t>(rows.rates.size());
  for (std::size_t i = 0; i < rows.rates.size(); ++i) {
    result.n_cells += i == 0 || rows.rates[i].cell != rows.rates[i - 1].cell;
  }
  return result;
}

PowerLawFit with_prior(const PowerLawFit& fit, std::span<const HyperRow> rows, double exponent) {
  if (fit.usable() && fit.exponent.high - fit.exponent.low <= kMaxExponentWidth) return fit;
  return fit_compute_coefficient(rows, exponent);
}

// Whether `a` is `b` printed with 2 to 4 significant digits.
bool is_rounding_of(double a, double b) {
  for (int digits = 2; digits <= 4; ++digits) {
    if (parse_double(rounded_text(b, digits)) == a) return true;
  }
  return false;
}

// Learning rates that are one value printed with different roundings: too near each other to be two
// of one cell, or the one being the other rounded.
std::vector<Interval> merged_rates(std::span<const GridCell> cells) {
  std::vector<Interval> merged;
  std::vector<double> all;
  for (const GridCell& cell : cells) {
    const std::vector<double> rates = values_of(cell, &Sample::peak_lr);
    all.insert(all.end(), rates.begin(), rates.end());
    for (const Interval& value : distinct_settings(rates)) {
      if (value.high > value.low * (1 + 1e-9)) merged.push_back(value);
    }
  }
  if (!merged.empty()) return merged;
  for (const Interval& value : distinct_settings(std::move(all))) {
    if (value.low == value.high) continue;
    if (is_rounding_of(value.low, value.high) || is_rounding_of(value.high, value.low)) {
      merged.push_back(value);
    }
  }
  return merged;
}

void set_laws(HyperFit& fit, const Rows& rows, const HyperLaw& prior) {
  const HyperEstimate& band = fit.estimates.front();
  fit.batch_tokens = with_prior(band.batch_tokens, rows.batches, prior.batch_tokens.exponent);
  fit.peak_lr = with_prior(band.peak_lr, rows.rates, prior.peak_lr.exponent);
  if (band.peak_lr_nd) {
    fit.peak_lr_nd = band.peak_lr_nd->form;
    fit.peak_lr_nd_residual_sd = band.peak_lr_nd->residual_sd;
  }
  if (band.batch_tokens_d) {
    fit.batch_tokens_d = band.batch_tokens_d->form;
    fit.batch_tokens_d_residual_sd = band.batch_tokens_d->residual_sd;
  }
  fit.batch_tokens_nd = band.batch_tokens_nd;
}

}  // namespace

std::optional<HyperFit> fit_hyper(std::span<const GridCell> cells, std::optional<double> band,
                                  const HyperLaw& prior) {
  if (cells.empty()) return std::nullopt;
  HyperFit fit;
  fit.noise = grid_noise(cells);
  fit.band = band.value_or(std::max(kPaperBand, kNoiseBand * fit.noise.value_or(0)));
  const std::vector<LocalOptimum> optima = find_optima(cells, surface_window(fit.noise));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    fit.cells.push_back(describe(cells[i], fit.band));
    fit.cells.back().surface = optima[i];
    fit.n_near_optimal += fit.cells.back().n_near_optimal;
  }
  fit.n_cells = static_cast<std::int64_t>(fit.cells.size());
  fit.merged_rates = merged_rates(cells);

  const Rows rows = band_rows(cells, fit.cells, fit.band);
  fit.estimates.push_back(estimate(HyperEstimator::band, fit.band, rows));
  for (const HyperEstimator other :
       {HyperEstimator::band_cells, HyperEstimator::argmin, HyperEstimator::surface}) {
    const double width = other == HyperEstimator::band_cells ? fit.band : 0;
    fit.estimates.push_back(estimate(other, width, cell_rows(cells, fit.cells, other)));
  }
  for (const double width : kBands) {
    fit.band_sensitivity.push_back(
        estimate(HyperEstimator::band, width, band_rows(cells, fit.cells, width)));
  }
  set_laws(fit, rows, prior);
  fit.peak_lr_at_batch = fit_rate_at_batch(cells, surface_window(fit.noise));
  fit.excess_loss = own_excess_loss(cells, fit);
  return fit;
}

}  // namespace isoflop
