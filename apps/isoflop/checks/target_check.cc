// SPDX-License-Identifier: Apache-2.0
#include "checks/target_check.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {
namespace {

constexpr double kFarBelow = 1000;
constexpr double kLargest = 1e30;  // as of budgets

}  // namespace

double smallest_run(const PointSet& points) {
  double smallest = std::numeric_limits<double>::infinity();
  for (const Point& point : points.points) smallest = std::min(smallest, point.compute_flops());
  return smallest;
}

void check_target(double target, double smallest_run) {
  if (target > kLargest) {
    throw Error(ErrorCode::invalid_argument,
                "--target: must be at most 1e30 FLOPs, got " + exact_text(target));
  }
  if (!(target > 0 && target < smallest_run / kFarBelow)) return;  // next_runs() refuses the rest
  throw Error(ErrorCode::invalid_argument,
              "--target: must be at least a thousandth of the cheapest run's " +
                  rounded_text(smallest_run, 3) + " FLOPs, got " + exact_text(target));
}

}  // namespace isoflop::cli
