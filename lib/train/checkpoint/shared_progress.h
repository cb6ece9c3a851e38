// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "train/checkpoint/snapshot.h"
#include "train/contract/communicator.h"

namespace isoflop {

/// What one rank knows (the others give nothing), on all of them; nothing where none knows.
[[nodiscard]] std::optional<Progress> share_progress(Communicator& world,
                                                     const std::optional<Progress>& known);

}  // namespace isoflop
