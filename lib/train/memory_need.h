// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "isoflop/run_spec.h"
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

}  // namespace isoflop
