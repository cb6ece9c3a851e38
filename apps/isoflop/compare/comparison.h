// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "isoflop/fit.h"
#include "isoflop/speedup.h"

namespace isoflop::cli {

/// One of two things compared: a law, or points and the fit of them.
struct Side {
  std::string name;
  Law law;
  std::optional<Fit> fit;                  // of points; a law file carries none
  std::vector<BoughtLoss> losses;          // best loss per budget
  std::vector<std::string> warnings = {};  // of points that are not all there
  double smallest_run = 0;                 // [FLOPs]; of a law, the smallest budget behind it
};

/// One number of both sides; a law file has no interval.
struct ComparedNumber {
  std::string name, key;
  std::optional<double> a, b;
  bool a_assumed = false, b_assumed = false;  // not fitted
  std::optional<Interval> a_interval, b_interval;
  std::optional<ExponentDifference> difference;
};

struct ComparisonOptions {
  std::optional<double> asymptote;  // absent: the baseline's own fitted floor
  std::optional<double> target;     // [FLOPs]; absent: the largest budget of both
  bool shared_validation = false;   // both were evaluated on the same text
};

struct Comparison {
  std::string a, b;
  std::vector<ComparedNumber> numbers;
  std::optional<Speedup> speedup;        // of b over a
  std::vector<Speedup> sensitivity;      // the same with other asymptotes
  bool asymptote_is_fitted = false;      // nobody pinned it
  std::optional<double> target;          // where `loss_a` and `loss_b` are
  std::optional<double> loss_a, loss_b;  // by the two forecasts
  std::vector<std::string> warnings;
};

/// Throws Error(invalid_argument) for an asymptote that is not below every loss.
[[nodiscard]] Comparison compare(const Side& a, const Side& b, const ComparisonOptions& options);

/// The isoflop.comparison/1 answer.
[[nodiscard]] Json to_json(const Comparison& comparison);
[[nodiscard]] std::string text_of(const Comparison& comparison);

}  // namespace isoflop::cli
