// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "isoflop/report.h"
#include "report/curves.h"
#include "report/findings.h"
#include "report/fit_tables.h"
#include "report/run_tables.h"
#include "report/warning_digest.h"

namespace isoflop {
namespace {

constexpr std::size_t kWidth = 100;
constexpr std::size_t kFullWarnings = 4;    // as many are told in full
constexpr std::size_t kWarningGroups = 12;  // else so many kinds, a line each

// Columns as wide as their widest cell in characters; UTF-8 continuation bytes take no place.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string table_text(const TextRows& rows, std::size_t n_text_columns) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    std::string line = " ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string gap(widths[c] - width_of(row[c]), ' ');
      const bool left = c < n_text_columns || c + 1 == row.size();
      line += " " + (left ? row[c] + gap : gap + row[c]) + " ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string wrapped(const std::string& text, const std::string& first, const std::string& indent) {
  std::string out = first;
  std::size_t column = width_of(first);
  bool start = true;
  for (const std::string& word : split(text, ' ')) {
    if (!start && column + 1 + width_of(word) > kWidth) {
      out += "\n" + indent;
      column = width_of(indent);
      start = true;
    }
    out += (start ? "" : " ") + word;
    column += width_of(word) + (start ? 0 : 1);
    start = false;
  }
  return out + "\n";
}

// Within the width there is no room for everything that the page shows. The title has said what the
// model scale is counted by.
TextRows narrow_law_rows(const ReportChapter& chapter) {
  TextRows rows = law_rows(chapter);
  const std::string convention = " by " + std::string(to_string(chapter.points.frame.convention));
  constexpr std::size_t kReferenceWidth = 24;
  const bool no_room = chapter.reference && width_of(chapter.reference->id) > kReferenceWidth;
  for (std::vector<std::string>& row : rows) {
    if (const std::size_t at = row[0].find(convention); at != std::string::npos) {
      row[0].erase(at, convention.size());
    }
    row[1] = row[1].substr(0, row[1].find(" ["));
    row.erase(row.begin() + 3);
    if (no_room) row.pop_back();
  }
  return rows;
}

std::string table_with_title(const FitTable& table) {
  TextRows rows = table.rows;
  for (std::vector<std::string>& row : rows) row.resize(row.size() - table.n_page_columns);
  std::string out = "\n" + table.title + "\n" + table_text(rows, table.n_text_columns);
  for (const std::string& note : table.notes) out += wrapped(note, "  ", "  ");
  return out;
}

// A few warnings are told in full, many by a line for each kind.
std::string warnings_text(const std::vector<std::string>& warnings, WarningDetail detail) {
  if (warnings.empty()) return "";
  std::string out = "\nWarnings\n";
  if (warnings.size() <= kFullWarnings || detail == WarningDetail::all) {
    for (const std::string& warning : warnings) out += wrapped(warning, "  - ", "    ");
    return out;
  }
  std::vector<WarningGroup> groups = grouped(warnings);
  std::stable_partition(groups.begin(), groups.end(),
                        [](const WarningGroup& group) { return !is_of_one_budget(group.first); });
  const std::size_t n_shown = std::min(groups.size(), kWarningGroups);
  for (std::size_t i = 0; i < n_shown; ++i) {
    const std::string more =
        groups[i].n_alike > 0 ? " (+" + std::to_string(groups[i].n_alike) + " alike)" : "";
    out += "  - " + shortened(groups[i].first, kWidth - 4 - more.size()) + more + "\n";
  }
  const std::string rest =
      n_shown < groups.size()
          ? "and " + std::to_string(groups.size() - n_shown) + " of other kinds; "
          : "";
  return out + "  " + rest + "all " + std::to_string(warnings.size()) +
         " in full: --warnings all, --json, isoflop report\n";
}

}  // namespace

std::string text_summary(const ReportChapter& chapter, WarningDetail detail) {
  std::string out = chapter.title + "  (" + run_count_text(chapter) + ", " + metric_unit(chapter) +
                    ", " + scale_symbol(chapter) + " in " + scale_unit(chapter) + ")\n";
  for (const std::string& sentence : verdict_of(chapter)) out += wrapped(sentence, "  ", "  ");
  const auto add = [&](const char* title, const TextRows& rows, std::size_t n_text_columns) {
    if (!rows.empty()) out += std::string("\n") + title + "\n" + table_text(rows, n_text_columns);
  };
  for (const FitTable& table : leading_tables(chapter)) out += table_with_title(table);
  add("Minima (\xc2\xb1 one standard error)", valley_rows(chapter), 1);
  add("Laws (90% intervals)", narrow_law_rows(chapter), 1);
  for (const FitTable& table : fit_tables(chapter)) {
    if (!table.page_only) out += table_with_title(table);
  }
  if (chapter.fit) out += warnings_text(chapter.fit->warnings, detail);
  return out;
}

}  // namespace isoflop
