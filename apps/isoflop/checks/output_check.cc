// SPDX-License-Identifier: Apache-2.0
#include "checks/output_check.h"

#include <filesystem>

#include "isoflop/error.h"

namespace isoflop::cli {

void refuse_input_as_output(const std::string& out, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    std::error_code is_not_there;
    if (!std::filesystem::equivalent(out, input, is_not_there) || is_not_there) continue;
    throw Error(ErrorCode::invalid_argument,
                "--out: " + out + " is what this command reads; name another file");
  }
}

}  // namespace isoflop::cli
