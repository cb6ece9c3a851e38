// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/fit.h"
#include "isoflop/plan.h"
#include "isoflop/run_record.h"

namespace isoflop {

/// One data set's chapter of a report. What is absent is left out of the page.
struct ReportChapter {
  std::string title;
  std::string question;
  PointSet points;  // iso-FLOP cells and grid cells
  std::optional<Fit> fit;
  std::optional<Law> reference;    // drawn beside ours, e.g. the paper's
  std::vector<RunRecord> records;  // every run with its outcome
  std::vector<std::string> notes;  // paragraphs, plain text
};

struct Report {
  std::string title;
  std::vector<ReportChapter> chapters;
};

/// One HTML file without any outside reference: figures are Vega specifications with the library
/// embedded from `vega_js`. Throws Error(unavailable) naming the package where that is not found.
void write_html(const Report& report, const std::filesystem::path& file,
                const std::filesystem::path& vega_js = "/usr/share/javascript/vega/vega.min.js");

/// The same figures as Vega JSON, one file each, for a notebook.
void write_figures(const Report& report, const std::filesystem::path& folder);

/// Terminal summaries: valleys, laws, runs. Width 100.
[[nodiscard]] std::string text_summary(const ReportChapter& chapter);

}  // namespace isoflop
