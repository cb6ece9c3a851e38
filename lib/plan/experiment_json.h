// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/experiment.h"

namespace isoflop {

/// An isoflop.experiment/1 document, as files and plans hold it, and back.
[[nodiscard]] Json experiment_json(const Experiment& experiment);
[[nodiscard]] Experiment read_experiment(const JsonReader& reader);

}  // namespace isoflop
