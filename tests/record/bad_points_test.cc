// SPDX-License-Identifier: Apache-2.0
// What is wrong in files of points, row by row: every case is refused with file, row or line, and
// column, by whoever reads it.
#include "support/bad_points.h"

#include <unistd.h>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using test::BadFile;
using test::kGood;
using test::kHeader;

void expect_said(const BadFile& file, const std::string& message) {
  INFO(file.text);
  CHECK_THAT(message, contains("bad.csv: "));
  for (const std::string& piece : file.said) CHECK_THAT(message, contains(piece));
}

TEST_CASE("a bad points CSV is refused by file, row and column, loaded or imported") {
  REQUIRE(test::bad_points().size() >= 60);
  const test::TempDir dir;
  const auto out = dir.path() / "out.csv";
  for (const BadFile& file : test::bad_points()) {
    const auto path = dir.write("bad.csv", file.text);
    expect_said(file, ISOFLOP_ERROR_MESSAGE(load_points_csv(path)));
    expect_said(file, ISOFLOP_ERROR_MESSAGE(import_points(path, out, {})));
    CHECK_FALSE(std::filesystem::exists(out));
  }
}

TEST_CASE("files that cannot be read are refused by name") {
  const test::TempDir dir;
  for (const auto format : {ImportFormat::csv, ImportFormat::jsonl, ImportFormat::tensorboard}) {
    ImportOptions options;
    options.format = format;
    const auto import = [&](const std::filesystem::path& file) {
      return ISOFLOP_ERROR_MESSAGE(import_points(file, dir.path() / "out.csv", options));
    };
    CHECK_THAT(import(dir.path() / "absent"), contains("absent: cannot be read"));
    const std::string folder = import(dir.path());
    CHECK_THAT(folder, contains(format == ImportFormat::tensorboard ? "has no file with tfevents"
                                                                    : "is a folder"));
    const auto secret = dir.write("secret", "x");
    std::filesystem::permissions(secret, std::filesystem::perms::none);
    if (geteuid() != 0) CHECK_THAT(import(secret), contains("secret: cannot be read"));
  }
}

TEST_CASE("bad JSON lines are refused by line and path") {
  const test::TempDir dir;
  ImportOptions options;
  options.format = ImportFormat::jsonl;
  for (const BadFile& file : test::bad_lines()) {
    const auto path = dir.write("bad.csv", file.text);
    expect_said(file, ISOFLOP_ERROR_MESSAGE(import_points(path, dir.path() / "out", options)));
  }
}

TEST_CASE("options of an import that contradict the file or each other are refused") {
  const test::TempDir dir;
  const auto path = dir.write("bad.csv", "N,D,L,tokens,bits_per_byte\n1e6,1e8,3,5,1\n");
  const auto message = [&](const std::function<void(ImportOptions&)>& change) {
    ImportOptions options;
    options.columns = {{"params", "N"}, {"loss", "L"}};
    change(options);
    return ISOFLOP_ERROR_MESSAGE(import_points(path, dir.path() / "out.csv", options));
  };
  CHECK(message([](ImportOptions&) {}) == "(nothing was thrown)");
  CHECK_THAT(message([](auto& o) { o.columns["tokns"] = "D"; }),
             contains("columns: tokns is no column of ours"));
  CHECK_THAT(message([](auto& o) { o.columns["tokens"] = "T"; }),
             contains("bad.csv: row 1: has no column T (wanted as tokens); it has N, D, L"));
  CHECK_THAT(message([](auto& o) { o.columns["tokens"] = "N"; }),
             contains("columns: N is wanted as params and as tokens"));
  CHECK_THAT(message([](auto& o) { o.columns["dataset"] = "D+tokens"; }),
             contains("cannot be a sum"));
  CHECK_THAT(message([](auto& o) { o.units["tokns"] = "B"; }), contains("units: tokns"));
  CHECK_THAT(message([](auto& o) { o.units["budget"] = "FLOP"; }), contains("no column for it"));
  CHECK_THAT(message([](auto& o) { o.units["dataset"] = "B"; }), contains("has no unit"));
  CHECK_THAT(message([](auto& o) { o.units["tokens"] = "-1"; }), contains("is no unit"));
  CHECK_THAT(message([](auto& o) { o.units["loss"] = "bits_per_byte"; }),
             contains("the file has bits_per_byte, too"));
  CHECK_THAT(message([](auto& o) { o.constants["params"] = "1"; }), contains("as a column, too"));
  CHECK_THAT(message([](auto& o) { o.constants["peak_lr"] = "fast"; }),
             contains("constants: peak_lr: must be a number > 0, got \"fast\""));
  CHECK_THAT(message([](auto& o) { o.where["run"] = "1"; }), contains("has no column run"));
  CHECK_THAT(message([](auto& o) { o.where["D"] = "1"; }), contains("none of its 1 rows"));
  CHECK_THAT(message([](auto& o) { o.vocab_size = 1; }), contains("vocab_size: must be > 1"));
  CHECK_THAT(message([](auto& o) { o.runs_table = "runs.csv"; }), contains("runs: a table"));
  dir.write("bad.csv", "params,tokens,loss\n");
  CHECK_THAT(message([](auto& o) { o.columns.clear(); }), contains("a header and no rows"));
}

TEST_CASE("an event file whose bytes are damaged is refused by record") {
  const test::TempDir dir;
  ImportOptions options;
  options.format = ImportFormat::tensorboard;
  const auto message = [&](const std::string& bytes) {
    return ISOFLOP_ERROR_MESSAGE(
        import_points(dir.write("run/a.tfevents.1", bytes), dir.path() / "out.csv", options));
  };
  CHECK_THAT(message(""), contains("has no whole record"));
  CHECK_THAT(message("params,tokens,loss\n1,2,3\n"), contains("record 1: is no event file"));
}

TEST_CASE("byte order mark, CRLF and blanks around quotes are no errors") {
  const test::TempDir dir;
  const std::string text = "\xef\xbb\xbfparams, \"tokens\" ,loss\r\n 1e6 , \"1e8\" ,3\r\n";
  CHECK(load_points_csv(dir.write("a.csv", text)).points.at(0).tokens == 1e8);
}

TEST_CASE("tokens in billions are warned of, not refused") {
  const test::TempDir dir;
  const auto load = [&](const std::string& text) {
    return load_points_csv(dir.write("a.csv", text)).warnings;
  };
  REQUIRE(load(kHeader + "7e9,140,3\n7e9,1400,2.9\n").size() == 1);
  CHECK_THAT(load(kHeader + "7e9,140,3\n7e9,1400,2.9\n").front(),
             contains("2 rows have fewer tokens than a millionth of the parameters"));
  CHECK(load(kHeader + "7e9,140e9,3\n").empty());
}

}  // namespace
}  // namespace isoflop
