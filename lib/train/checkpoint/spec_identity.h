// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "isoflop/run_spec.h"

namespace isoflop {

/// 16 hex digits that differ for specs that differ in anything, or that ran on different kinds of
/// device: whether a checkpoint is this run's.
[[nodiscard]] std::string spec_identity(const RunSpec& spec, const std::string& device);

/// The same for the spec's trunk_of(): whether a checkpoint is of the same trunk.
[[nodiscard]] std::string trunk_identity(const RunSpec& spec, const std::string& device);

}  // namespace isoflop
