// SPDX-License-Identifier: Apache-2.0
#include "train/device.h"

#include "isoflop/error.h"

namespace isoflop {

std::unique_ptr<Backend> make_backend(const std::string& device, int rank) {
  if (device == "cpu") return make_cpu_backend();
  if (device == "cuda") return make_cuda_backend(rank);
  throw Error(ErrorCode::invalid_argument,
              "device: must be \"cpu\" or \"cuda\", got \"" + device + "\"");
}

}  // namespace isoflop
