// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/findings.h"

namespace isoflop {

/// Every run with its outcome; the points themselves where there are no records.
[[nodiscard]] TextRows run_rows(const ReportChapter& chapter);

/// "60 runs: 58 completed, 2 diverged"
[[nodiscard]] std::string run_count_text(const ReportChapter& chapter);

/// What was measured, how, with what: pairs of a word and its explanation.
[[nodiscard]] TextRows provenance_rows(const ReportChapter& chapter);

}  // namespace isoflop
