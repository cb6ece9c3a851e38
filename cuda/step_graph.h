// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include <cuda_runtime_api.h>

#include "stream.h"

namespace isoflop {

/// Work that is the same whenever it has the same number: done eagerly the first time, which sizes
/// workspaces and chooses algorithms, captured from its stream the second time, and launched as one
/// CUDA graph from then on.
class StepGraphs {
 public:
  /// `work` enqueues on `stream`, and adds to `counted_flops` what it does; a launch adds what the
  /// capture did. An exception of `work` leaves no graph behind.
  void run(int number, cudaStream_t stream, std::int64_t& counted_flops,
           const std::function<void()>& work);
  /// All graphs go; the work of every number begins anew.
  void forget() { steps_.clear(); }

  [[nodiscard]] bool have_seen(int number) const { return steps_.contains(number); }

 private:
  struct Step {
    bool has_run = false;
    GraphExecutable graph;
    std::int64_t flops = 0;  // of one launch
  };
  std::map<int, Step> steps_;
};

}  // namespace isoflop
