// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop {

/// 90 % unless a comment says otherwise.
struct Interval {
  double low = 0, high = 0;
};

}  // namespace isoflop
