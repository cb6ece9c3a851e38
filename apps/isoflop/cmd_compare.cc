// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checks/target_check.h"
#include "commands.h"
#include "compare/comparison.h"
#include "compare/joint_comparison.h"
#include "environment.h"
#include "isoflop/error.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct CompareArguments {
  std::vector<std::string> laws;
  std::string a, b, columns, scale;
  ComparisonOptions comparison;
  bool joint = false, shared_floor = false, json = false;
};

bool holds_points(const std::string& what) {
  return std::filesystem::is_directory(what) || what.ends_with(".csv");
}

/// The last names of a path.
std::vector<std::string> names_of(const std::string& what) {
  std::vector<std::string> names;
  for (const auto& part : std::filesystem::weakly_canonical(what)) {
    if (part.has_relative_path()) names.push_back(part.string());
  }
  return names;
}

/// Two sides of one name by what tells them apart: the data set, else as much of the paths' ends as
/// differs.
void tell_apart(Side& a, Side& b, const CompareArguments& options) {
  if (a.name != b.name || options.a == options.b) return;
  const std::string &first = a.law.frame.dataset, &second = b.law.frame.dataset;
  if (!first.empty() && !second.empty() && first != second) {
    a.name = first;
    b.name = second;
    return;
  }
  std::vector<std::string> of_a = names_of(options.a), of_b = names_of(options.b);
  while (!of_a.empty() && !of_b.empty() && of_a.back() == of_b.back()) {
    of_a.pop_back();
    of_b.pop_back();
  }
  if (!of_a.empty()) a.name = of_a.back() + "/" + a.name;
  if (!of_b.empty()) b.name = of_b.back() + "/" + b.name;
}

Side load_side(const std::string& what, const CompareArguments& arguments) {
  Side side;
  if (!holds_points(what)) {
    side.law = find_law(what);
    side.name = side.law.id;
    if (side.law.fitted_from) side.smallest_run = side.law.fitted_from->value();
    return side;
  }
  const LoadedPoints loaded =
      load_points({.files_or_sweeps = {what}, .columns = arguments.columns});
  FitOptions options;
  options.n_bootstrap = 0;
  options.scale = scale_of(loaded.points, arguments.scale);
  side.fit = fit(loaded.points, options);
  std::filesystem::path path = what;
  if (!path.has_filename()) path = path.parent_path();
  side.name = path.stem().string();
  side.warnings = loaded.warnings;
  side.smallest_run = smallest_run(loaded.points);
  side.law = to_law(*side.fit, side.name, loaded.source);
  for (const Valley& valley : side.fit->valleys) {
    if (valley.usable()) side.losses.push_back({valley.compute, valley.loss_opt});
  }
  return side;
}

int run_compare(const CompareArguments& options) {
  Side a = load_side(options.a, options), b = load_side(options.b, options);
  tell_apart(a, b, options);
  if (const auto& target = options.comparison.target) {
    check_target(*target, std::min(a.smallest_run, b.smallest_run));
  }
  Comparison comparison = compare(a, b, options.comparison);
  for (const Side* side : {&a, &b}) {
    if (!side->law.allocation && !side->law.frontier && !side->law.loss) {
      comparison.warnings.push_back(side->name +
                                    " has no allocation law, no surface and no frontier.");
    }
    comparison.warnings.insert(comparison.warnings.begin(), side->warnings.begin(),
                               side->warnings.end());
  }
  const std::string text = options.json ? to_json(comparison).pretty() : text_of(comparison);
  std::printf("%s", text.c_str());
  return kDone;
}

int run_joint(const CompareArguments& options) {
  const ComparisonOptions& idle = options.comparison;
  if (idle.asymptote || idle.target || idle.shared_validation) {
    throw Error(ErrorCode::invalid_argument,
                "--joint: --asymptote, --target and --shared-validation say nothing here");
  }
  const JointAnswer answer = compare_jointly({.points = options.laws,
                                              .columns = options.columns,
                                              .scale = options.scale,
                                              .shared_floor = options.shared_floor});
  const std::string text = options.json ? to_json(answer).pretty() : text_of(answer);
  std::printf("%s", text.c_str());
  return answer.fit.status == FitStatus::ok ? kDone : kFailures;
}

}  // namespace

void add_compare_command(Command& program) {
  Command& command =
      program.add_subcommand("compare", "Two laws or sweeps: exponents, effective speedup");
  auto options = std::make_shared<CompareArguments>();
  command.add_argument("laws", options->laws,
                       "Baseline and variant: law ids or files, sweep folders or points CSVs; with "
                       "--joint, points of two or more");
  command.add_flag(
      "--joint", options->joint,
      "One surface with shared exponents: what a parameter and a token of each set are "
      "worth to the first");
  command.add_flag("--shared-floor", options->shared_floor,
                   "With --joint: one E for all, of sets that differ by the optimizer alone");
  command.add_option("--asymptote", options->comparison.asymptote,
                     "Loss no compute goes below, pinned for both (default: the baseline's fit)",
                     {.non_negative = true});
  command.add_option("--target", options->comparison.target, "Budget to compare losses at [FLOPs]",
                     {.positive = true});
  command.add_flag("--shared-validation", options->comparison.shared_validation,
                   "Both were evaluated on one text, whatever they were trained on");
  command.add_option("--columns", options->columns,
                     "Names of the CSVs' columns: params=N,tokens=D,loss=val_loss");
  add_scale_option(command, options->scale);
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    if (options->joint) return run_joint(*options);
    if (options->laws.size() != 2 || options->shared_floor) {
      throw Error(ErrorCode::invalid_argument, options->shared_floor
                                                   ? "--shared-floor: needs --joint"
                                                   : "compare: needs two laws, got " +
                                                         std::to_string(options->laws.size()) +
                                                         "; more go with --joint");
    }
    options->a = options->laws[0];
    options->b = options->laws[1];
    return run_compare(*options);
  });
}

}  // namespace isoflop::cli
