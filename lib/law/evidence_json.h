// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/evidence.h"

namespace isoflop {

/// The part `evidence` of isoflop.law/1.
[[nodiscard]] Evidence read_evidence(const JsonReader& json);
[[nodiscard]] Json evidence_json(const Evidence& evidence);

[[nodiscard]] Json holdout_evidence_json(const HoldoutEvidence& holdout);
/// [low, high].
[[nodiscard]] Json ends_json(const Interval& interval);

}  // namespace isoflop
