// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace isoflop {

/// JavaScript that defines `vega` with parse() and View, safe inside <script>. From `vega.min.js`
/// where the folder has it, else put together from Debian's files, which hold one package of Vega
/// each. Throws Error(unavailable) naming the missing file and the package to install.
[[nodiscard]] std::string vega_library(const std::filesystem::path& folder);

}  // namespace isoflop
