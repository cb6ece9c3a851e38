// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// Shortest text that reads back as the same double.
[[nodiscard]] std::string exact_text(double value);
/// `digits` significant digits, without trailing zeros: 4.246e-04, 0.1715.
[[nodiscard]] std::string rounded_text(double value, int digits = 4);
/// 1.02M, 9.22G: SI suffix, three significant digits.
[[nodiscard]] std::string si_text(double value);
/// 45 s, 3 min 10 s, 2 h 05 min.
[[nodiscard]] std::string duration_text(double seconds);

/// The whole of `text` as a finite or infinite number, or nothing. Never depends on the locale.
[[nodiscard]] std::optional<double> parse_double(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// "; did you mean x?" where something of `known` is near, else "".
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& known);

/// Whether `name` is 1 to 100 of [A-Za-z0-9._-], not starting with a dot: safe as one path
/// component.
[[nodiscard]] bool is_safe_name(std::string_view name);

}  // namespace isoflop
