// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "report/demo_report.h"
#include "support/catch.h"

using namespace isoflop;

TEST_CASE("the checklist has its sections and names what the points do not state") {
  ReportChapter chapter = test::demo_chapter();
  REQUIRE(chapter.fit);
  const std::string text = methods_markdown(chapter);
  for (const char* part :
       {"# Methods: ", "## 1. Functional form", "## 2. Training set-up", "## 3. Data collection",
        "## 4. Fitting", "## 5. What a reader must know", "**Objective**: huber_log, delta 0.001",
        "summed over points", "**Hold-out**: ", "**Left out**: "}) {
    INFO(part);
    CHECK_THAT(text, contains(part));
  }
  for (const std::string& warning : chapter.fit->warnings) CHECK_THAT(text, contains(warning));
  chapter.records.clear();
  const std::string bare = methods_markdown(chapter);
  CHECK_THAT(bare, contains("**Optimizer**: *not stated by the points*"));
  CHECK_THAT(bare, contains("- The points do not state: "));
  for (Point& point : chapter.points.points) point.other["optimizer"] = "Muon";
  CHECK_THAT(methods_markdown(chapter), contains("**Optimizer**: Muon"));
}

TEST_CASE("without a fit the checklist says so") {
  ReportChapter chapter;
  chapter.title = "nothing";
  CHECK_THAT(methods_markdown(chapter), contains("Nothing was fitted."));
}
