// SPDX-License-Identifier: Apache-2.0
#include "record/rows/require_text.h"

#include <array>

#include "isoflop/error.h"

namespace isoflop {
namespace {

using namespace std::string_view_literals;

struct Start {
  std::string_view bytes, what;
};
constexpr std::array kStarts = {
    Start{"\x1f\x8b"sv, "compressed by gzip; unpack it first (gunzip)"},
    Start{"\x28\xb5\x2f\xfd"sv, "compressed by Zstandard; unpack it first (unzstd)"},
    Start{"\xfd"
          "7zXZ"sv,
          "compressed by xz; unpack it first (unxz)"},
    Start{"BZh"sv, "compressed by bzip2; unpack it first (bunzip2)"},
    Start{"PK\x03\x04"sv, "a zip archive or a spreadsheet; save it as CSV"},
    Start{"PAR1"sv, "Parquet; save it as CSV"},
    Start{"\xff\xfe"sv, "UTF-16; save it as UTF-8"},
    Start{"\xfe\xff"sv, "UTF-16; save it as UTF-8"}};

}  // namespace

void require_text(std::string_view first_bytes, const std::string& file) {
  for (const Start& start : kStarts) {
    if (first_bytes.starts_with(start.bytes)) {
      throw Error(ErrorCode::parse, file + ": is " + std::string(start.what));
    }
  }
}

std::size_t byte_order_mark_size(std::string_view text) {
  return text.starts_with("\xef\xbb\xbf") ? 3 : 0;
}

}  // namespace isoflop
