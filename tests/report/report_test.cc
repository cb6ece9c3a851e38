// SPDX-License-Identifier: Apache-2.0
#include "isoflop/report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/json.h"
#include "report/demo_report.h"
#include "report/vega_figures.h"
#include "report/vega_library.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

// Vega stands in for itself: the page does not depend on what is in the file.
struct Page {
  test::TempDir folder;
  std::string text;

  explicit Page(const Report& report) {
    folder.write("vega/vega.min.js", "var vega = {};");
    write_html(report, folder.path() / "report.html", folder.path() / "vega");
    text = test::read_file(folder.path() / "report.html");
  }
};

std::int64_t count(const std::string& text, const std::string& part) {
  std::int64_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

std::vector<Figure> all_figures(const ReportChapter& chapter) {
  std::vector<Figure> figures;
  for (const FigureRow& row : figures_of(chapter)) {
    figures.insert(figures.end(), row.figures.begin(), row.figures.end());
  }
  return figures;
}

const Figure& figure(const std::vector<Figure>& figures, const std::string& name) {
  const auto found =
      std::find_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.name == name; });
  if (found == figures.end()) throw std::runtime_error("no figure " + name);
  return *found;
}

const Json::Array& rows(const Json& spec, const std::string& data) {
  for (const Json& entry : *spec.find("data")->if_array()) {
    if (*entry.find("name")->if_string() == data) return *entry.find("values")->if_array();
  }
  throw std::runtime_error("no data " + data);
}

double number(const Json& row, const char* key) {
  const Json& value = *row.find(key);
  return value.if_double() ? *value.if_double() : static_cast<double>(*value.if_integer());
}

// Calls `visit` with every object inside.
void walk(const Json& json, const std::function<void(const Json&)>& visit) {
  if (const Json::Array* array = json.if_array()) {
    for (const Json& element : *array) walk(element, visit);
  } else if (const Json::Object* object = json.if_object()) {
    visit(json);
    for (const auto& [key, value] : *object) walk(value, visit);
  }
}

}  // namespace

TEST_CASE("the page asks nothing of any other place") {
  const Page page({"Two corpora", {test::demo_chapter(), test::demo_chapter({"b"})}});
  for (const char* reference : {"http:", "https:", "src=", "href=", "@import", "url(", "<link"}) {
    INFO(reference);
    REQUIRE(count(page.text, reference) == 0);
  }
  REQUIRE(count(page.text, "var vega = {};") == 1);
}

TEST_CASE("the page holds page.css and page.js to the letter") {
  const Page page({"One", {test::demo_chapter()}});
  const std::string folder = ISOFLOP_SOURCE_DIR "/lib/report/";
  const std::string style = test::read_file(folder + "page.css");
  const std::string script = test::read_file(folder + "page.js");
  REQUIRE(count(page.text, "<style>\n" + style + "</style>\n") == 1);
  REQUIRE(count(page.text, "<script>\n" + script + "</script>\n") == 1);
}

TEST_CASE("the page names every run with its outcome") {
  const ReportChapter chapter = test::demo_chapter();
  const Page page({"One", {chapter}});
  for (const RunRecord& record : chapter.records) {
    REQUIRE(count(page.text, record.run_id) >= 1);
  }
  REQUIRE(count(page.text, "diverged: loss is NaN at step 312") == 3);
}

TEST_CASE("names from outside cannot become markup or script") {
  const std::string hostile = "<script>alert(1)</script><img onerror='x'>\xff</title>";
  ReportChapter chapter = test::demo_chapter({.dataset = hostile});
  chapter.notes = {hostile};
  chapter.fit->warnings = {hostile};
  chapter.reference->id = hostile;
  chapter.reference->source = hostile;
  chapter.records[0].message = hostile;
  chapter.records[0].device = hostile;
  chapter.records[0].run_id = chapter.points.points[0].label = hostile;
  const Page page({hostile, {chapter}});
  const auto n_figures = static_cast<std::int64_t>(all_figures(chapter).size());
  REQUIRE(count(page.text, "<script") == n_figures + 2);
  REQUIRE(count(page.text, "</script") == n_figures + 2);
  REQUIRE(count(page.text, "<img") == 0);
  REQUIRE(count(page.text, "</title>") == 1);
  REQUIRE(count(page.text, "&lt;script&gt;alert(1)") >= 5);
}

