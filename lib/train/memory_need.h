// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "isoflop/run_spec.h"
#include "isoflop/train.h"
#include "train/contract/backend.h"
#include "train/ranks/mesh.h"

namespace isoflop {

/// A run that its device has no room for: an outcome, not an error of the caller.
struct DoesNotFit : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Bytes of its backend's memory that the part of a run that this rank carries takes, within 10 %.
[[nodiscard]] std::int64_t memory_needed(const RunSpec& spec, const Mesh& mesh,
                                         const Backend& backend);

/// Throws DoesNotFit where the part of a run that this rank would carry needs more memory than its
/// backend has left: how much, and the micro-batch with which it would fit.
void check_memory(const RunSpec& spec, const Mesh& mesh, const Backend& backend);

/// Of one copy of the model: a lower bound of memory_needed() that takes no memory to find.
[[nodiscard]] double weight_bytes(const RunSpec& spec);

/// Throws DoesNotFit where all ranks of this process together, trained on the CPU, need more memory
/// than this process may fill.
void check_host_memory(const RunSpec& spec, const TrainOptions& options, int n_local_ranks);

}  // namespace isoflop
