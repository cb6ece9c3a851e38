// SPDX-License-Identifier: Apache-2.0
#include "points_source.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <set>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/run.h"
#include "name_pairs.h"

namespace isoflop::cli {
namespace {

/// Sweeps have thousands of runs at most; a million rows are every step of some curves, and would
/// be resampled as if they were independent.
constexpr std::int64_t kMaxPoints = 100'000;

PointsCsvOptions csv_options(const PointsSource& source) {
  PointsCsvOptions options;
  options.skip_bad_rows = source.skip_bad_rows;
  options.skip_outliers = source.skip_outliers;
  options.max_points = kMaxPoints;
  options.columns = name_pairs("--columns", source.columns);
  return options;
}

LoadedPoints load_sweep(const std::string& folder) {
  const SweepFolder sweep{folder};
  const Plan plan = load_plan(sweep.plan_file());
  LoadedPoints loaded;
  loaded.points = collect_points(sweep, plan);
  loaded.questions = {plan.experiment.question};
  SweepStatus status = sweep_status(sweep, plan);
  for (const std::string& warning : unfinished_warnings(status)) {
    loaded.warnings.push_back(folder + ": " + warning);
  }
  for (CellStatus& cell : status.cells) {
    if (cell.record) loaded.records.push_back(std::move(*cell.record));
  }
  loaded.source = "isoflop sweep: " + plan.experiment.question;
  return loaded;
}

/// What a point says in the column `name`; nothing where it has none.
std::optional<std::string> cell_of(const Point& point, const std::string& name) {
  if (name == "dataset") return point.dataset;
  if (name == "trunk") return point.trunk;
  const auto cell = point.other.find(name);
  if (cell == point.other.end()) return std::nullopt;
  return cell->second;
}

/// Keeps the points that say `value` in the column `name`.
void keep(PointSet& set, const std::string& name, const std::string& value) {
  std::set<std::string> values;
  for (const Point& point : set.points) {
    if (const auto cell = cell_of(point, name)) values.insert(*cell);
  }
  if (!values.contains(value)) {
    constexpr std::size_t kNamed = 20;
    std::vector<std::string> named(values.begin(), values.end());
    if (named.size() > kNamed) named.resize(kNamed);
    throw Error(ErrorCode::invalid_argument,
                "--where: no row says " + name + "=" + value +
                    (named.empty() ? "; there is no such column of words"
                                   : "; it has " + join(named, ", ")));
  }
  std::erase_if(set.points, [&](const Point& point) { return cell_of(point, name) != value; });
  if (name == "dataset") set.frame.dataset = value;
}

[[noreturn]] void refuse_empty(const std::string& file, const PointSet& set) {
  const std::int64_t n_outliers = set.n_outliers;
  throw Error(ErrorCode::parse,
              file + (set.n_skipped_rows + n_outliers == 0
                          ? ": has a header and no rows"
                          : ": has no row that can be used; " + std::to_string(set.n_skipped_rows) +
                                " were left out as bad and " + std::to_string(n_outliers) +
                                " as outliers"));
}

LoadedPoints load_one(const std::string& file_or_sweep, const PointsSource& source) {
  if (std::filesystem::is_directory(file_or_sweep)) return load_sweep(file_or_sweep);
  LoadedPoints loaded;
  loaded.points = load_points_csv(file_or_sweep, csv_options(source));
  if (loaded.points.points.empty()) refuse_empty(file_or_sweep, loaded.points);
  loaded.source = "points of " + std::filesystem::path(file_or_sweep).filename().string();
  return loaded;
}

void refuse_idle_columns(const PointsSource& source) {
  const auto is_folder = [](const std::string& name) {
    return std::filesystem::is_directory(name);
  };
  const std::vector<std::string>& names = source.files_or_sweeps;
  if (source.columns.empty() || !std::all_of(names.begin(), names.end(), is_folder)) return;
  throw Error(ErrorCode::invalid_argument,
              "--columns: names the columns of CSVs; " + names.front() + " is a sweep folder");
}

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void add_points_source_options(Command& command, PointsSource& source) {
  command.add_argument("points", source.files_or_sweeps,
                       "Points CSVs or sweep folders, taken together");
  command.add_option("--columns", source.columns,
                     "Names of the CSV's columns: params=N,tokens=D,loss=val_loss");
  command.add_option("--where", source.where, "Take these rows alone: experiment=NAME");
  command.add_flag("--skip-bad-rows", source.skip_bad_rows,
                   "Leave out and count rows that cannot be used");
  command.add_flag("--skip-outliers", source.skip_outliers,
                   "Leave out and count rows with 1 in the column outlier, which else are used");
}

LoadedPoints load_points(const PointsSource& source) {
  refuse_idle_columns(source);
  LoadedPoints all = load_one(source.files_or_sweeps.front(), source);
  for (std::size_t i = 1; i < source.files_or_sweeps.size(); ++i) {
    LoadedPoints next = load_one(source.files_or_sweeps[i], source);
    require_same_frame(all.points.frame, next.points.frame, source.files_or_sweeps[i]);
    append(all.points.points, std::move(next.points.points));
    append(all.questions, std::move(next.questions));
    append(all.records, std::move(next.records));
    append(all.warnings, std::move(next.warnings));
    all.points.n_skipped_rows += next.points.n_skipped_rows;
    all.points.n_outliers += next.points.n_outliers;
    append(all.points.warnings, std::move(next.points.warnings));
    all.points.n_diverged_runs += next.points.n_diverged_runs;
    all.source += "; " + next.source;
  }
  for (const auto& [name, value] : name_pairs("--where", source.where)) {
    keep(all.points, name, value);
  }
  return all;
}

void add_scale_option(Command& command, std::string& scale) {
  command.add_option("--scale", scale, "Model scale of the fits (default: what the points state)",
                     {.one_of = {"params", "flops_per_token"}});
}

LossLaw::Scale scale_of(const PointSet& points, const std::string& asked) {
  if (!asked.empty()) {
    return asked == "params" ? LossLaw::Scale::params : LossLaw::Scale::flops_per_token;
  }
  const auto has_m = [](const Point& point) { return point.flops_per_token.has_value(); };
  return std::any_of(points.points.begin(), points.points.end(), has_m)
             ? LossLaw::Scale::flops_per_token
             : LossLaw::Scale::params;
}

void print_points_notes(const PointSet& points, bool skip_outliers) {
  if (points.n_skipped_rows > 0) {
    std::fprintf(stderr, "warning: %lld rows were left out\n",
                 static_cast<long long>(points.n_skipped_rows));
  }
  if (points.n_outliers > 0) {
    std::fprintf(stderr, "note: %lld rows are marked as outliers and %s\n",
                 static_cast<long long>(points.n_outliers),
                 skip_outliers ? "were left out" : "were used; --skip-outliers leaves them out");
  }
  for (const std::string& warning : points.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

}  // namespace isoflop::cli
