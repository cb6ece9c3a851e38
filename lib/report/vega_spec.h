// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace isoflop {

/// The parts that every figure is made of, as Vega 5 JSON.

struct AxisRange {
  double low = 0, high = 0;
  void include(double value);
  [[nodiscard]] bool empty() const { return !(low < high) && low == 0; }
  /// Grown by `share` of its length on both sides; of its logarithmic length for log axes.
  [[nodiscard]] AxisRange padded(double share) const;
  [[nodiscard]] AxisRange log_padded(double share) const;
};

/// How an axis writes its numbers: 250k; 3e12; 0.002; 2.35.
enum class Labels { si, power, plain };

struct AxisSpec {
  std::string title;
  AxisRange range;
  bool logarithmic = true;
  Labels labels = Labels::si;
  std::vector<double> ticks = {};  // default: round numbers
};

/// A specification with x and y scales and axes; data and marks are added by the figure.
class Plot {
 public:
  Plot(int width, int height, const std::string& title, const AxisSpec& x, const AxisSpec& y);
  void add_data(const std::string& name, Json rows);
  void add_scale(Json scale);
  void add_legend(Json legend);
  void add_mark(Json mark);
  [[nodiscard]] Json json() const;

 private:
  Json frame_, data_, scales_, axes_, legends_, marks_;
};

[[nodiscard]] Json field(const std::string& scale, const std::string& name);
[[nodiscard]] Json value(Json constant);
[[nodiscard]] Json signal(const std::string& expression);

/// {"type": type, "from": {"data": data}, "encode": {"update": encoding}}
[[nodiscard]] Json mark(const std::string& type, const std::string& data, Json encoding);
/// Lines or areas, one for each value of `key`.
[[nodiscard]] Json faceted(const std::string& type, const std::string& data, const std::string& key,
                           Json encoding);

/// Round numbers inside a range: powers of ten, with 3 or 2 and 5 between where there is room.
[[nodiscard]] std::vector<double> log_ticks(const AxisRange& range);
/// `n` numbers from low to high, equally spaced in the logarithm.
[[nodiscard]] std::vector<double> log_grid(const AxisRange& range, int n);

}  // namespace isoflop
