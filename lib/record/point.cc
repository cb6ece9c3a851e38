// SPDX-License-Identifier: Apache-2.0
#include "isoflop/point.h"

#include "isoflop/error.h"

namespace isoflop {

double Point::compute_flops() const {
  if (compute) return *compute;
  if (flops_per_token) return *flops_per_token * tokens;
  if (budget) return *budget;
  ISOFLOP_CHECK(params.has_value(), "a point has params or flops_per_token");
  return 6 * *params * tokens;
}

}  // namespace isoflop
