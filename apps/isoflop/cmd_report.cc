// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.h"
#include "checks/output_check.h"
#include "commands.h"
#include "environment.h"
#include "forecast_text.h"
#include "isoflop/fit.h"
#include "isoflop/report.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct ReportArguments {
  std::vector<std::string> sources;
  std::vector<std::pair<std::string, std::string>> forecasts;  // file, run
  std::string out, title, reference, figures, scale;
};

/// Sources by data set, in the order in which each was first named.
std::vector<std::vector<std::string>> by_dataset(const std::vector<std::string>& sources) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const std::string& source : sources) {
    const std::string dataset = load_points({.files_or_sweeps = {source}}).points.frame.dataset;
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const auto& entry) { return entry.first == dataset; });
    if (group == groups.end()) group = groups.insert(groups.end(), {dataset, {}});
    group->second.push_back(source);
  }
  std::vector<std::vector<std::string>> result;
  result.reserve(groups.size());
  for (auto& [dataset, members] : groups) result.push_back(std::move(members));
  return result;
}

/// The data set, or where none is stated the sources' names.
std::string title_of(const PointSet& points, const std::vector<std::string>& sources) {
  if (!points.frame.dataset.empty()) return points.frame.dataset;
  std::vector<std::string> names;
  for (const std::string& source : sources) {
    const std::filesystem::path path = source;
    names.push_back((path.has_filename() ? path : path.parent_path()).stem().string());
  }
  return join(names, ", ");
}

ReportChapter chapter_of(const std::vector<std::string>& sources, const ReportArguments& options) {
  LoadedPoints loaded = load_points({.files_or_sweeps = sources});
  ReportChapter chapter;
  chapter.title = title_of(loaded.points, sources);
  chapter.sources = sources;
  chapter.question = join(loaded.questions, " ");
  chapter.notes = loaded.warnings;
  for (const std::string& warning : loaded.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  FitOptions settings;
  settings.scale = scale_of(loaded.points, options.scale);
  chapter.fit = fit(loaded.points, settings);
  chapter.points = std::move(loaded.points);
  chapter.points.frame = chapter.fit->frame;  // how sizes were counted, where nothing said so
  chapter.records = std::move(loaded.records);
  if (!options.reference.empty()) chapter.reference = find_law(options.reference);
  return chapter;
}

/// Each forecast's score, as a sentence of its data set's chapter.
void add_forecasts(Report& report,
                   const std::vector<std::pair<std::string, std::string>>& forecasts) {
  for (const auto& [file, run] : forecasts) {
    const Forecast forecast = load_forecast(file);
    std::string sentence = describe(forecast, score(forecast, load_record_of(run)));
    if (const auto warning = mixed_data_warning(forecast)) sentence += "; " + *warning;
    for (ReportChapter& chapter : report.chapters) {
      if (chapter.title == forecast.spec.dataset) chapter.notes.push_back(sentence);
    }
  }
}

void run_report(const ReportArguments& options) {
  refuse_input_as_output(options.out, options.sources);
  Report report;
  report.title = options.title;
  for (const std::vector<std::string>& sources : by_dataset(options.sources)) {
    report.chapters.push_back(chapter_of(sources, options));
  }
  add_forecasts(report, options.forecasts);
  if (report.title.empty()) report.title = report.chapters.front().title;
  write_html(report, options.out);
  if (!options.figures.empty()) write_figures(report, options.figures);
  std::printf("%s\n", options.out.c_str());
}

}  // namespace

void add_report_command(Command& program) {
  auto options = std::make_shared<ReportArguments>();
  Command& command = program.add_subcommand("report", "Figures and tables in one HTML file");
  command.add_argument("source", options->sources,
                       "Sweep folders or points CSVs; a chapter for each data set");
  command.add_option("--out", options->out, "HTML file to write", {.required = true});
  command.add_option("--title", options->title, "Title of the page");
  command.add_option("--reference", options->reference, "Law drawn beside ours: id or file");
  command.add_option("--forecast", options->forecasts,
                     "A forecast file and the run it was of; may be repeated",
                     {.value_name = "FORECAST RUN"});
  add_scale_option(command, options->scale);
  command.add_option("--figures", options->figures, "Folder for the figures as Vega JSON");
  command.set_action([options] {
    run_report(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
