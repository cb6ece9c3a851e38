// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "isoflop/run.h"

namespace isoflop {

struct PackedRun {
  RunSpec spec;
  std::filesystem::path folder, trunk_folder = {};  // as in RunOneOptions
  std::function<void(const StepMetrics&)> on_step = {};
};

/// How a run of a pack ended: with what run_one() has returned, or with what it has thrown.
struct PackedEnd {
  std::optional<RunRecord> record;
  std::string error;
};

/// Trains runs of one data set side by side in this process, each by run_one() in a thread of its
/// own and with a backend of its own: none of them notices the others, whatever happens to them,
/// and each comes to the bits that it comes to alone. Only a device that fails, Error(device),
/// fails for all of them: the others are stopped. What `options` says of folders and steps is not
/// looked at; its stop() is called from all threads. on_end(i, end) is called, by one thread at a
/// time, as soon as run i has ended.
[[nodiscard]] std::vector<PackedEnd> run_pack(
    std::span<const PackedRun> runs, const Dataset& dataset, const RunOneOptions& options,
    const std::function<void(std::size_t, const PackedEnd&)>& on_end = {});

}  // namespace isoflop
