// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/run_spec.h"

namespace isoflop {

/// hidden_in: qkv and gate_up; hidden_out: what ends a residual branch.
enum class TensorRole { embedding, hidden_in, hidden_out, head, norm };

/// What a tensor's own settings are: the standard deviation of its initial values, and the factors
/// on the spec's learning rate, epsilon and weight decay.
struct TensorScales {
  double init_std, learning_rate, epsilon, weight_decay;
  bool operator==(const TensorScales&) const = default;
};
[[nodiscard]] TensorScales tensor_scales(const RunSpec& spec, TensorRole role);

}  // namespace isoflop
