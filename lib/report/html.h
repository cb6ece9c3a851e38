// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace isoflop {

/// Text as HTML text or attribute value: & < > " ' are escaped, and bytes that are not UTF-8 or are
/// control characters become U+FFFD.
[[nodiscard]] std::string escape_html(std::string_view text);

/// JSON as the text of a <script> element: it can neither end the element nor, where it is read as
/// JavaScript, a line.
[[nodiscard]] std::string embeddable_json(const Json& json);

/// A table; cells are plain text and escaped here. The first column is aligned left, the others are
/// where `numeric` says.
struct HtmlTable {
  struct Column {
    std::string title;
    bool numeric = true;
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;
  [[nodiscard]] std::string html() const;
};

}  // namespace isoflop
