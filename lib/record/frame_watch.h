// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "isoflop/point.h"

namespace isoflop {

/// Watches the rows of one file go by for numbers that were measured differently, which no fit may
/// mix: values that differ, and those that are stated beside those that are not.
class FrameWatch {
 public:
  explicit FrameWatch(std::string file)
      : file_(std::move(file)),
        convention_{"convention"},
        tokenizer_{"tokenizer"},
        dataset_{"dataset"} {}

  /// Throws Error(frame_mismatch) naming the column, both values and both rows.
  void see_convention(std::string_view cell, std::int64_t row) { see(convention_, cell, row); }
  void see_tokenizer(std::string_view cell, std::int64_t row) { see(tokenizer_, cell, row); }
  /// Data sets may differ here: whoever fits decides. Throws where some rows name none.
  void see_dataset(std::string_view cell, std::int64_t row) { see_whether(dataset_, cell, row); }
  /// A row of loss alone beside a row of bits_per_byte alone leaves no metric that all have.
  void see_metric(const Point& point, std::int64_t row);
  /// The same of params and flops_per_token, and of what a size is.
  void see_size(const Point& point, std::int64_t row);
  /// Writes what the rows state into a frame.
  void state(Frame& frame) const;

 private:
  struct Stated {
    std::string_view column;
    std::string value = {};
    std::int64_t row = 0, empty_row = 0;  // the first of either; 0 while there is none
  };
  /// Two columns, one of which all rows must have.
  struct Alternatives {
    std::string_view a, b;
    std::int64_t a_row = 0, b_row = 0;  // first with that one alone; 0 while there is none
  };
  void see_which(Alternatives& columns, bool has_a, bool has_b, std::int64_t row) const;
  void see_whether(Stated& stated, std::string_view cell, std::int64_t row) const;
  void see(Stated& stated, std::string_view cell, std::int64_t row) const;

  std::string file_;
  Stated convention_, tokenizer_, dataset_;
  Alternatives metric_{"loss", "bits_per_byte"}, size_{"params", "flops_per_token"};
};

/// What is wrong with a cell of the column `convention`, if anything; it may be empty.
[[nodiscard]] std::optional<std::string> convention_complaint(std::string_view cell);

}  // namespace isoflop
