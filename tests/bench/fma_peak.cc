// SPDX-License-Identifier: Apache-2.0
#include "bench/fma_peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/fma_loop.h"
#include "train/cpu/select.h"

// One declaration per compiled instruction set: ISOFLOP_FMA_LOOPS is X(isa) X(isa) ...
#define X(isa)                   \
  namespace isoflop::cpu_##isa { \
    FmaLoop fma_loop;            \
  }
ISOFLOP_FMA_LOOPS
#undef X

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

FmaLoop& best_loop() {
  struct Named {
    std::string_view isa;
    FmaLoop* loop;
  };
#define X(isa) {#isa, cpu_##isa::fma_loop},
  constexpr Named kLoops[] = {ISOFLOP_FMA_LOOPS};
#undef X
  const std::string_view best = available_cpu_kernels().back()->isa;
  for (const Named& named : kLoops) {
    if (named.isa == best) return *named.loop;
  }
  return *kLoops[0].loop;
}

/// All threads begin together; operations of all over the time until the last one is done.
double window(FmaLoop& loop, int n_threads, std::int64_t rounds) {
  std::atomic<int> arrived = 0;
  std::atomic<std::int64_t> n_operations = 0;
  std::vector<Clock::time_point> begin(static_cast<std::size_t>(n_threads)), end = begin;
  const auto work = [&](std::size_t thread) {
    ++arrived;
    while (arrived < n_threads) std::this_thread::yield();
    float sink = 0;
    begin[thread] = Clock::now();
    n_operations += loop(rounds, 1e-3f, &sink);
    end[thread] = Clock::now();
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < n_threads; ++i) threads.emplace_back(work, static_cast<std::size_t>(i));
  work(0);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> seconds =
      *std::max_element(end.begin(), end.end()) - *std::min_element(begin.begin(), begin.end());
  return static_cast<double>(n_operations) / seconds.count();
}

}  // namespace

double fma_peak(int n_threads) {
  constexpr int kWindows = 60;
  constexpr std::int64_t kRounds = 1'000'000;  // 3 to 12 ms
  FmaLoop& loop = best_loop();
  double best = 0;
  for (int i = 0; i < kWindows; ++i) best = std::max(best, window(loop, n_threads, kRounds));
  return best;
}

}  // namespace isoflop
