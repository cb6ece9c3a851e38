// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace isoflop {

/// Parameters and tokens as the field writes them: 19.05B, 1.5T; four significant digits.
[[nodiscard]] std::string count_text(double count);
/// FLOPs per token: 4.123G.
[[nodiscard]] std::string flops_text(double flops);
/// Hours and money without an exponent: 72.28, 1,234,568.
[[nodiscard]] std::string plain_text(double value);
/// 12.3 %.
[[nodiscard]] std::string share_text(double share);

}  // namespace isoflop
