// SPDX-License-Identifier: Apache-2.0
#include "isoflop/error.h"
#include "train/backend.h"

namespace isoflop {

std::unique_ptr<Backend> make_cuda_backend(int) {
  throw Error(ErrorCode::unavailable,
              "this build has no CUDA backend; use device \"cpu\", or build where nvcc is found");
}

}  // namespace isoflop
