// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "fit/warnings.h"

namespace isoflop {

void warn_of_hyper(const Fit& fit, Words& warnings) {
  if (!fit.hyper) return;
  const HyperFit& hyper = *fit.hyper;
  const auto warn_if_assumed = [&](const char* name, const PowerLawFit& law) {
    if (!law.exponent_assumed) return;
    warnings.push_back(std::string(name) + ": " + std::to_string(hyper.n_cells) +
                       (hyper.n_cells == 1 ? " grid does" : " grids do") +
                       " not determine the exponent; assumed " + rounded_text(law.law.exponent) +
                       ", the coefficient is fitted.");
  };
  warn_if_assumed("Batch size", hyper.batch_tokens);
  warn_if_assumed("Learning rate", hyper.peak_lr);
  if (hyper.noise && hyper.band < 4 * *hyper.noise) {
    warnings.push_back("Runs of the grids scatter by " + rounded_text(100 * *hyper.noise, 2) +
                       " % about smooth surfaces; the near-optimal band is " +
                       rounded_text(100 * hyper.band, 2) + " %.");
  }
  for (const HyperCell& cell : hyper.cells) {
    Words edges;
    if (cell.batch_at_edge) edges.emplace_back("batch sizes");
    if (cell.peak_lr_at_edge) edges.emplace_back("learning rates");
    if (!edges.empty()) {
      warnings.push_back(at_budget(cell.budget) + "near-optimal " + join(edges, " and ") +
                         " reach the edge of the grid; widen it.");
    }
  }
  if (hyper.n_cells >= 4 && !hyper.peak_lr_nd) {
    warnings.emplace_back(
        "Learning rate: the grids lie on one line in (ln N, ln D), so that a law "
        "in N and D cannot be told from one in C.");
  }
}

}  // namespace isoflop
