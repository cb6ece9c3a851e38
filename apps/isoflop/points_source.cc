// SPDX-License-Identifier: Apache-2.0
#include "isoflop/points_source.h"

#include <filesystem>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run.h"

namespace isoflop::cli {
namespace {

PointsCsvOptions csv_options(const PointsSource& source) {
  PointsCsvOptions options;
  options.skip_bad_rows = source.skip_bad_rows;
  if (source.columns.empty()) return options;
  for (const std::string& pair : split(source.columns, ',')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      throw Error(ErrorCode::invalid_argument,
                  "--columns: must be ours=theirs,..., got \"" + pair + "\"");
    }
    options.columns[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return options;
}

}  // namespace

void add_points_source_options(CLI::App& command, PointsSource& source) {
  command.add_option("points", source.file_or_sweep, "A points CSV, or a sweep folder")->required();
  command.add_option("--columns", source.columns,
                     "Names of the CSV's columns: params=N,tokens=D,loss=val_loss");
  command.add_flag("--skip-bad-rows", source.skip_bad_rows,
                   "Leave out and count rows that cannot be used");
}

LoadedPoints load_points(const PointsSource& source) {
  LoadedPoints loaded;
  if (std::filesystem::is_directory(source.file_or_sweep)) {
    const SweepFolder sweep{source.file_or_sweep};
    loaded.plan = load_plan(sweep.plan_file());
    loaded.points = collect_points(sweep, *loaded.plan);
    loaded.source = "isoflop sweep: " + loaded.plan->experiment.question;
  } else {
    loaded.points = load_points_csv(source.file_or_sweep, csv_options(source));
    loaded.source = "points of " + std::filesystem::path(source.file_or_sweep).filename().string();
  }
  return loaded;
}

}  // namespace isoflop::cli
