// SPDX-License-Identifier: Apache-2.0
#include "train/parametrisation.h"

namespace isoflop {

TensorScales tensor_scales(const RunSpec& spec, TensorRole role) {
  return {spec.init_std, 1, 1, role == TensorRole::norm ? 0.0 : 1.0};
}

}  // namespace isoflop
