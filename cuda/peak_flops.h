// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace isoflop {

/// FLOP/s of dense bf16 products on tensor cores, with sums in fp32, by NVIDIA's data sheets; 0 for
/// a device that is not in the table: a guess would make an MFU that nobody can trust.
/// `device_name` is the driver's, in full: part of a GPU ("... MIG 1g.10gb") is another device.
[[nodiscard]] double peak_bf16_flops(std::string_view device_name);

}  // namespace isoflop
