// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace isoflop::cli {

/// Throws Error(invalid_argument) where `out`, by whatever name, is one of the files that the
/// command reads: it would be replaced by what is made of it.
void refuse_input_as_output(const std::string& out, const std::vector<std::string>& inputs);

}  // namespace isoflop::cli
