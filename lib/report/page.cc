// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/atomic_file.h"
#include "base/output_path.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/report.h"
#include "page_script.h"
#include "page_style.h"
#include "report/curves.h"
#include "report/findings.h"
#include "report/fit_tables.h"
#include "report/html.h"
#include "report/methods_html.h"
#include "report/number_text.h"
#include "report/run_tables.h"
#include "report/vega_figures.h"
#include "report/vega_library.h"
#include "report/warning_digest.h"

namespace isoflop {
namespace {

constexpr std::size_t kOpenRuns = 24;      // longer tables start closed
constexpr std::size_t kOpenWarnings = 10;  // kinds of them

std::string paragraphs(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += "<p>" + escape_html(text) + "</p>\n";
  return out;
}

std::string figure_html(const Figure& figure) {
  const std::string width = std::to_string(figure.width);
  std::string out = "<figure style=\"width: " + width + "px; max-width: 100%\">\n";
  out += "<div class=\"plot\" role=\"img\" aria-label=\"" + escape_html(figure.summary) +
         "\"></div>\n<script type=\"application/json\">" + embeddable_json(figure.spec) +
         "</script>\n";
  if (!figure.caption.empty()) {
    out += "<figcaption>" + escape_html(figure.caption) + "</figcaption>\n";
  }
  return out + "</figure>\n";
}

// `n_text_columns` columns from the left hold text; `last_is_text`: the last one does, too.
std::string table_html(const TextRows& rows, std::size_t n_text_columns,
                       bool last_is_text = false) {
  HtmlTable table;
  for (std::size_t c = 0; c < rows.front().size(); ++c) {
    const bool text = c < n_text_columns || (last_is_text && c + 1 == rows.front().size());
    table.columns.push_back({rows.front()[c], !text});
  }
  table.rows.assign(rows.begin() + 1, rows.end());
  return table.html();
}

std::string section(const char* title, const TextRows& rows, std::size_t n_text_columns,
                    bool last_is_text = false) {
  if (rows.empty()) return "";
  return "<h3>" + std::string(title) + "</h3>\n" + table_html(rows, n_text_columns, last_is_text);
}

std::string runs_html(const ReportChapter& chapter) {
  const TextRows rows = run_rows(chapter);
  if (rows.empty()) return "";
  const bool open = rows.size() <= kOpenRuns + 1;
  return "<h3>Runs</h3>\n<details" + std::string(open ? " open" : "") + "><summary>" +
         escape_html(run_count_text(chapter)) + "</summary>\n" +
         table_html(rows, chapter.records.empty() ? 1 : 2, !chapter.records.empty()) +
         "</details>\n";
}

std::string provenance_html(const ReportChapter& chapter) {
  std::string out = "<h3>Provenance</h3>\n<table class=\"wrap\">\n";
  for (const std::vector<std::string>& row : provenance_rows(chapter)) {
    out += "<tr><th>" + escape_html(row[0]) + "</th><td>" + escape_html(row[1]) + "</td></tr>\n";
  }
  return out + "</table>\n";
}

std::string list_html(const std::vector<std::string>& texts) {
  std::string out = "<ul>\n";
  for (const std::string& text : texts) out += "<li>" + escape_html(text) + "</li>\n";
  return out + "</ul>\n";
}

// One warning of each kind is open; all of them are there.
std::string warnings_html(const std::vector<std::string>& warnings) {
  if (warnings.empty()) return "";
  std::vector<std::string> shown;
  std::vector<WarningGroup> groups = grouped(warnings);
  std::stable_partition(groups.begin(), groups.end(),
                        [](const WarningGroup& group) { return !is_of_one_budget(group.first); });
  for (const WarningGroup& group : groups) {
    if (shown.size() == kOpenWarnings) break;
    shown.push_back(group.first);
  }
  std::string out = "<div class=\"warnings\">" + list_html(shown);
  if (shown.size() < warnings.size()) {
    out += "<details><summary>All " + std::to_string(warnings.size()) + " warnings</summary>\n" +
           list_html(warnings) + "</details>\n";
  }
  return out + "</div>\n";
}

std::string fit_table_html(const FitTable& table) {
  const bool text_last = table.rows.front().back().empty();
  std::string out = "<h3>" + escape_html(table.title) + "</h3>\n" +
                    table_html(table.rows, table.n_text_columns, text_last);
  for (const std::string& note : table.notes) {
    out += "<p class=\"caption\">" + escape_html(note) + "</p>\n";
  }
  return out;
}

// The light of each target, as a chip of its colour.
std::string lights_html(const Fit& fit) {
  std::string out;
  for (const Target& target : fit.targets) {
    out += "<span class=\"light " + color_word(target.light) + "\">" +
           rounded_text(target.ratio, 3) + "x: " + words(target.light) +
           (target.light_reasons.empty() ? "" : " (" + join(target.light_reasons, ", ") + ")") +
           "</span>\n";
  }
  return out.empty() ? "" : "<p>" + out + "</p>\n";
}

std::string methods_section(const ReportChapter& chapter) {
  if (!chapter.fit) return "";
  return "<h3>Methods</h3>\n<details><summary>The checklist of arXiv:2502.18969, filled in"
         "</summary>\n<div class=\"methods\">\n" +
         methods_html(methods_markdown(chapter)) + "</div></details>\n";
}

std::string verdict_html(const ReportChapter& chapter) {
  std::string out;
  if (!chapter.question.empty()) {
    out += "<p class=\"question\">" + escape_html(chapter.question) + "</p>\n";
  }
  if (const std::vector<std::string> verdict = verdict_of(chapter); !verdict.empty()) {
    out += "<div class=\"verdict\">\n" + paragraphs(verdict) + "</div>\n";
  }
  for (const FitTable& table : leading_tables(chapter)) out += fit_table_html(table);
  if (chapter.fit) out += lights_html(*chapter.fit) + warnings_html(chapter.fit->warnings);
  return out + paragraphs(chapter.notes);
}

// What would tell most, and how to ask.
std::string next_html(const ReportChapter& chapter) {
  if (!chapter.fit || chapter.sources.empty()) return "";
  const std::string flops = rounded_text(chapter.fit->compute_to, 2);
  return "<div class=\"next\"><p>What to run next: <code>isoflop next " +
         escape_html(join(chapter.sources, " ")) + " --flops " + escape_html(flops) +
         "</code> chooses the runs that tell most about the optimum ten times beyond the data, "
         "unbracketed budgets first, for as much compute as you give it.</p></div>\n";
}

std::string chapter_html(const ReportChapter& chapter, bool with_title) {
  std::string out = "<section>\n";
  if (with_title) out += "<h2>" + escape_html(chapter.title) + "</h2>\n";
  out += verdict_html(chapter) + next_html(chapter);
  for (const FigureRow& row : figures_of(chapter)) {
    out += "<div class=\"figures\">\n";
    for (const Figure& figure : row.figures) out += figure_html(figure);
    out += "</div>\n";
    if (!row.caption.empty()) out += "<p class=\"caption\">" + escape_html(row.caption) + "</p>\n";
  }
  out += section("Minima (\xc2\xb1 one standard error)", valley_rows(chapter), 1, true);
  out += section("Laws", law_rows(chapter), 1);
  for (const FitTable& table : fit_tables(chapter)) out += fit_table_html(table);
  out += section("Hold-out, budget by budget", holdout_rows(chapter), 0);
  return out + methods_section(chapter) + runs_html(chapter) + provenance_html(chapter) +
         "</section>\n";
}

Json standalone(const Figure& figure) {
  Json spec = Json::object(
      {{"$schema", "https://vega.github.io/schema/vega/v5.json"}, {"description", figure.summary}});
  for (const auto& [key, entry] : *figure.spec.if_object()) spec.set(key, entry);
  return spec;
}

std::string file_stem(const std::string& title, std::size_t chapter) {
  std::string stem;
  for (const char c : title) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    stem += plain ? c : '_';
  }
  return std::to_string(chapter + 1) + "-" + stem.substr(0, 60);
}

}  // namespace

