// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isoflop/train.h"

namespace isoflop {

/// Throws Error(invalid_argument) for what train() cannot do, naming the field, its value and what
/// is allowed.
void check_request(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options);

/// Data-parallel ranks that `n_threads` threads make: at most one for each logical rank.
[[nodiscard]] int count_data_ranks(const RunSpec& spec, int n_threads);

/// Ranks that each process of the launch carries. Throws Error(invalid_argument) where the
/// processes cannot share the ranks evenly.
[[nodiscard]] int count_local_ranks(const RunSpec& spec, const TrainOptions& options);

}  // namespace isoflop
