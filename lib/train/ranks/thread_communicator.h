// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "train/contract/communicator.h"

namespace isoflop {

/// Runs `body` once per rank, each on a thread of its own (the calling one for rank 0), and returns
/// when all have ended. If one throws, the others are released from whatever they wait for, and the
/// first exception is thrown here. Memory of all ranks must be addressable by all.
void run_ranks(int n_ranks, const std::function<void(Communicator&)>& body);

}  // namespace isoflop
