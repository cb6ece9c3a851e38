// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// Where the first byte is that begins no character of UTF-8 (overlong forms and surrogates are
/// none), or nothing.
[[nodiscard]] std::optional<std::size_t> first_invalid_utf8(std::string_view text);

/// "byte 0xE9 is no UTF-8; save it as UTF-8".
[[nodiscard]] std::string utf8_complaint(char byte);

/// The text with U+FFFD for every byte that begins no character.
[[nodiscard]] std::string with_valid_utf8(std::string_view text);

/// Throws Error(invalid_argument) "<what>: <complaint>" for a text that JSON could not hold: one
/// that is no UTF-8, or with a NUL byte.
void require_utf8(std::string_view text, const std::string& what);

}  // namespace isoflop
