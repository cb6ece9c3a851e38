// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "report/demo_report.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

TEST_CASE("the terminal summary of a fit is this") {
  ReportChapter chapter = test::demo_chapter({.last_bracketed = false});
  chapter.records.clear();
  chapter.points.points.resize(45);
  for (Valley& valley : chapter.fit->valleys) valley.n_points = 9;
  const std::string golden = std::string(ISOFLOP_SOURCE_DIR) + "/tests/report/text_summary.txt";
  REQUIRE(text_summary(chapter) == test::read_file(golden));
}

TEST_CASE("no line of a summary is wider than 100 characters") {
  ReportChapter chapter = test::demo_chapter();
  chapter.fit->warnings.push_back("A warning that goes on: " + std::string(300, 'x') + " and on " +
                                  "and on and on and on and on and on and on and on and on and on");
  for (const std::string& line : split(text_summary(chapter), '\n')) {
    if (line.find("xxx") != line.npos) continue;  // one word wider than the page stays whole
    const auto width = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    });
    INFO(line);
    REQUIRE(width <= 100);
  }
}

TEST_CASE("many warnings are told by kind, and where they are told in full") {
  ReportChapter chapter = test::demo_chapter();
  const std::string end(120, 'x');
  for (const char* start : {"One ", "Another ", "A third ", "A fourth "}) {
    chapter.fit->warnings.push_back(start + end + ": do this.");
  }
  const std::string digest = text_summary(chapter);
  CHECK_THAT(digest, Catch::Contains("all 6 in full: --warnings all"));
  CHECK(digest.find("do this") == digest.npos);
  const std::string all = text_summary(chapter, WarningDetail::all);
  for (const char* start : {"One", "Another", "A third", "A fourth"}) {
    CHECK_THAT(all, Catch::Contains("  - " + std::string(start) + "\n"));
  }
  CHECK_THAT(all, Catch::Contains("do this."));
  CHECK(all.find("in full") == all.npos);
}

TEST_CASE("a chapter without a fit says how many points it has") {
  ReportChapter chapter;
  chapter.title = "empty";
  REQUIRE_THAT(text_summary(chapter), Catch::Contains("empty  (0 points"));
}
