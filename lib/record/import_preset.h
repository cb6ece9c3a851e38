// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "isoflop/import.h"
#include "record/point_columns.h"

namespace isoflop {

/// A column that a layout may have, and the unit of its cells where that is not ours.
struct ForeignColumn {
  std::string name;  // or a sum, "a+b"
  std::string unit = {};
};

/// What is known of a layout: where our columns are, in order of preference.
struct ImportPreset {
  struct Choice {
    PointColumn column;
    std::vector<ForeignColumn> candidates;
  };
  /// Which rows the layout's authors, or the layout itself, make suspect.
  enum class Rule { none, five_highest_losses, diverged_in_cell, raw_loss_view };

  std::vector<Choice> choices;
  std::vector<std::pair<std::string, std::string>> kept_as;  // their name -> what it is written as
  std::string dataset = {};
  bool tokens_from_compute = false;  // D = C / (6 N)
  std::string outlier = std::string(kOutlierName), reason = std::string(kOutlierReasonName);
  std::string state = {};  // W&B's: anything but finished is suspect
  Rule rule = Rule::none;
  std::optional<FlopsConvention> convention = {};
};

/// nanochat's count of parameters is by `convention`; `is_chart`: `header` is that of
/// wandb_chart_rows().
[[nodiscard]] ImportPreset import_preset(ImportFormat format,
                                         const std::vector<std::string>& header,
                                         std::optional<FlopsConvention> convention, bool is_chart);

}  // namespace isoflop
