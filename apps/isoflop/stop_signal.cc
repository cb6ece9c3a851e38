// SPDX-License-Identifier: Apache-2.0
#include "stop_signal.h"

#include <atomic>
#include <csignal>

namespace isoflop::cli {
namespace {

std::atomic<int> first_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // as signal handlers need it
void request_stop(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
}

}  // namespace

void catch_stop_signals() {
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
}

bool stop_requested() { return first_signal != 0; }

void end_as_stopped() {
  const int signal = first_signal;
  if (signal == 0) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace isoflop::cli
