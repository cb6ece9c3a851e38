// SPDX-License-Identifier: Apache-2.0
#include "train/device.h"

#include <charconv>

#include "isoflop/error.h"
#include "train/cuda_plugin.h"

namespace isoflop {
namespace {

constexpr std::string_view kCuda = "cuda", kNumbered = "cuda:";

/// The number in "cuda:2", -1 where there is none.
int number_of(std::string_view device) {
  if (!device.starts_with(kNumbered)) return -1;
  device.remove_prefix(kNumbered.size());
  int number = -1;
  const auto [end, error] = std::from_chars(device.begin(), device.end(), number);
  return error == std::errc() && end == device.end() ? number : -1;
}

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, int rank) {
  if (device == "cpu") return make_cpu_backend();
  if (device == kCuda) return make_cuda_backend(rank);
  if (const int number = number_of(device); number >= 0) return make_cuda_backend(number);
  throw Error(ErrorCode::invalid_argument,
              "device: must be \"cpu\", \"cuda\" or \"cuda:N\", got \"" + device + "\"");
}

int count_devices(const std::string& device) {
  if (device == "cpu") return 1;
  try {
    return cuda_plugin().count_devices();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unavailable) throw;
    return 0;
  }
}

}  // namespace isoflop
