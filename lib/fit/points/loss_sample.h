// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace isoflop {

/// One point of a loss surface.
struct LossSample {
  double size = 0, tokens = 0, loss = 0;
  double weight = 1;                 // multiplicity in a resample
  std::vector<double> by_seed = {};  // the losses that `loss` is the mean of; empty for one
};

}  // namespace isoflop
