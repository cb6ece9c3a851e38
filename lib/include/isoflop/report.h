// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "isoflop/fit.h"
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
  /// Where the points came from, as given: what a command that goes on from here is to name.
  std::vector<std::string> sources;
};

struct Report {
  std::string title;
  std::vector<ReportChapter> chapters;
};

/// Where Debian's libjs-vega puts Vega. A folder with a vega.min.js that holds all of it (as the
/// npm package has in build/) serves as well.
inline constexpr const char* kVegaFolder = "/usr/share/javascript/vega";

/// One HTML file without any outside reference, written atomically: figures are Vega specifications
/// beside the library itself, which is embedded once. Throws Error(unavailable) naming the package
/// where Vega is not found.
void write_html(const Report& report, const std::filesystem::path& file,
                const std::filesystem::path& vega_folder = kVegaFolder);

/// The same figures as Vega 5 JSON, one `<chapter>-<figure>.vg.json` each, for a notebook.
void write_figures(const Report& report, const std::filesystem::path& folder);

/// The checklist of "(Mis)Fitting" (arXiv:2502.18969), filled in from the points, the runs' records
/// and the fit; what they do not state is said to be missing. Markdown.
[[nodiscard]] std::string methods_markdown(const ReportChapter& chapter);

/// digest: of many warnings the beginning of one of each kind. all: in full.
enum class WarningDetail { digest, all };

/// For the terminal: hold-outs and targets, then every part of the fit as a table, and warnings.
/// Width 100; no fit: the points' extent.
[[nodiscard]] std::string text_summary(const ReportChapter& chapter,
                                       WarningDetail detail = WarningDetail::digest);

}  // namespace isoflop
