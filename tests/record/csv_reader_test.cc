// SPDX-License-Identifier: Apache-2.0
#include "record/rows/csv_reader.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::filesystem::path& file) {
  CsvReader csv(file);
  Rows rows;
  while (csv.next()) rows.emplace_back(csv.fields().begin(), csv.fields().end());
  return rows;
}

TEST_CASE("rows split as RFC 4180 says") {
  const test::TempDir dir;
  const auto rows = [&](const std::string& text) { return rows_of(dir.write("a.csv", text)); };
  CHECK(rows("") == Rows{});
  CHECK(rows("a,b\n1,2\n") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows("a,b\r\n1,2\r\n") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows("\xef\xbb\xbf"
             "a\n1") == Rows{{"a"}, {"1"}});
  CHECK(rows("a,,\n , x ,\n") == Rows{{"a", "", ""}, {"", "x", ""}});
  CHECK(rows("\"a,b\",\"say \"\"hi\"\"\"\n") == Rows{{"a,b", "say \"hi\""}});
  CHECK(rows("\"two\nlines\",\" kept \"\nx,y\n") == Rows{{"two\nlines", " kept "}, {"x", "y"}});
  CHECK(rows("a\n\n  \nb\n") == Rows{{"a"}, {"b"}});
}

TEST_CASE("a quote that is never closed is an error of its row") {
  const test::TempDir dir;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(rows_of(dir.write("a.csv", "a,b\n1,\"2\n3,4\n"))),
             Catch::Matchers::Contains("a.csv: row 2: a quote is opened and never closed"));
}

TEST_CASE("rows are the same wherever the read buffer ends") {
  const test::TempDir dir;
  // Row lengths that are coprime to the buffer's size put its end at every place of a row.
  std::string text;
  Rows expected;
  for (int i = 0; i < 60'000; ++i) {
    const std::string number = std::to_string(i);
    expected.push_back({number, "x,\n\"" + number, std::string(i % 13, 'z')});
    text += number + ",\"x,\n\"\"" + number + "\"," + expected.back()[2] + "\n";
  }
  REQUIRE(text.size() > (std::size_t{1} << 20));
  CHECK(rows_of(dir.write("a.csv", text)) == expected);
}

TEST_CASE("a row without end is refused before it fills the memory") {
  const test::TempDir dir;
  const std::string endless(3 << 20, '1');
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(rows_of(dir.write("a.csv", endless))),
             Catch::Matchers::Contains("row 1: is longer than 1 MiB"));
  CHECK_THROWS_AS(rows_of(dir.write("b.csv", "\"" + endless + "\n" + endless)), Error);
}

}  // namespace
}  // namespace isoflop