TEST_CASE("every figure is JSON whose marks, legends and axes use data and scales that it has") {
  const ReportChapter chapter = test::demo_chapter();
  const test::TempDir folder;
  write_figures({"One", {chapter, chapter}}, folder.path() / "figures");
  std::size_t n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "figures")) {
    ++n_files;
    const Json spec = read_json_file(entry.path()).document;
    REQUIRE(*spec.find("$schema")->if_string() == "https://vega.github.io/schema/vega/v5.json");
    std::set<std::string> data = {"series"}, scales;
    for (const Json& d : *spec.find("data")->if_array()) data.insert(*d.find("name")->if_string());
    for (const Json& s : *spec.find("scales")->if_array()) {
      scales.insert(*s.find("name")->if_string());
    }
    walk(*spec.find("marks"), [&](const Json& object) {
      const Json* from = object.find("data");
      if (from != nullptr && from->if_string()) REQUIRE(data.count(*from->if_string()) == 1);
      const Json* scale = object.find("scale");
      if (scale != nullptr && scale->if_string()) REQUIRE(scales.count(*scale->if_string()) == 1);
    });
    for (const Json& axis : *spec.find("axes")->if_array()) {
      REQUIRE(scales.count(*axis.find("scale")->if_string()) == 1);
      REQUIRE_FALSE(axis.find("title")->if_string()->empty());
    }
  }
  REQUIRE(n_files == 2 * all_figures(chapter).size());
}

TEST_CASE("axes name their unit and the FLOPs convention") {
  const std::vector<Figure> figures = all_figures(test::demo_chapter());
  REQUIRE(count(figure(figures, "isoflop").spec.dump(),
                "Model scale M [FLOPs/token by deepseek_m_actual]") == 1);
  REQUIRE(count(figure(figures, "isoflop").spec.dump(), "Validation loss [bits/byte]") == 1);
  REQUIRE(count(figure(figures, "scale_opt").spec.dump(),
                "Optimal M [FLOPs/token by deepseek_m_actual]") == 1);
  REQUIRE(count(figure(figures, "scale_opt").spec.dump(), "Compute C [FLOPs]") == 1);
}

TEST_CASE("iso-FLOP curves show every run of their budgets, inside the axes") {
  const ReportChapter chapter = test::demo_chapter();
  const Figure isoflop = figure(all_figures(chapter), "isoflop");
  REQUIRE(rows(isoflop.spec, "dots").size() == chapter.points.points.size());
  REQUIRE(rows(isoflop.spec, "minima").size() == 5);
  const Json::Array& scales = *isoflop.spec.find("scales")->if_array();
  const auto inside = [&](const Json& row, std::size_t scale, const char* key) {
    const Json::Array& domain = *scales[scale].find("domain")->if_array();
    return number(row, key) > *domain[0].if_double() && number(row, key) < *domain[1].if_double();
  };
  for (const char* data : {"lines", "minima"}) {
    for (const Json& row : rows(isoflop.spec, data)) {
      REQUIRE(inside(row, 0, "x"));
      REQUIRE(inside(row, 1, "y"));
    }
  }
  for (const Json& row : rows(isoflop.spec, "dots")) {
    REQUIRE(inside(row, 0, "x"));
    if (*row.find("on_curve")->if_bool()) REQUIRE(inside(row, 1, "y"));
  }
}

TEST_CASE("the parabola touches the marked minimum") {
  const Figure isoflop = figure(all_figures(test::demo_chapter()), "isoflop");
  for (const Json& minimum : rows(isoflop.spec, "minima")) {
    double lowest = 1e9;
    for (const Json& row : rows(isoflop.spec, "lines")) {
      if (*row.find("budget")->if_string() != *minimum.find("budget")->if_string()) continue;
      lowest = std::min(lowest, number(row, "y"));
    }
    REQUIRE(lowest == Approx(number(minimum, "y")).margin(2e-4));
  }
}

TEST_CASE("a minimum that is not bracketed is drawn hollow and said to be so") {
  const ReportChapter chapter = test::demo_chapter({.last_bracketed = false});
  const Figure isoflop = figure(all_figures(chapter), "isoflop");
  REQUIRE_FALSE(*rows(isoflop.spec, "minima").back().find("bracketed")->if_bool());
  REQUIRE_THAT(isoflop.caption, Catch::Contains("hollow where it is not bracketed"));
  REQUIRE_FALSE(*rows(figure(all_figures(chapter), "scale_opt").spec, "optima")
                     .back()
                     .find("sound")
                     ->if_bool());
  const Page page({"One", {chapter}});
  REQUIRE(count(page.text, "4 of 5 budgets have a minimum") == 1);
  REQUIRE(count(page.text, "no: not bracketed") == 1);
}

