// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>

#include "commands.h"
#include "comparison.h"
#include "environment.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

struct CompareArguments {
  std::string a, b, columns;
  ComparisonOptions comparison;
  bool json = false;
};

bool holds_points(const std::string& what) {
  return std::filesystem::is_directory(what) || what.ends_with(".csv");
}

Side load_side(const std::string& what, const std::string& columns) {
  Side side;
  if (!holds_points(what)) {
    side.law = find_law(what);
    side.name = side.law.id;
    return side;
  }
  const LoadedPoints loaded = load_points({.files_or_sweeps = {what}, .columns = columns});
  FitOptions options;
  options.n_bootstrap = 0;
  side.fit = fit(loaded.points, options);
  std::filesystem::path path = what;
  if (!path.has_filename()) path = path.parent_path();
  side.name = path.stem().string();
  side.law = to_law(*side.fit, side.name, loaded.source);
  for (const Valley& valley : side.fit->valleys) {
    if (valley.usable()) side.losses.push_back({valley.compute, valley.loss_opt});
  }
  return side;
}

}  // namespace

void add_compare_command(Command& program) {
  Command& command =
      program.add_subcommand("compare", "Two laws or sweeps: exponents, effective speedup");
  auto options = std::make_shared<CompareArguments>();
  command.add_argument("law_a", options->a, "Baseline: law id or file, sweep folder or points CSV");
  command.add_argument("law_b", options->b, "Variant: the same");
  command.add_option("--asymptote", options->comparison.asymptote,
                     "Loss no compute goes below, pinned for both (default: the baseline's fit)",
                     {.non_negative = true});
  command.add_option("--target", options->comparison.target, "Budget to compare losses at [FLOPs]",
                     {.positive = true});
  command.add_flag("--shared-validation", options->comparison.shared_validation,
                   "Both were evaluated on one text, whatever they were trained on");
  command.add_option("--columns", options->columns,
                     "Names of the CSVs' columns: params=N,tokens=D,loss=val_loss");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    const Comparison comparison =
        compare(load_side(options->a, options->columns), load_side(options->b, options->columns),
                options->comparison);
    const std::string text = options->json ? to_json(comparison).pretty() : text_of(comparison);
    std::printf("%s", text.c_str());
    return kDone;
  });
}

}  // namespace isoflop::cli
