// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "isoflop/report.h"

namespace isoflop {

/// What a chapter has to say, in rows of plain text that the page and the terminal share.

/// Rows of a table; the first one names the columns.
using TextRows = std::vector<std::vector<std::string>>;

/// Sentences that answer the chapter's question: exponents with intervals and minima found. Beside
/// them stand the leading_tables().
[[nodiscard]] std::vector<std::string> verdict_of(const ReportChapter& chapter);

/// The chapters' exponents and hold-out errors; nothing for fewer than two chapters with a fit.
[[nodiscard]] TextRows comparison_rows(const Report& report);

/// Budget, optimal scale and tokens with their standard error, loss, points, bracketed or why not.
[[nodiscard]] TextRows valley_rows(const ReportChapter& chapter);

/// Each law: ours with the 90 % intervals, and the reference's where it has the like.
[[nodiscard]] TextRows law_rows(const ReportChapter& chapter);

/// Left-out budgets predicted from the rest.
[[nodiscard]] TextRows holdout_rows(const ReportChapter& chapter);

}  // namespace isoflop
