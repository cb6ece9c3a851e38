// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/findings.h"

namespace isoflop {

/// A part of a fit as the page and the terminal show it. No rows: the fit lacks the part.
struct FitTable {
  std::string title;
  TextRows rows = {};
  std::size_t n_text_columns = 1;       // from the left; the others hold numbers
  std::size_t n_page_columns = 0;       // from the right; the terminal has no room for them
  std::vector<std::string> notes = {};  // sentences below it
  bool page_only = false;
};

/// What budgets left out were off by, of each method.
[[nodiscard]] FitTable holdout_table(const ReportChapter& chapter);
/// Budgets beyond the data with their intervals, the light and what a miss costs.
[[nodiscard]] FitTable target_table(const ReportChapter& chapter);
/// The exponent of the optimal scale by every estimator, and its optimum 10 and 100 times beyond
/// the data with the interval that a further budget's optimum will lie in.
[[nodiscard]] FitTable estimator_table(const ReportChapter& chapter);
/// L = E + A/N^alpha + B/D^beta: calibrated intervals, the bootstrap's, what is not identified.
[[nodiscard]] FitTable surface_table(const ReportChapter& chapter);
/// Runs far from the surface, the farthest first.
[[nodiscard]] FitTable outlier_table(const ReportChapter& chapter);
/// The same points by other counts of FLOPs.
[[nodiscard]] FitTable convention_table(const ReportChapter& chapter);
/// Laws of batch size and learning rate by every estimator.
[[nodiscard]] FitTable hyper_table(const ReportChapter& chapter);
/// Laws in N and D: of the batch, of the rate at a batch, of weight decay.
[[nodiscard]] FitTable recipe_table(const ReportChapter& chapter);
/// What laws of batch and learning rate cost above the best of each grid.
[[nodiscard]] FitTable excess_table(const ReportChapter& chapter);
[[nodiscard]] FitTable form_table(const ReportChapter& chapter);

/// Of those above the ones that have rows, without columns that are empty throughout: how far to
/// trust the fit, and then what it found, in reading order.
[[nodiscard]] std::vector<FitTable> leading_tables(const ReportChapter& chapter);
[[nodiscard]] std::vector<FitTable> fit_tables(const ReportChapter& chapter);

}  // namespace isoflop
