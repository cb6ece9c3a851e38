// SPDX-License-Identifier: Apache-2.0
#include "report/fit_tables.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/demo_report.h"
#include "report/methods_html.h"
#include "report/number_text.h"
#include "report/vega_figures.h"
#include "report/warning_digest.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

ValleyEstimator estimator_of(const Fit& fit, ValleyMethod method, double exponent) {
  ValleyEstimator estimator{.method = method};
  estimator.scale_opt = estimator.tokens_opt = fit.scale_opt;
  estimator.scale_opt.law.exponent = exponent;
  for (const Valley& valley : fit.valleys) {
    estimator.valleys.push_back({.budget = valley.budget,
                                 .compute = valley.compute,
                                 .scale_opt = valley.scale_opt,
                                 .tokens_opt = valley.tokens_opt,
                                 .loss_opt = valley.loss_opt,
                                 .ln_scale_se = 0.1,
                                 .status = FitStatus::ok});
  }
  return estimator;
}

ParametricFit surface_of() {
  ParametricFit surface;
  surface.law = {1.2, 482.01, 0.3478, 2085.43, 0.3658};
  surface.a_exponent = 0.5126;
  surface.b_exponent = 0.4874;
  surface.objective_value = 0.001;
  surface.at_bound = {"B"};
  surface.basins = {{0.001, surface.law, 12}, {0.0011, surface.law, 7}};
  surface.n_starts = 19;
  surface.n_starts_agreeing = 12;
  surface.a = {0.48, 0.54};
  surface.E = {1.1, 1.3};
  surface.diagnostics.emplace().profile_E = {{0, 1.4}, false};
  surface.status = FitStatus::ok;
  return surface;
}

ConventionFit convention_of(const Fit& fit, FlopsConvention convention, double exponent) {
  ConventionFit row;
  row.convention = convention;
  row.scale_opt = row.tokens_opt = fit.scale_opt;
  row.scale_opt.law.exponent = exponent;
  row.first_ratio = 90;
  row.last_ratio = 50;
  row.drift = -0.2;
  return row;
}

/// A chapter with every part that a fit may have.
ReportChapter full_chapter() {
  ReportChapter chapter = test::demo_chapter();
  Fit& fit = *chapter.fit;
  fit.scale_opt_uncorrected = fit.scale_opt;
  for (const auto& [method, exponent] :
       {std::pair(ValleyMethod::parabola, 0.51), std::pair(ValleyMethod::cubic, 0.52),
        std::pair(ValleyMethod::akima, 0.53), std::pair(ValleyMethod::parametric, 0.54)}) {
    fit.estimators.push_back(estimator_of(fit, method, exponent));
  }
  fit.disagreement = {{fit.compute_to, 1, std::log(1.25), 4},
                      {10 * fit.compute_to, 10, std::log(1.5), 4}};
  fit.envelope.emplace().scale_opt = fit.scale_opt;
  fit.envelope->n_runs = 17;
  fit.envelope->status = FitStatus::ok;
  fit.parametric = surface_of();
  fit.surface_intervals = SurfaceIntervals{.E = {1.6, 2.0},
                                           .A = {300, 700},
                                           .B = {1000, 4000},
                                           .alpha = {0.3, 0.4},
                                           .beta = {0.31, 0.42},
                                           .a = {0.41, 0.61},
                                           .b = {0.39, 0.59},
                                           .noise = 0.004,
                                           .tau = 0.07,
                                           .n_budgets = 5,
                                           .forecasts = {}};
  for (const double ratio : kForecastRatios) {
    fit.surface_intervals->forecasts.push_back(
        {ratio, ratio * fit.compute_to, 5e6, {4e6, 6e6}, {3e6, 8e6}, 2.5, {2.4, 2.6}});
  }
  fit.conventions = ConventionLadder{};
  for (const FlopsConvention convention : kAllFlopsConventions) {
    fit.conventions->rows.push_back(convention_of(fit, convention, 0.5));
  }
  fit.conventions->rows.back().scale_opt.law.exponent = 0.73;
  fit.conventions->most_constant = FlopsConvention::deepseek_m_actual;
  for (const HyperEstimator estimator : {HyperEstimator::band, HyperEstimator::surface}) {
    HyperEstimate& estimate = fit.hyper->estimates.emplace_back();
    estimate.estimator = estimator;
    estimate.batch_tokens = fit.hyper->batch_tokens;
    estimate.peak_lr = fit.hyper->peak_lr;
    estimate.n_cells = 3;
  }
  ExcessLoss& excess = fit.hyper->excess_loss.emplace_back();
  excess.law = "step-law-2025";
  excess.form = "N_D";
  excess.mean = 0.0004;
  excess.n_cells = 3;
  FormFit& fitted = fit.forms.emplace_back();
  fitted.name = "chinchilla";
  fitted.parameters = {"E", "A"};
  fitted.status = FitStatus::ok;
  FormFit& other = fit.forms.emplace_back();
  other.name = "bounded";
  other.not_fitted = "the points name no vocab_size";
  return chapter;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

const std::vector<std::string>& row_of(const FitTable& table, const std::string& name) {
  const auto row = std::find_if(table.rows.begin(), table.rows.end(),
                                [&](const auto& cells) { return cells.front() == name; });
  if (row == table.rows.end()) throw std::runtime_error("no row " + name);
  return *row;
}

}  // namespace

