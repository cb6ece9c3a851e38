// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <boost/locale/utf.hpp>

#include "isoflop/error.h"

namespace isoflop {

std::optional<std::size_t> first_invalid_utf8(std::string_view text) {
  namespace utf = boost::locale::utf;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const begin = at;
    // Most text is ASCII.
    if (static_cast<unsigned char>(*at) < 0x80) {
      ++at;
      continue;
    }
    const utf::code_point decoded = utf::utf_traits<char>::decode(at, end);
    if (!utf::is_valid_codepoint(decoded)) return static_cast<std::size_t>(begin - text.data());
  }
  return std::nullopt;
}

std::string utf8_complaint(char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto value = static_cast<unsigned char>(byte);
  std::string text = "byte 0x";
  text += kDigits[value >> 4];
  text += kDigits[value & 15];
  return text += " is no UTF-8; save it as UTF-8";
}

std::string with_valid_utf8(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string valid;
  while (const auto bad = first_invalid_utf8(text)) {
    valid += text.substr(0, *bad);
    valid += kReplacement;
    text.remove_prefix(*bad + 1);
  }
  return valid += text;
}

void require_utf8(std::string_view text, const std::string& what) {
  if (const auto bad = first_invalid_utf8(text)) {
    throw Error(ErrorCode::invalid_argument, what + ": " + utf8_complaint(text[*bad]));
  }
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorCode::invalid_argument, what + ": has a NUL byte");
  }
}

}  // namespace isoflop
