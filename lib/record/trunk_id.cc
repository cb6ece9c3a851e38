// SPDX-License-Identifier: Apache-2.0
#include "isoflop/run_record.h"

namespace isoflop {

std::string trunk_id(const RunSpec& spec) { return run_id(trunk_of(spec)); }

}  // namespace isoflop
