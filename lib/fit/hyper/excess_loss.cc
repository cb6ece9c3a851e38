// SPDX-License-Identifier: Apache-2.0
// e^(u'Hu / 2) - 1 of the cell's quadratic, u = ln(proposed / best), while u'Hu / 2 is at most 2 %,
// up to where Step Law's runs are near a quadratic; else the nearest run in (ln B, ln lr) over the
// best one. On Step Law's cells its published law costs 0.04 % in the mean, eq. 1 of
// arXiv:2401.02954 with C = 6 N D 0.59 % (docs/laws.md).
#include "fit/hyper/excess_loss.h"

#include <algorithm>
#include <cmath>

#include "fit/hyper/local_optimum.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

struct Proposed {
  double batch_tokens, peak_lr;
};

bool within(double value, const Interval& range) {
  return value >= range.low && value <= range.high;
}

double log_distance_squared(const Sample& sample, const Proposed& proposed) {
  return std::pow(std::log(*sample.batch_tokens / proposed.batch_tokens), 2) +
         std::pow(std::log(*sample.peak_lr / proposed.peak_lr), 2);
}

bool outside(const GridCell& cell, const Proposed& proposed) {
  const auto beyond = [&](std::optional<double> Sample::*member, double value) {
    const auto [low, high] = std::minmax_element(
        cell.samples.begin(), cell.samples.end(),
        [&](const Sample& a, const Sample& b) { return *(a.*member) < *(b.*member); });
    return std::log(*(*low.*member) / value) > kSameSetting ||
           std::log(value / *(*high.*member)) > kSameSetting;
  };
  return beyond(&Sample::batch_tokens, proposed.batch_tokens) ||
         beyond(&Sample::peak_lr, proposed.peak_lr);
}

ExcessLoss::Cell excess_in(const GridCell& cell, const HyperCell& found, const Proposed& proposed,
                           double window) {
  ExcessLoss::Cell result{.budget = found.budget,
                          .params = found.params,
                          .tokens = found.tokens,
                          .batch_tokens = proposed.batch_tokens,
                          .peak_lr = proposed.peak_lr};
  result.outside_grid = outside(cell, proposed);
  const LocalOptimum& surface = found.surface;
  if (surface.usable() && within(proposed.batch_tokens, surface.batch_range) &&
      within(proposed.peak_lr, surface.peak_lr_range)) {
    const double excess = surface.excess(proposed.batch_tokens, proposed.peak_lr);
    result.by_surface = excess <= window;
    if (result.by_surface) {
      result.excess = std::expm1(excess);
      return result;
    }
  }
  const Sample& nearest = *std::min_element(
      cell.samples.begin(), cell.samples.end(), [&](const auto& a, const auto& b) {
        return log_distance_squared(a, proposed) < log_distance_squared(b, proposed);
      });
  result.excess = nearest.metric / found.best_metric - 1;
  return result;
}

void summarize(ExcessLoss& result) {
  result.n_cells = static_cast<std::int64_t>(result.cells.size());
  if (result.cells.empty()) return;
  std::vector<double> values;
  for (const ExcessLoss::Cell& cell : result.cells) {
    values.push_back(cell.excess);
    result.n_by_surface += cell.by_surface;
    result.n_outside_grid += cell.outside_grid;
  }
  result.mean = mean(values);
  result.median = median(values);
  result.max = *std::max_element(values.begin(), values.end());
}

template <class Propose>
ExcessLoss excess_of(std::span<const GridCell> cells, std::span<const HyperCell> found,
                     const char* form, const Propose& propose) {
  ExcessLoss result;
  result.form = form;
  // A noisy grid's surfaces have a wider window; 2 % is in every one of them.
  const double window = surface_window(std::nullopt);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    result.cells.push_back(excess_in(cells[i], found[i], propose(found[i]), window));
  }
  summarize(result);
  return result;
}

}  // namespace

ExcessLoss excess_loss(std::span<const GridCell> cells, std::span<const HyperCell> found,
                       const HyperLaw& law) {
  return excess_of(cells, found, "C", [&](const HyperCell& cell) {
    return Proposed{law.batch_tokens(cell.compute), law.peak_lr(cell.compute)};
  });
}

ExcessLoss excess_loss(std::span<const GridCell> cells, std::span<const HyperCell> found,
                       const HyperLawNd& law) {
  return excess_of(cells, found, "N_D", [&](const HyperCell& cell) {
    return Proposed{law.batch_tokens(cell.params, cell.tokens),
                    law.peak_lr(cell.params, cell.tokens)};
  });
}

std::vector<ExcessLoss> own_excess_loss(std::span<const GridCell> cells, const HyperFit& fit) {
  std::vector<ExcessLoss> result;
  const auto add = [&](ExcessLoss excess, HyperEstimator estimator) {
    excess.law = to_string(estimator);
    excess.own = true;
    result.push_back(std::move(excess));
  };
  for (const HyperEstimate& e : fit.estimates) {
    if (e.batch_tokens.usable() && e.peak_lr.usable()) {
      add(excess_loss(cells, fit.cells, HyperLaw{e.batch_tokens.law, e.peak_lr.law}), e.estimator);
    }
    if (e.peak_lr_nd && e.batch_tokens_d) {
      add(excess_loss(cells, fit.cells, HyperLawNd{e.batch_tokens_d->form, e.peak_lr_nd->form}),
          e.estimator);
    }
  }
  return result;
}

std::vector<ExcessLoss> excess_loss_of(const Law& law, std::span<const GridCell> cells,
                                       const HyperFit& fit) {
  std::vector<ExcessLoss> result;
  if (law.hyper) result.push_back(excess_loss(cells, fit.cells, *law.hyper));
  if (law.hyper_nd) result.push_back(excess_loss(cells, fit.cells, *law.hyper_nd));
  for (ExcessLoss& excess : result) excess.law = law.id;
  return result;
}

}  // namespace isoflop
