// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/run_spec.h"

namespace isoflop {

/// A schedule shows only the fields that its kind uses, so that what has no effect has no part in a
/// run's identity.
[[nodiscard]] Json schedule_json(const LrSchedule& schedule);
/// Also accepts the bare name of a kind: "cosine". Absent fields get the default of LrSchedule.
[[nodiscard]] LrSchedule read_schedule(const JsonReader& reader);

}  // namespace isoflop
