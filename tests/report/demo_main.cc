// SPDX-License-Identifier: Apache-2.0
// Writes a report on made-up runs, to look at: isoflop_report_demo OUT.html
#include <cstdio>

#include "report/demo_report.h"

int main(int argc, char** argv) {
  using namespace isoflop;
  if (argc != 2) return 2;
  Report report;
  report.title = "Scaling laws of two corpora";
  report.chapters.push_back(test::demo_chapter());
  report.chapters.push_back(
      test::demo_chapter({.dataset = "linux-docs", .n_budgets = 4, .last_bracketed = false}));
  report.chapters[0].notes = {"Made-up runs on a known surface."};
  write_html(report, argv[1]);
  std::printf("%s", text_summary(report.chapters[0]).c_str());
  return 0;
}
