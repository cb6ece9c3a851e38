// SPDX-License-Identifier: Apache-2.0
#include "data/normal_form.h"

#include <algorithm>
#include <set>
#include <vector>

#include "isoflop/dataset.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

TEST_CASE("the normal form of a document is the same however it was saved") {
  const std::string plain = "one\n\n  two\nthree\n";
  CHECK(normal_form(plain) == plain);
  for (const char* saved :
       {"one\r\n\r\n  two\r\nthree\r\n", "one\r\r  two\rthree\r", "one \n \t\n  two\t \nthree",
        "\n\none\n\n  two\nthree\n\n \n", "\xef\xbb\xbfone\n\n  two\nthree\n"}) {
    CHECK(normal_form(saved) == plain);
  }
  // What an author wrote otherwise is another document.
  for (const char* other :
       {"one\n  two\nthree\n", "one\n\ntwo\nthree\n", "One\n\n  two\nthree\n"}) {
    CHECK(normal_form(other) != plain);
  }
  CHECK(normal_form("").empty());
  CHECK(normal_form(" \r\n\n").empty());
}

std::string with_line_ends(const std::string& text, const std::string& line_end) {
  std::string result;
  for (const char c : text) result += c == '\n' ? line_end : std::string(1, c);
  return result;
}

std::set<std::string> documents_of(const std::filesystem::path& shard) {
  std::set<std::string> documents;
  std::string text = test::read_file(shard);
  std::size_t at = 1;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find('\0', at), text.size());
    documents.insert(normal_form(text.substr(at, end - at)));
    at = end + 1;
  }
  return documents;
}

TEST_CASE("twins of a document never face each other across the split") {
  const std::string line_end =
      GENERATE(std::string("\r\n"), std::string(" \n"), std::string("\n\n"));
  const test::TempDir dir;
  std::string text, twins;
  for (int i = 0; i < 60; ++i) {
    const std::string number = std::to_string(i);
    const std::string document = "document number " + number + "\nhas a second line " + number;
    const std::string separator = "<|endoftext|>\n";
    text += document + "\n" + separator;
    // Blank lines inside would make another document, so those go to its end alone.
    twins +=
        (line_end == "\n\n" ? document + line_end : with_line_ends(document + "\n", line_end)) +
        separator;
  }
  BuildOptions options;
  options.document_separator = "<|endoftext|>";
  options.validation_share = 0.1;
  const auto out = dir.path() / "set";
  const std::vector<std::filesystem::path> files = {dir.write("a", text), dir.write("b", twins)};
  const DatasetInfo info = build_dataset(files, out, options);
  const std::set<std::string> train = documents_of(out / "train.bin");
  const std::set<std::string> validation = documents_of(out / "validation.bin");
  CHECK(train.size() + validation.size() == 60);
  // Held out once each, trained on as often as it is there.
  CHECK(info.validation.documents == static_cast<std::int64_t>(validation.size()));
  CHECK(info.train.documents == 2 * static_cast<std::int64_t>(train.size()));
}

TEST_CASE("twins end in the same places, at separators and at blank lines") {
  const std::string line_end =
      GENERATE(std::string("\r\n"), std::string(" \n"), std::string("\t \r\n"));
  const std::string separator = GENERATE(std::string("---"), std::string());
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 400; ++i) {
    const std::string number = std::to_string(i);
    for (int line = 0; line < 1 + i % 9; ++line) text += "line of document " + number + "\n";
    text += separator.empty() ? "\n" : separator + "\n";
  }
  BuildOptions options;
  options.document_separator = separator;
  options.min_document_bytes = 300;
  options.validation_share = 0.2;
  const auto out = dir.path() / "set";
  const std::vector<std::filesystem::path> files = {dir.write("a", text),
                                                    dir.write("b", with_line_ends(text, line_end))};
  build_dataset(files, out, options);
  const std::set<std::string> train = documents_of(out / "train.bin");
  for (const std::string& document : documents_of(out / "validation.bin")) {
    CHECK(train.count(document) == 0);
  }
  CHECK(train.size() > 50);
}

}  // namespace
}  // namespace isoflop