TEST_CASE("the law's band is its prediction interval, and the reference line is the reference") {
  const ReportChapter chapter = test::demo_chapter();
  const Figure panel = figure(all_figures(chapter), "scale_opt");
  for (const Json& row : rows(panel.spec, "band")) {
    const Interval expected = chapter.fit->scale_opt.prediction_interval(number(row, "x"));
    REQUIRE(number(row, "low") == Approx(expected.low));
    REQUIRE(number(row, "high") == Approx(expected.high));
  }
  int n_reference = 0;
  for (const Json& row : rows(panel.spec, "lines")) {
    if (*row.find("line")->if_string() != "deepseek-llm-2024, extrapolated") continue;
    ++n_reference;
    REQUIRE(number(row, "y") == Approx(0.1715 * std::pow(number(row, "x"), 0.5243)));
  }
  REQUIRE(n_reference == 40);
}

TEST_CASE("heat maps outline the near-optimal band and show what diverged") {
  const ReportChapter chapter = test::demo_chapter();
  const std::vector<Figure> figures = all_figures(chapter);
  for (const char* name : {"batch_lr-1", "batch_lr-2", "batch_lr-3"}) {
    const Json& spec = figure(figures, name).spec;
    REQUIRE(rows(spec, "cells").size() == 25);
    const Json::Array& near = rows(spec, "near");
    REQUIRE(near.size() >= 1);
    REQUIRE(near.size() <= 4);
    REQUIRE(count(spec.dump(), "\"text\":\"best\"") >= 1);
    REQUIRE(count(spec.dump(), "\"text\":\"diverged\"") == 1);
    for (const Json& cell : rows(spec, "cells")) {
      const std::string& text = *cell.find("text")->if_string();
      const bool within =
          text == "best" || (text != "diverged" && std::stod(text.substr(1)) <= 0.25);
      REQUIRE(*cell.find("near")->if_bool() == within);
      REQUIRE(number(cell, "x") < number(cell, "cx"));
      REQUIRE(number(cell, "cx") < number(cell, "x2"));
      REQUIRE(number(cell, "y") < number(cell, "cy"));
      REQUIRE(number(cell, "cy") < number(cell, "y2"));
    }
  }
}

TEST_CASE("what a chapter lacks is left out") {
  ReportChapter chapter = test::demo_chapter();
  chapter.fit.reset();
  REQUIRE(figure(all_figures(chapter), "isoflop").caption.size() > 10);
  REQUIRE(rows(figure(all_figures(chapter), "isoflop").spec, "minima").empty());
  REQUIRE_NOTHROW(Page({"No fit", {chapter}}));
  chapter.records.clear();
  const Page page({"No records", {chapter}});
  REQUIRE(count(page.text, chapter.points.points[3].label) >= 2);  // the table and a tooltip
  REQUIRE(all_figures(ReportChapter{}).empty());
  REQUIRE_NOTHROW(Page({"Nothing", {ReportChapter{}}}));
  ReportChapter grids_only = test::demo_chapter();
  grids_only.fit->valleys.clear();
  grids_only.fit->frontier.reset();
  grids_only.fit->scale_opt = grids_only.fit->tokens_opt = PowerLawFit{};
  REQUIRE_NOTHROW(Page({"Grids", {grids_only}}));
}

TEST_CASE("chapters stand side by side") {
  const Page page({"Two", {test::demo_chapter({"a"}), test::demo_chapter({"b"})}});
  REQUIRE(count(page.text, "Side by side") == 1);
  REQUIRE(count(Page({"One", {test::demo_chapter()}}).text, "Side by side") == 0);
}

TEST_CASE("without Vega the error names the file and the package") {
  const test::TempDir folder;
  const std::string message = ISOFLOP_ERROR_MESSAGE(vega_library(folder.path()));
  REQUIRE_THAT(message, Catch::Contains("vega-util.min.js") && Catch::Contains("libjs-vega"));
}

TEST_CASE("the embedded library keeps no source maps and cannot end its element") {
  const test::TempDir folder;
  folder.write("vega.min.js", "var a='</script>';\n//# sourceMappingURL=vega.min.js.map\n");
  REQUIRE(vega_library(folder.path()) == "var a='<\\/script>';\n\n");
  if (!std::filesystem::exists(kVegaFolder)) return;
  const std::string script = vega_library(kVegaFolder);
  REQUIRE(count(script, "sourceMappingURL") == 0);
  REQUIRE(count(script, "</script") == 0);
  REQUIRE(count(script, "define(\"vega-") == 19);
}
