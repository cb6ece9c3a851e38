// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "isoflop/point.h"
#include "record/import_preset.h"

namespace isoflop {

/// Why a row is suspected: `kind` groups, `detail` is of this row.
struct OutlierReason {
  std::string kind, detail = {};
  [[nodiscard]] std::string text() const { return detail.empty() ? kind : kind + ": " + detail; }
};

/// Which row first had these numbers: an open-addressed table of 64-bit hashes, 12 bytes a slot.
class FirstRows {
 public:
  /// The row that had `hash` before, or nothing, and then `row` has it.
  std::optional<std::int64_t> find_or_add(std::uint64_t hash, std::int64_t row);

 private:
  void grow();
  [[nodiscard]] std::size_t slot_of(std::uint64_t hash) const;
  std::size_t n_used_ = 0;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> rows_;  // 0: the slot is free
};

/// Marks what is suspect; never leaves anything out.
class OutlierRules {
 public:
  OutlierRules(ImportPreset::Rule rule, std::optional<double> vocab_size)
      : rule_(rule), vocab_size_(vocab_size) {}

  /// Some rules need to have seen all points before the first is judged.
  [[nodiscard]] bool needs_learning() const {
    return rule_ == ImportPreset::Rule::five_highest_losses ||
           rule_ == ImportPreset::Rule::diverged_in_cell;
  }
  void learn(const Point& point);
  /// Adds the reasons to suspect this point. `experiment`: what the file calls it, if anything.
  void judge(const Point& point, std::int64_t row, std::string_view experiment,
             std::vector<OutlierReason>& reasons);

 private:
  ImportPreset::Rule rule_;
  std::optional<double> vocab_size_;
  FirstRows first_rows_;
  std::vector<double> highest_losses_;  // the five, from the highest down
  std::map<std::pair<double, double>, double> lowest_loss_of_cell_;  // by N, D
};

}  // namespace isoflop