void write_html(const Report& report, const std::filesystem::path& file,
                const std::filesystem::path& vega_folder) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += "<title>" + escape_html(report.title) + "</title>\n";
  page.append("<style>\n").append(kPageStyle).append("</style>\n");
  page += "</head>\n<body>\n<main>\n<h1>" + escape_html(report.title) + "</h1>\n";
  page += section("Side by side", comparison_rows(report), 1);
  for (const ReportChapter& chapter : report.chapters) {
    page += chapter_html(chapter, chapter.title != report.title);
  }
  page += "<noscript><p>The figures are drawn by JavaScript, which is off.</p></noscript>\n";
  page += "</main>\n<div id=\"tip\"></div>\n<script>\n" + vega_library(vega_folder) + "</script>\n";
  page.append("<script>\n").append(kPageScript).append("</script>\n</body>\n</html>\n");
  write_file_atomically(file, page);
}

void write_figures(const Report& report, const std::filesystem::path& folder) {
  make_output_folder(folder);
  for (std::size_t i = 0; i < report.chapters.size(); ++i) {
    const std::string stem = file_stem(report.chapters[i].title, i);
    for (const FigureRow& row : figures_of(report.chapters[i])) {
      for (const Figure& figure : row.figures) {
        write_json_file(standalone(figure), folder / (stem + "-" + figure.name + ".vg.json"));
      }
    }
  }
}

}  // namespace isoflop
