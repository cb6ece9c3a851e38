// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "isoflop/run.h"
#include "run/child_process.h"

namespace isoflop {

/// A run that a worker is to train, claimed by its launcher. The worker inherits the claims, so
/// that nobody else can take the run before its end has been judged, whoever of the two dies first.
struct ClaimedRun {
  std::size_t cell = 0;
  std::filesystem::path folder, trunk_folder;  // no trunk: empty
  RunClaim claim;
  std::optional<RunClaim> trunk_claim;
};

/// The call of the trainer that SweepOptions::trainer describes, for one run or a pack.
[[nodiscard]] ChildCommand worker_command(const SweepOptions& options, const std::string& device,
                                          std::span<const ClaimedRun> runs);

}  // namespace isoflop
