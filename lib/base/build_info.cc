// SPDX-License-Identifier: Apache-2.0
#include "base/build_info.h"

#include "isoflop_git_commit.h"

namespace isoflop {

BuildInfo build_info() { return {ISOFLOP_VERSION, ISOFLOP_GIT_COMMIT, ISOFLOP_COMPILER}; }

}  // namespace isoflop
