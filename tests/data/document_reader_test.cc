// SPDX-License-Identifier: Apache-2.0
#include "data/document_reader.h"

#include <vector>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace isoflop;

namespace {

std::vector<std::string> documents_of(const std::string& text, const DocumentRule& rule) {
  const test::TempDir folder;
  std::vector<std::string> documents;
  read_documents(folder.write("text", text), rule,
                 [&](std::string_view document) { documents.emplace_back(document); });
  return documents;
}

using Documents = std::vector<std::string>;

}  // namespace

TEST_CASE("documents end at separator lines, which are left out") {
  const DocumentRule rule{"<|end|>", 1};
  REQUIRE(documents_of("a\n\nb\n<|end|>\nc <|end|>\n<|end|>\r\n<|end|>\nd", rule) ==
          Documents{"a\n\nb\n", "c <|end|>\n", "d"});
  REQUIRE(documents_of("<|end|>", rule).empty());
  REQUIRE(documents_of("x<|end|>", rule) == Documents{"x<|end|>"});
  REQUIRE(documents_of("one file\n\n\none document\n", rule) ==
          Documents{"one file\n\n\none document\n"});
}

TEST_CASE("without a separator documents end at blank lines once they are long enough") {
  REQUIRE(documents_of("a\n\nbb\n \t\r\ncc\n", {"", 5}) == Documents{"a\n\nbb\n \t\r\n", "cc\n"});
  REQUIRE(documents_of("a\n\nbb\n\ncc", {"", 1}) == Documents{"a\n\n", "bb\n\n", "cc"});
  REQUIRE(documents_of("", {"", 1}).empty());
}

TEST_CASE("no byte is lost or invented, whatever the size of the file and its lines") {
  std::string text;
  for (int i = 0; i < 60000; ++i) {
    text += std::string(static_cast<std::size_t>(i * 7 % 97), static_cast<char>('a' + i % 26));
    text += i % 11 == 0 ? "\n\n" : "\n";
  }
  std::string joined;
  for (const std::string& document : documents_of(text, {"", 4096})) {
    REQUIRE((document.size() >= 4096 || joined.size() + document.size() == text.size()));
    joined += document;
  }
  REQUIRE(text.size() > (2 << 20));  // more than one block of reading
  REQUIRE(joined == text);
}

TEST_CASE("a document longer than memory allows is cut") {
  const Documents documents = documents_of(std::string(kMaxDocumentBytes + 10, 'x'), {"", 4096});
  REQUIRE(documents.size() == 2);
  REQUIRE(documents[0].size() + documents[1].size() == kMaxDocumentBytes + 10);
}

TEST_CASE("a NUL byte is an error that names the file and the offset") {
  const std::string text = std::string(3 << 20, 'x') + '\0' + "tail";
  const std::string message = ISOFLOP_ERROR_MESSAGE(documents_of(text, {}));
  REQUIRE_THAT(message, Catch::Contains("text: byte 3145728 is NUL"));
}

TEST_CASE("a file that is missing or a folder is an error that names it") {
  const test::TempDir folder;
  const auto ignore = [](std::string_view) {};
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE((read_documents(folder.path() / "none", {}, ignore), 0)),
               Catch::Contains("none: cannot be read"));
  REQUIRE_THAT(ISOFLOP_ERROR_MESSAGE((read_documents(folder.path(), {}, ignore), 0)),
               Catch::Contains("is a folder"));
}
