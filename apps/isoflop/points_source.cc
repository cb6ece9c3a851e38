// SPDX-License-Identifier: Apache-2.0
#include "points_source.h"

#include <filesystem>
#include <iterator>

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

LoadedPoints load_sweep(const std::string& folder) {
  const SweepFolder sweep{folder};
  const Plan plan = load_plan(sweep.plan_file());
  LoadedPoints loaded;
  loaded.points = collect_points(sweep, plan);
  loaded.questions = {plan.experiment.question};
  for (CellStatus& cell : sweep_status(sweep, plan).cells) {
    if (cell.record) loaded.records.push_back(std::move(*cell.record));
  }
  loaded.source = "isoflop sweep: " + plan.experiment.question;
  return loaded;
}

LoadedPoints load_one(const std::string& file_or_sweep, const PointsSource& source) {
  if (std::filesystem::is_directory(file_or_sweep)) return load_sweep(file_or_sweep);
  LoadedPoints loaded;
  loaded.points = load_points_csv(file_or_sweep, csv_options(source));
  loaded.source = "points of " + std::filesystem::path(file_or_sweep).filename().string();
  return loaded;
}

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void add_points_source_options(CLI::App& command, PointsSource& source) {
  command
      .add_option("points", source.files_or_sweeps, "Points CSVs or sweep folders, taken together")
      ->required();
  command.add_option("--columns", source.columns,
                     "Names of the CSV's columns: params=N,tokens=D,loss=val_loss");
  command.add_flag("--skip-bad-rows", source.skip_bad_rows,
                   "Leave out and count rows that cannot be used");
}

LoadedPoints load_points(const PointsSource& source) {
  LoadedPoints all = load_one(source.files_or_sweeps.front(), source);
  for (std::size_t i = 1; i < source.files_or_sweeps.size(); ++i) {
    LoadedPoints next = load_one(source.files_or_sweeps[i], source);
    require_same_frame(all.points.frame, next.points.frame, source.files_or_sweeps[i]);
    append(all.points.points, std::move(next.points.points));
    append(all.questions, std::move(next.questions));
    append(all.records, std::move(next.records));
    all.points.n_skipped_rows += next.points.n_skipped_rows;
    all.points.n_diverged_runs += next.points.n_diverged_runs;
    all.source += "; " + next.source;
  }
  return all;
}

}  // namespace isoflop::cli
