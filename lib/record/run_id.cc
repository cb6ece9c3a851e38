// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"
#include "isoflop/run_record.h"

namespace isoflop {

std::string run_id(const RunSpec& spec) { return hash_hex(to_json(spec)); }

}  // namespace isoflop
