// SPDX-License-Identifier: Apache-2.0
#include "train/device/device.h"

#include <charconv>

#include "isoflop/error.h"
#include "train/device/cuda_plugin.h"

namespace isoflop {
namespace {

constexpr std::string_view kCuda = "cuda", kNumbered = "cuda:";

/// The number in "cuda:2".
int number_of(const std::string& name) {
  std::string_view device = name;
  const auto refuse = [&] {
    throw Error(ErrorCode::invalid_argument,
                "device: must be \"cpu\", \"cuda\" or \"cuda:N\", got \"" + name + "\"");
  };
  if (!device.starts_with(kNumbered)) refuse();
  device.remove_prefix(kNumbered.size());
  int number = -1;
  const auto [end, error] = std::from_chars(device.begin(), device.end(), number);
  if (error != std::errc() || end != device.end() || number < 0) refuse();
  return number;
}

}  // namespace

std::unique_ptr<Backend> make_backend(const std::string& device, int rank) {
  if (device == "cpu") return make_cpu_backend();
  if (device == kCuda) return make_cuda_backend(rank);
  return make_cuda_backend(number_of(device));
}

std::vector<std::string> find_devices(const std::string& device) {
  if (device == "cpu") return {device};
  const bool is_all = device == kCuda;
  const int number = is_all ? 0 : number_of(device);
  cuda_plugin().require_device(number);
  if (!is_all) return {device};
  const int n_devices = cuda_plugin().count_devices();
  std::vector<std::string> devices;
  devices.reserve(static_cast<std::size_t>(n_devices));
  for (int i = 0; i < n_devices; ++i) {
    devices.push_back(std::string(kNumbered) + std::to_string(i));
  }
  return devices;
}

std::vector<std::string> describe_devices() {
  std::vector<std::string> devices = {"cpu"};
  try {
    for (int i = 0; i < count_devices(std::string(kCuda)); ++i) {
      devices.push_back(std::string(kNumbered) + std::to_string(i) + " " +
                        cuda_plugin().device_name(i));
    }
  } catch (const std::exception&) {  // a GPU that cannot say its name cannot be used
  }
  return devices;
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
