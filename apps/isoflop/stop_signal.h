// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace isoflop::cli {

/// From here on Ctrl-C and SIGTERM ask for an end instead of making one.
void catch_stop_signals();
/// Whether one of them has come. From any thread.
[[nodiscard]] bool stop_requested();
/// Ends the process as the first of them would have, so that whoever waits for it sees why: a shell
/// reads 130 of Ctrl-C and 143 of SIGTERM, and ends its own loop. Returns where none has come.
void end_as_stopped();

}  // namespace isoflop::cli
