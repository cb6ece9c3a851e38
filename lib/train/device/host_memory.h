// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace isoflop {

/// Bytes that this process may still fill: what the machine has available, and what the limits of
/// its control groups and of the process leave. Linux promises memory that it has not, and kills
/// whoever fills it. Nothing where the system does not say.
[[nodiscard]] std::optional<std::int64_t> available_host_memory();

}  // namespace isoflop
