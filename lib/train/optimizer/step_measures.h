// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace isoflop {

/// Euclidean norms over the whole model, infinite or NaN where any element is.
struct Norms {
  double gradient = 0, weights = 0;
  double unshared_gradient = 0;  // over what one tensor-parallel rank alone holds
};

/// What one optimizer step measured before it updated anything.
struct StepMeasures {
  double loss = 0;  // mean over the batch [nats]
  Norms norms;
  /// Mean over the logical ranks of |g|^2 of their first micro-batch alone, over unshared
  /// parameters; for the gradient noise scale.
  double small_batch_square = 0;

  /// What updates go by, on whatever device.
  [[nodiscard]] bool is_finite() const {
    return std::isfinite(loss) && std::isfinite(norms.gradient) && std::isfinite(norms.weights) &&
           std::isfinite(norms.unshared_gradient) && std::isfinite(small_batch_square);
  }
};

}  // namespace isoflop
