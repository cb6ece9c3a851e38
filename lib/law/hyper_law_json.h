// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json.h"
#include "isoflop/law.h"

namespace isoflop {

/// The parts of a law about batch, rate and weight decay: hyper, hyper_nd, peak_lr_at_batch,
/// weight_decay, tuned_on. Strict, as load_law() is.
void read_hyper_laws(const JsonReader& json, Law& law);
void set_hyper_laws(Json& json, const Law& law);

}  // namespace isoflop
