// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/contract/backend.h"

namespace isoflop {

/// The one place where a device's name becomes a backend: "cpu"; "cuda", of which each rank takes
/// the GPU of its number; "cuda:2", that GPU for all ranks. Throws Error(invalid_argument) for a
/// name that does not exist, Error(unavailable) for a device that is not there.
[[nodiscard]] std::unique_ptr<Backend> make_backend(const std::string& device, int rank);

/// "cuda" of "cuda:2": what decides which bits come out.
[[nodiscard]] inline std::string kind_of(const std::string& device) {
  return device.substr(0, device.find(':'));
}

/// The devices that a name stands for, one by one: "cpu"; of "cuda" all GPUs, "cuda:0" first; of
/// "cuda:2" itself. Throws as make_backend() does, but takes nothing of a device.
[[nodiscard]] std::vector<std::string> find_devices(const std::string& device);

/// What can be used here and now, for people: "cpu", "cuda:0 NVIDIA H100 80GB HBM3". Never throws.
[[nodiscard]] std::vector<std::string> describe_devices();

/// How many devices of this kind there are: of "cpu" one; of "cuda" 0 where GPUs cannot be used.
[[nodiscard]] int count_devices(const std::string& device);

}  // namespace isoflop
