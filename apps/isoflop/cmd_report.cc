// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

#include "isoflop/commands.h"
#include "isoflop/environment.h"
#include "isoflop/fit.h"
#include "isoflop/points_source.h"
#include "isoflop/report.h"
#include "isoflop/run.h"

namespace isoflop::cli {
namespace {

struct Options {
  std::vector<std::string> sources;
  std::vector<std::string> notes;
  std::string out, title, reference, figures;
};

ReportChapter chapter_of(const std::string& source, const Options& options) {
  const LoadedPoints loaded = load_points({.file_or_sweep = source});
  ReportChapter chapter;
  chapter.title = loaded.points.frame.dataset;
  chapter.points = loaded.points;
  chapter.fit = fit(loaded.points);
  if (loaded.plan) {
    chapter.question = loaded.plan->experiment.question;
    for (CellStatus& cell : sweep_status(SweepFolder{source}, *loaded.plan).cells) {
      if (cell.record) chapter.records.push_back(std::move(*cell.record));
    }
  }
  if (!options.reference.empty()) chapter.reference = find_law(options.reference);
  return chapter;
}

}  // namespace

void add_report_command(CLI::App& app, int&) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("report", "Figures and tables in one HTML file");
  command->add_option("source", options->sources, "Sweep folders or points CSVs, a chapter each")
      ->required();
  command->add_option("--out", options->out, "HTML file to write")->required();
  command->add_option("--title", options->title, "Title of the page");
  command->add_option("--reference", options->reference, "Law drawn beside ours: id or file");
  command
      ->add_option("--note", options->notes, "A paragraph for the first chapter; may be repeated")
      ->take_all();
  command->add_option("--figures", options->figures, "Folder for the figures as Vega JSON");
  command->callback([options] {
    Report report;
    report.title = options->title;
    for (const std::string& source : options->sources) {
      report.chapters.push_back(chapter_of(source, *options));
    }
    report.chapters.front().notes = options->notes;
    if (report.title.empty()) report.title = report.chapters.front().title;
    write_html(report, options->out);
    if (!options->figures.empty()) write_figures(report, options->figures);
    std::printf("%s\n", options->out.c_str());
  });
}

}  // namespace isoflop::cli