TEST_CASE("the terminal shows every part that a fit has, and none that it lacks") {
  const std::string all = text_summary(full_chapter());
  ReportChapter bare = test::demo_chapter();
  bare.fit->targets.clear();
  bare.fit->holdout_summary.clear();
  const std::string none = text_summary(bare);
  for (const char* title :
       {"\nHold-out: the largest", "\nBudgets beyond the data", "\nEstimators of the optimal M",
        "\nSurface L = E", "\nFLOPs conventions: ", "\nBatch size B and", "\nLoss above the best",
        "\nForms of the surface"}) {
    INFO(title);
    CHECK_THAT(all, contains(title));
    CHECK(none.find(title) == none.npos);
  }
  CHECK_THAT(none, contains("Hold-out: none, there are too few budgets"));
}

TEST_CASE("no line of a full summary is wider than 100 characters, and it is two screens long") {
  ReportChapter chapter = full_chapter();
  for (int i = 0; i < 40; ++i) {
    chapter.fit->warnings.push_back(
        "budget " + std::to_string(i) + "e+18: the runs' computes differ by 9.4 %; more than 1 % " +
        "tilts the curve, which is a thing to know of every budget that has it.");
  }
  chapter.fit->targets[0].overestimate->gpu_hours = 22512;
  chapter.fit->targets[0].overestimate->price = 44912;
  chapter.fit->targets[0].underestimate->gpu_hours = 22512;
  chapter.fit->targets[0].underestimate->price = 44912;
  for (HoldoutSummary& summary : chapter.fit->holdout_summary) {
    summary = {"isoflop", 12, 21.6, {-0.395, 1.67, -0.0036}, {1.53, 1.52, 0.011}, true};
  }
  for (ConventionFit& row : chapter.fit->conventions->rows) {
    row.scale_opt.exponent = {-0.389, 1.613};
    row.first_ratio = 91.7;
    row.last_ratio = 50.2;
  }
  const std::vector<std::string> lines = split(text_summary(chapter), '\n');
  for (const std::string& line : lines) {
    INFO(line);
    CHECK(characters(line) <= 100);
  }
  CHECK(lines.size() <= 90);
}

TEST_CASE("estimators stand beside the headline, the surface with its calibrated interval") {
  const FitTable table = estimator_table(full_chapter());
  REQUIRE(table.rows.size() == 7);
  CHECK(row_of(table, "headline*")[1] == "0.500 [0.469, 0.531]");
  CHECK(row_of(table, "akima")[1] == "0.530 [0.469, 0.531]");
  CHECK(row_of(table, "surface")[1] == "0.540 [0.410, 0.610]");
  CHECK(row_of(table, "surface")[3] == "5M [3M, 8M]");
  CHECK(row_of(table, "envelope").back() == "17 curves");
  REQUIRE(table.notes.size() == 3);
  CHECK_THAT(table.notes[1], contains("tau: how far optimal sizes scatter about their law"));
  CHECK(table.notes[2] ==
        "Optima differ between estimators by up to 1.25x at a budget, 1.5x at 10x.");
  CHECK(estimator_table(ReportChapter{}).rows.empty());
}

TEST_CASE("the surface's calibrated intervals lead, and what is not identified is marked") {
  const FitTable table = surface_table(full_chapter());
  CHECK(row_of(table, "a") ==
        std::vector<std::string>{"a", "0.513", "[0.410, 0.610]", "[0.480, 0.540]", "", ""});
  CHECK(row_of(table, "E").back() == "not identified");
  CHECK(row_of(table, "B").back() == "at its bound");
  CHECK_THAT(table.notes.at(0), contains("0.001 by 12 of 19 starts") &&
                                    contains("the next of 2 optima 10% above") &&
                                    contains("tau 0.07"));
}

TEST_CASE("columns that no row fills are left out") {
  ReportChapter chapter = full_chapter();
  chapter.fit->surface_intervals.reset();
  for (const FitTable& table : fit_tables(chapter)) {
    for (const std::string& title : table.rows.front()) CHECK(title != "Calibrated");
    CHECK_FALSE(table.rows.front().empty());
  }
}

TEST_CASE("the ladder of conventions has six rungs, and marks the most constant") {
  const FitTable table = convention_table(full_chapter());
  REQUIRE(table.rows.size() == 7);
  CHECK(row_of(table, "deepseek_m_actual").back() == "most constant");
  CHECK(row_of(table, "kaplan")[4] == "90 to 50");
  ReportChapter chapter = full_chapter();
  chapter.fit->conventions->most_constant = FlopsConvention::palm;
  CHECK(row_of(convention_table(chapter), "palm").back() == "most constant");
}

