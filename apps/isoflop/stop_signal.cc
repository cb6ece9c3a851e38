// SPDX-License-Identifier: Apache-2.0
#include "stop_signal.h"

#include <atomic>
#include <csignal>

namespace isoflop::cli {
namespace {

std::atomic<bool> requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // as signal handlers need it
void request_stop(int) { requested = true; }

}  // namespace

void catch_stop_signals() {
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
}

bool stop_requested() { return requested; }

}  // namespace isoflop::cli
