// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop::cli {

/// From here on Ctrl-C and SIGTERM ask for an end instead of making one.
void catch_stop_signals();
/// Whether one of them has come. From any thread.
[[nodiscard]] bool stop_requested();

}  // namespace isoflop::cli
