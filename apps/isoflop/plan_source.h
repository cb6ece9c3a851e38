// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "command_line.h"
#include "isoflop/dataset.h"
#include "isoflop/plan.h"
#include "options/shape_options.h"

namespace isoflop::cli {

/// How the commands that need a plan are told which: an experiment file, changed by --set and by
/// what is asked of the shapes, or a sweep folder that holds its plan.
struct PlanSource {
  std::string experiment_or_sweep;
  std::vector<std::string> settings;
  ShapeOptions shape = {};
  std::string data_root;
};

struct ResolvedPlan {
  Plan plan;
  bool from_sweep = false;
};

void add_plan_source_options(Command& command, PlanSource& source);

/// For commands that write a plan into a folder that may have one.
void add_drop_runs_flag(Command& command, bool& drop_runs);

/// Loads, or makes, the plan. Opens the data set for its size and hash.
[[nodiscard]] ResolvedPlan resolve_plan(const PlanSource& source);

/// What a plan is told about a data set.
[[nodiscard]] DatasetSummary summary_of(const DatasetInfo& info);

}  // namespace isoflop::cli
