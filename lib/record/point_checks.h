// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "isoflop/point.h"
#include "record/point_columns.h"

namespace isoflop {

/// What is wrong with a row, and in which column.
struct PointFault {
  PointColumn column;
  std::string what;
};

/// A number > 0 as a cell says it, or the complaint about it: text, a sign, a number that is not
/// finite, or one below the smallest normal double, which has lost digits.
[[nodiscard]] std::optional<double> parse_quantity(std::string_view cell);
[[nodiscard]] std::string quantity_complaint(std::string_view cell);

/// A count above 2^53 in digits that no double is printed in: it would become another one.
[[nodiscard]] std::optional<std::string> count_complaint(PointColumn column, std::string_view cell);

/// Whether a column of that name holds perplexities: val_ppl, eval/perplexity, PPL.
[[nodiscard]] bool names_perplexity(std::string_view column);

/// What no measurement gives, whatever trained: a mean loss above 14 nats per token, or the bits
/// per byte that this is where a token is a byte.
[[nodiscard]] std::optional<std::string> metric_complaint(Metric metric, double value);

/// What no single cell shows: compute above 1e30 FLOPs, and a budget more than 10 % from the
/// compute stated beside it; and the complaint about the metrics.
[[nodiscard]] std::optional<PointFault> fault_of(const Point& point);

/// Watches the rows go by for units that cannot be meant.
class UnitWatch {
 public:
  void see(const Point& point, std::int64_t row);
  /// One sentence per suspicion, with how many rows and the first.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  struct Count {
    std::int64_t n = 0, first_row = 0;
    void add(std::int64_t row) {
      if (n++ == 0) first_row = row;
    }
  };
  void see_losses(const Point& point, std::int64_t row);
  /// The rows with the least and the most of something.
  struct Extremes {
    double low = 0, high = 0;
    std::int64_t low_row = 0, high_row = 0;  // 0: none was seen
    void see(double value, std::int64_t row);
  };
  Count few_tokens_;
  Extremes loss_, bytes_per_token_;
};

}  // namespace isoflop
