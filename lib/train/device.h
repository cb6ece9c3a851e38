// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "train/backend.h"

namespace isoflop {

/// The one place where a device's name becomes a backend. `rank` picks among several GPUs. Throws
/// Error(invalid_argument) for a name that does not exist, Error(unavailable) for a device that is
/// not there.
[[nodiscard]] std::unique_ptr<Backend> make_backend(const std::string& device, int rank);

}  // namespace isoflop
