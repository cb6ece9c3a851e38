// SPDX-License-Identifier: Apache-2.0
#include "isoflop/error.h"

namespace isoflop {

void throw_check_failure(const char* condition, const char* file, int line,
                         const std::string& message) {
  throw Error(ErrorCode::internal, "internal error (please report it): " + message + " [" +
                                       condition + " at " + file + ":" + std::to_string(line) +
                                       "]");
}

}  // namespace isoflop
