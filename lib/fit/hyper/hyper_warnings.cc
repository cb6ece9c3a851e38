// SPDX-License-Identifier: Apache-2.0
#include "fit/hyper/hyper_warnings.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kNotableShift = 0.2;  // of ln size, as of other doubts about a minimum

void warn_of_assumed(const HyperFit& hyper, Words& warnings) {
  Words laws, exponents;
  const auto note = [&](const char* name, const PowerLawFit& law) {
    if (!law.exponent_assumed) return;
    laws.emplace_back(name);
    exponents.push_back(rounded_text(law.law.exponent));
  };
  note("batch size", hyper.batch_tokens);
  note("learning rate", hyper.peak_lr);
  if (laws.empty()) return;
  warnings.push_back("Law of " + join(laws, " and ") + ": " + std::to_string(hyper.n_cells) +
                     (hyper.n_cells == 1 ? " grid does" : " grids do") +
                     " not determine the exponent; assumed " + join(exponents, " and ") +
                     ", the coefficient is fitted.");
}

void warn_of_noise(const HyperFit& hyper, Words& warnings) {
  if (!hyper.noise || hyper.band >= 4 * *hyper.noise) return;
  warnings.push_back("Runs of the grids scatter by " + percent_text(*hyper.noise) +
                     " about smooth surfaces; the near-optimal band is " +
                     percent_text(hyper.band) + ".");
}

void warn_of_edges(const HyperFit& hyper, Words& warnings) {
  for (const HyperCell& cell : hyper.cells) {
    Words band, minimum;
    if (cell.batch_at_edge) band.emplace_back("batch sizes");
    if (cell.peak_lr_at_edge) band.emplace_back("learning rates");
    if (!band.empty()) {
      warnings.push_back(at_budget(cell.budget) + "near-optimal " + join(band, " and ") +
                         " reach the edge of the grid; widen it.");
    }
    if (cell.surface.batch_at_edge) minimum.emplace_back("batch size");
    if (cell.surface.peak_lr_at_edge) minimum.emplace_back("learning rate");
    if (!minimum.empty()) {
      warnings.push_back(at_budget(cell.budget) + "the local surface puts the best " +
                         join(minimum, " and ") +
                         " beyond the runs near the best; its cell counts for no surface law.");
    }
  }
}

// Cells of one batch or one learning rate, and cells on one line in (ln N, ln D).
void warn_of_lines(const HyperFit& hyper, Words& warnings) {
  for (const HyperCell& cell : hyper.cells) {
    if (cell.n_batches > 1 && cell.n_rates > 1) continue;
    warnings.push_back(at_budget(cell.budget) + "the grid has one " +
                       (cell.n_batches > 1 ? "learning rate" : "batch size") +
                       "; the best of the other is the best at that one only.");
  }
  if (hyper.n_cells >= 4 && !hyper.peak_lr_nd) {
    warnings.emplace_back(
        "Learning rate: the grids lie on one line in (ln N, ln D), so that a law "
        "in N and D cannot be told from one in C.");
  }
}

/// An exponent off by less moves a setting by less than 5 % over a decade.
constexpr double kLeastDrift = 0.02;

/// An exponent at the narrowest and the widest band, and its interval at the fit's own.
struct Drift {
  std::string name;
  double narrow, wide;
  Interval interval;
  [[nodiscard]] bool is_large() const {
    return std::abs(wide - narrow) > std::max(kLeastDrift, interval.high - interval.low);
  }
};

std::vector<Drift> drifts(const HyperEstimate& narrow, const HyperEstimate& wide,
                          const HyperEstimate& own) {
  std::vector<Drift> result;
  if (narrow.peak_lr_nd && wide.peak_lr_nd && own.peak_lr_nd) {
    result.push_back({"the learning rate's exponent of N", narrow.peak_lr_nd->form.exponent_params,
                      wide.peak_lr_nd->form.exponent_params, own.peak_lr_nd->exponent_params});
    result.push_back({"the learning rate's exponent of D", narrow.peak_lr_nd->form.exponent_tokens,
                      wide.peak_lr_nd->form.exponent_tokens, own.peak_lr_nd->exponent_tokens});
  }
  if (narrow.batch_tokens_d && wide.batch_tokens_d && own.batch_tokens_d) {
    result.push_back({"the batch size's exponent of D", narrow.batch_tokens_d->form.exponent_tokens,
                      wide.batch_tokens_d->form.exponent_tokens,
                      own.batch_tokens_d->exponent_tokens});
  }
  const auto add_if_usable = [&](const char* name, PowerLawFit HyperEstimate::*law) {
    if (!(narrow.*law).usable() || !(wide.*law).usable() || !(own.*law).usable()) return;
    result.push_back(
        {name, (narrow.*law).law.exponent, (wide.*law).law.exponent, (own.*law).exponent});
  };
  add_if_usable("the learning rate's exponent of C", &HyperEstimate::peak_lr);
  add_if_usable("the batch size's exponent of C", &HyperEstimate::batch_tokens);
  return result;
}

