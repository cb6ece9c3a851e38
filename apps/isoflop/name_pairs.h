// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace isoflop::cli {

/// "a=b,c=d" as a map; empty for an empty text. Throws Error(invalid_argument) "--<option>: ..."
/// for what is no pair, and for a name that comes twice.
[[nodiscard]] std::map<std::string, std::string> name_pairs(const std::string& option,
                                                            const std::string& text);

}  // namespace isoflop::cli
