// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "isoflop/estimate.h"
#include "report/vega_spec.h"

namespace isoflop {

/// What a figure of a law against compute is made of: optima with their error bars, and lines with
/// a legend and a band.

struct PlottedOptimum {
  double compute, y;
  Interval interval;  // 90 %; empty where there is none
  bool sound;         // enters the law
  Json tip;
};

[[nodiscard]] bool has_interval(const PlottedOptimum& optimum);

/// One row per line of the legend, and the lines themselves sampled (two points would do for a
/// power law; the band of ours is curved).
struct LawLines {
  Json rows = Json::array(), band = Json::array();
  Json names = Json::array(), colors = Json::array(), dashes = Json::array();

  void add(const std::string& name, const char* color, Json dash) {
    names.push_back(name);
    colors.push_back(color);
    dashes.push_back(std::move(dash));
  }
};

void add_line_marks(Plot& plot, const LawLines& lines);
void add_optimum_marks(Plot& plot, const std::vector<PlottedOptimum>& optima);

}  // namespace isoflop