void warn_of_band(const HyperFit& hyper, Words& warnings) {
  if (hyper.estimates.empty() || hyper.band_sensitivity.empty()) return;
  const HyperEstimate& narrow = hyper.band_sensitivity.front();
  const HyperEstimate& wide = hyper.band_sensitivity.back();
  for (const Drift& drift : drifts(narrow, wide, hyper.estimates.front())) {
    if (!drift.is_large()) continue;
    warnings.push_back("Near-optimal band: from " + percent_text(narrow.band) + " to " +
                       percent_text(wide.band) + " " + drift.name + " goes from " +
                       rounded_text(drift.narrow, 3) + " to " + rounded_text(drift.wide, 3) +
                       ", more than its 90 % interval at " + percent_text(hyper.band) +
                       " is wide; compare the surface estimator.");
  }
}

void warn_of_critical_batch(const HyperFit& hyper, Words& warnings) {
  for (const HyperCell& cell : hyper.cells) {
    if (!cell.critical_batch_tokens || cell.batch_tokens <= *cell.critical_batch_tokens) continue;
    warnings.push_back(at_budget(cell.budget) + "the best batch, " + si_text(cell.batch_tokens) +
                       " tokens, is above the critical one measured, " +
                       si_text(*cell.critical_batch_tokens) + ".");
  }
}

void warn_of_merged(const HyperFit& hyper, Words& warnings) {
  if (hyper.merged_rates.empty()) return;
  const Interval& first = hyper.merged_rates.front();
  warnings.push_back("Learning rates are printed with several roundings (" +
                     rounded_text(first.low, 6) + " and " + rounded_text(first.high, 6) +
                     (hyper.merged_rates.size() > 1
                          ? " and " + std::to_string(hyper.merged_rates.size() - 1) + " more"
                          : "") +
                     "); values within 1 % count as one.");
}

void warn_of_divergence(const HyperFit& hyper, Words& warnings) {
  std::int64_t n_diverged = 0, n_runs = 0;
  for (const HyperCell& cell : hyper.cells) {
    n_diverged += cell.n_diverged;
    n_runs += cell.n_runs;
  }
  if (n_diverged == 0) return;
  warnings.push_back(std::to_string(n_diverged) + " of the grids' " + std::to_string(n_runs) +
                     (n_diverged == 1 ? " runs is" : " runs are") +
                     " more than 50 % above the best of the cell (diverged?); no law uses them.");
}

}  // namespace

void warn_of_hyper(const HyperFit& hyper, Words& warnings) {
  warn_of_assumed(hyper, warnings);
  warn_of_noise(hyper, warnings);
  warn_of_edges(hyper, warnings);
  warn_of_lines(hyper, warnings);
  warn_of_band(hyper, warnings);
  warn_of_critical_batch(hyper, warnings);
  warn_of_merged(hyper, warnings);
  warn_of_divergence(hyper, warnings);
}

void warn_of_mistuning(std::span<const Mistuning> bounds, std::span<const Valley> valleys,
                       Words& warnings) {
  for (const Mistuning& bound : bounds) {
    if (bound.source == Mistuning::Source::none) continue;
    const auto valley = std::find_if(valleys.begin(), valleys.end(), [&](const Valley& candidate) {
      return candidate.budget == bound.budget;
    });
    if (valley == valleys.end() || !valley->usable()) continue;
    if (bound.bound_ln_scale <= std::max(kNotableShift, 2 * valley->ln_scale_se)) continue;
    warnings.push_back(at_budget(bound.budget) +
                       "batch sizes and learning rates off their best may have moved the optimal "
                       "size by a factor of up to " +
                       rounded_text(std::exp(bound.bound_ln_scale), 3) + " (by its " +
                       std::string(to_string(bound.source)) + "); tune the sizes alike.");
  }
}

}  // namespace isoflop