TEST_CASE("outliers are named with their distance, and what they change") {
  ReportChapter chapter = full_chapter();
  CHECK(outlier_table(chapter).rows.empty());
  chapter.fit->outliers = Outliers{.runs = {{"row 3", 3e9, 5e8, 4.665, 0.2624}},
                                   .scatter = 0.0057,
                                   .limit = 3.7,
                                   .a = 0.565,
                                   .a_without = 0.514};
  const FitTable table = outlier_table(chapter);
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[1][0] == "row 3");
  CHECK(table.rows[1][4] == "+30%");
  CHECK(table.rows[1][5] == "46");
  CHECK_THAT(table.notes.at(0), contains("a is 0.514 instead of 0.565"));
}

TEST_CASE("a light that is not green says why, and each number of a target who says it") {
  const FitTable table = target_table(full_chapter());
  CHECK(table.notes.at(0) == "Lights: 1e14 yellow (10x beyond the data).");
  CHECK_THAT(table.notes.at(1), contains("M opt by the laws with prior; loss by") &&
                                    contains("Prior: published-sweeps"));
  CHECK(table.rows.at(1)[4] == "20.8M [13.9M, 31.2M]");
}

TEST_CASE("targets say their light, their interval and what a miss costs") {
  ReportChapter chapter = full_chapter();
  const std::vector<std::string> row = target_table(chapter).rows.at(1);
  CHECK(row[2] == "yellow");
  CHECK(row[3] == "4.8M [3.2M, 7.2M]");
  CHECK(row[6] == percent(chapter.fit->targets[0].overestimate->waste.wasted_share));
  chapter.fit->targets[0].light = ExtrapolationLight::only_with_holdout_evidence;
  CHECK(target_table(chapter).rows.at(1)[2] == "red");
}

TEST_CASE("excess losses of the fit's own laws alone are for the page") {
  ReportChapter chapter = full_chapter();
  CHECK_FALSE(excess_table(chapter).page_only);
  chapter.fit->hyper->excess_loss[0].own = true;
  CHECK(excess_table(chapter).page_only);
}

TEST_CASE("forms that were not fitted say why") {
  const FitTable table = form_table(full_chapter());
  CHECK(table.rows.size() == 2);
  CHECK(table.notes.at(0) == "Not fitted: bounded (the points name no vocab_size).");
}

TEST_CASE("warnings that differ in numbers only are one group") {
  const std::vector<WarningGroup> groups =
      grouped({"budget 1e+18: off by 3 %; mind it.", "E is not identified.",
               "budget 2e+18: off by 41 %; mind it."});
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].n_alike == 1);
  CHECK(groups[1].first == "E is not identified.");
  CHECK(is_of_one_budget(groups[0].first));
  CHECK_FALSE(is_of_one_budget(groups[1].first));
  CHECK(shortened("one two; three", 20) == "one two; three");
  CHECK(shortened("one two three; four", 15) == "one two three.");
  CHECK(shortened("one two three four", 15) == "one two ...");
}

TEST_CASE("the estimators' figure reaches 100 times beyond the data, in the light's colours") {
  const ReportChapter chapter = full_chapter();
  const auto figure_of = [](const ReportChapter& of) {
    std::optional<Figure> found;
    for (const FigureRow& row : figures_of(of)) {
      for (const Figure& figure : row.figures) {
        if (figure.name == "estimators") found = figure;
      }
    }
    return found;
  };
  CHECK_FALSE(figure_of(test::demo_chapter()));
  const std::optional<Figure> figure = figure_of(chapter);
  REQUIRE(figure);
  const std::string spec = figure->spec.dump();
  CHECK_THAT(spec, contains("below 10x: green") && contains("below 100x: yellow: caution"));
  ReportChapter poor = full_chapter();
  poor.fit->targets[0].light = ExtrapolationLight::only_with_holdout_evidence;
  CHECK_THAT(figure_of(poor)->spec.dump(),
             contains("below 10x: yellow: caution") && contains("below 100x: red"));
}

TEST_CASE(
    "methods name estimators, calibrated intervals and the ladder, and escape what they show") {
  const std::string text = methods_markdown(full_chapter());
  CHECK_THAT(text, contains("**Estimators of the exponent a**: parabola 0.510"));
  CHECK_THAT(text, contains("calibrated for the surface (tau 0.07 from 5 budgets"));
  CHECK_THAT(text, contains("E 1.2, calibrated [1.6, 2], bootstrap [1.1, 1.3], profile [0, 1.4], "
                            "not identified"));
  CHECK_THAT(text, contains("a from 0.500 (exact) to 0.730 (nanochat)"));
  const std::string html =
      methods_html("# T\n\n## 1. <b>\n\n- **Q&A**: <i>\n- **Why**: *not said*\n- none\n\nend");
  CHECK(html ==
        "<h4>1. &lt;b&gt;</h4>\n<ul>\n<li><b>Q&amp;A</b>: &lt;i&gt;</li>\n"
        "<li><b>Why</b>: <em>not said</em></li>\n<li>none</li>\n</ul>\n"
        "<p>end</p>\n");
}
