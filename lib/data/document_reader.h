// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace isoflop {

struct DocumentRule {
  std::string separator;  // a line of its own, whatever blanks end it; empty: blank lines
  /// For blank lines: shorter documents go on. Blanks at the ends of lines do not count.
  std::int64_t min_bytes = 4096;
};

/// Longer documents are cut, so that memory is bounded whatever the input.
inline constexpr std::size_t kMaxDocumentBytes = std::size_t{64} << 20;

/// Calls `on_document` with each non-empty document of a file, in order; separator lines are left
/// out. Throws Error(parse) where the file cannot be read, Error(invalid_argument) naming file and
/// offset of a NUL byte, which is the document separator's token.
void read_documents(const std::filesystem::path& file, const DocumentRule& rule,
                    const std::function<void(std::string_view)>& on_document);

}  // namespace isoflop
