// SPDX-License-Identifier: Apache-2.0
// docs/warnings.md has a row for every place that warns, in the words of the sources.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

const std::filesystem::path kRoot = ISOFLOP_SOURCE_DIR;

struct Row {
  std::string warning, file;
};

std::vector<Row> documented() {
  std::vector<Row> rows;
  for (const std::string& line : split(test::read_file(kRoot / "docs" / "warnings.md"), '\n')) {
    const std::vector<std::string> cells = split(line, '|');
    if (cells.size() != 6 || cells[1].find('`') == std::string::npos) continue;
    rows.push_back({cells[1], std::string(trim(cells[4]))});
  }
  return rows;
}

/// A source with its adjacent literals joined.
std::string source(const std::string& file) {
  std::string text = test::read_file(kRoot / file);
  for (std::size_t at = text.find("\"\n"); at != std::string::npos;
       at = text.find("\"\n", at + 1)) {
    const std::size_t next = text.find_first_not_of(" \n", at + 1);
    if (next != std::string::npos && text[next] == '"') text.erase(at, next + 1 - at);
  }
  return text;
}

std::size_t count(const std::string& text, const std::string& words) {
  std::size_t n = 0;
  for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) {
    ++n;
  }
  return n;
}

std::vector<std::string> warning_files() {
  std::vector<std::string> files;
  for (const char* folder : {"lib/fit", "lib/plan"}) {
    for (const auto& entry : std::filesystem::directory_iterator(kRoot / folder)) {
      const std::string name = entry.path().filename().string();
      if (name.size() > 12 && name.substr(name.size() - 12) == "_warnings.cc") {
        files.push_back(std::string(folder) + "/" + name);
      }
    }
  }
  return files;
}

}  // namespace

TEST_CASE("the words of every documented warning are in the source beside it") {
  const std::vector<Row> rows = documented();
  REQUIRE_FALSE(rows.empty());
  for (const Row& row : rows) {
    const std::string text = source(row.file);
    const std::vector<std::string> pieces = split(row.warning, '`');
    for (std::size_t i = 1; i + 1 < pieces.size(); i += 2) {
      INFO(row.file << ": " << pieces[i]);
      CHECK(text.find(pieces[i]) != std::string::npos);
    }
  }
}

TEST_CASE("every place that warns is documented") {
  std::map<std::string, std::size_t> n_rows;
  for (const Row& row : documented()) ++n_rows[row.file];
  for (const std::string& file : warning_files()) {
    const std::string text = source(file);
    INFO(file);
    CHECK(n_rows[file] ==
          count(text, "warnings.push_back(") + count(text, "warnings.emplace_back("));
  }
}

}  // namespace isoflop
