// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "train/backend.h"

namespace isoflop {

/// The one place where a device's name becomes a backend: "cpu"; "cuda", of which each rank takes
/// the GPU of its number; "cuda:2", that GPU for all ranks. Throws Error(invalid_argument) for a
/// name that does not exist, Error(unavailable) for a device that is not there.
[[nodiscard]] std::unique_ptr<Backend> make_backend(const std::string& device, int rank);

/// How many devices of this kind there are: of "cpu" one; of "cuda" 0 where GPUs cannot be used.
[[nodiscard]] int count_devices(const std::string& device);

}  // namespace isoflop
