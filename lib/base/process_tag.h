// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace isoflop {

/// "<pid>-<start time>": names this process among all of this machine's since it was booted. The
/// process number alone is soon used again, in a container by the very next process.
[[nodiscard]] std::string process_tag();

/// Whether the process of that tag is alive.
[[nodiscard]] bool is_process_alive(std::string_view tag);

}  // namespace isoflop
