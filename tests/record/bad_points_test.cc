// SPDX-License-Identifier: Apache-2.0
// What is wrong in files of points, row by row: every case is refused with file, row or line, and
// column, by whoever reads it.
#include <unistd.h>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using namespace std::string_literals;

struct BadFile {
  std::string text;
  std::vector<std::string> said;
};

const std::string kHeader = "params,tokens,loss\n";
const std::string kGood = "1e6,1e8,3\n";

/// Both readers of points CSVs refuse these alike.
const std::vector<BadFile>& bad_csvs() {
  static const std::vector<BadFile> files = {
      // Numbers that are none.
      {kHeader + "1e6,1e8,nan\n", {"row 2, column loss", "must be a number > 0", "\"nan\""}},
      {kHeader + "1e6,1e8,NaN\n", {"row 2, column loss", "\"NaN\""}},
      {kHeader + "1e6,inf,3\n", {"row 2, column tokens", "\"inf\""}},
      {kHeader + "1e6,-inf,3\n", {"row 2, column tokens", "\"-inf\""}},
      {kHeader + "-1e6,1e8,3\n", {"row 2, column params", "\"-1e6\""}},
      {kHeader + "0,1e8,3\n", {"row 2, column params", "\"0\""}},
      {kHeader + "-0.0,1e8,3\n", {"row 2, column params", "\"-0.0\""}},
      {kHeader + "1e6,1e8,\n", {"row 2, column loss", "is empty"}},
      {kHeader + "1e6,  ,3\n", {"row 2, column tokens", "is empty"}},
      {kHeader + ",1e8,3\n", {"row 2, column params", "is empty"}},
      {kHeader + "1e6,1e8,three\n", {"row 2, column loss", "\"three\""}},
      {kHeader + "0x10,1e8,3\n", {"row 2, column params", "\"0x10\""}},
      {kHeader + "1e6,\"1,5\",3\n", {"row 2, column tokens", "\"1,5\""}},
      {kHeader + "1.000.000,1e8,3\n", {"row 2, column params", "\"1.000.000\""}},
      {kHeader + "\"1,000,000\",1e8,3\n", {"row 2, column params", "\"1,000,000\""}},
      {kHeader + "1_000_000,1e8,3\n", {"row 2, column params", "\"1_000_000\""}},
      {kHeader + "1 000,1e8,3\n", {"row 2, column params", "\"1 000\""}},
      {kHeader + "1e999,1e8,3\n", {"row 2, column params", "\"1e999\""}},
      {kHeader + "1e6,1e8,1e-999\n", {"row 2, column loss", "\"1e-999\""}},
      {kHeader + "1e6,1e8,1e-310\n", {"row 2, column loss", "below the smallest normal double"}},
      {kHeader + "1e6,1e8,3.0.0\n", {"row 2, column loss", "\"3.0.0\""}},
      {kHeader + "1e6,1e8,3e\n", {"row 2, column loss", "\"3e\""}},
      {kHeader + "1e6,1e8,++3\n", {"row 2, column loss", "\"++3\""}},
      {kHeader + "1e6,1e8,3%\n", {"row 2, column loss", "\"3%\""}},
      {kHeader + "1e6,1e8,\xe2\x88\x92"s + "3\n", {"row 2, column loss", "\xe2\x88\x92"s}},
      {kHeader + "7B,1e8,3\n", {"row 2, column params", "\"7B\"", "--units"}},
      {kHeader + "1e6,1e8,3 nats\n", {"row 2, column loss", "\"3 nats\"", "--units"}},
      {kHeader + "1e6,1e8,None\n", {"row 2, column loss", "\"None\""}},
      {kHeader + "1e200,1e200,3\n", {"row 2, column tokens", "beyond a double", "1e+200"}},
      {kHeader + kGood + kGood + "1e6,1e8,x\n", {"row 4, column loss"}},
      {kHeader + kGood + "\n\n1e6,1e8,x\n", {"row 5, column loss"}},
      {"params,tokens,loss,peak_lr\n1e6,1e8,3,-1\n", {"row 2, column peak_lr", "\"-1\""}},
      {"params,tokens,loss,batch_tokens\n1e6,1e8,3,b\n", {"row 2, column batch_tokens", "\"b\""}},
      {"params,tokens,loss,seed\n1e6,1e8,3,0.5\n", {"row 2, column seed", "an integer", "\"0.5\""}},
      {"params,tokens,loss,seed\n1e6,1e8,3,1e20\n", {"row 2, column seed", "an integer"}},
      {"params,tokens,loss,compute\n1e6,1e8,3,0\n", {"row 2, column compute", "\"0\""}},
      {"params,tokens,loss,compute,budget\n1e6,1e8,3,6e14,7e14\n",
       {"row 2, column budget", "within 10 % of compute", "7e+14", "6e+14"}},
      {"flops_per_token,tokens,bits_per_byte\n1e6,1e8,0\n", {"row 2, column bits_per_byte"}},
      // Rows that do not fit the header.
      {kHeader + "1e6,1e8\n", {"row 2", "has 2 fields, the header has 3"}},
      {kHeader + "1e6,1e8,3,4\n", {"row 2", "has 4 fields, the header has 3"}},
      {kHeader + "1e6,1e8,3,\n", {"row 2", "has 4 fields"}},
      {kHeader + kGood + "1e6,1e", {"row 3", "has 2 fields", "ends within this row"}},
      {kHeader + "1e6;1e8;3\n", {"row 2", "has 1 fields"}},
      // Quotes.
      {kHeader + "1e6,1e8,\"3\n", {"row 2", "never closed", "line 2, character 9"}},
      {kHeader + "1e6,1e8,\"3\"x\n", {"row 2", "after a closing quote", "line 2, character 12"}},
      {kHeader + "1e6,1e8,3\"\"\n", {"row 2", "a quote inside a field", "line 2, character 10"}},
      {"note," + kHeader + "\"a\nb\",1e6,1e8,3\nc,1e6,1e8,x\n",
       {"row 3 (line 4), column loss", "\"x\""}},
      {"note," + kHeader + "\"a\nb\"c,1e6,1e8,3\n", {"row 2", "line 3, character 3"}},
      // Headers.
      {"params,tokens\n1e6,1e8\n", {"row 1", "loss or bits_per_byte", "it has params, tokens"}},
      {"tokens,loss\n1e8,3\n", {"row 1", "params or flops_per_token"}},
      {"params,loss\n1e6,3\n", {"row 1", "tokens"}},
      {"params,params,tokens,loss\n1,1,1,1\n", {"row 1", "the column params appears twice"}},
      {"params;tokens;loss\n1;2;3\n", {"row 1", "it has params;tokens;loss"}},
      {"PARAMS,tokens,loss\n1,2,3\n", {"row 1", "params", "it has PARAMS"}},
      {kGood, {"row 1", "tokens", "it has 1e6, 1e8, 3"}},
      // Bytes that are no text.
      {"", {"is empty"}},
      {"\n\n\n", {"is empty"}},
      {"\xef\xbb\xbf", {"is empty"}},
      {kHeader + "1e6,1\0e8,3\n"s, {"row 2", "NUL byte", "line 2, character 6"}},
      {"\xff\xfep\0a\0r\0"s, {"UTF-16"}},
      {"\xfe\xff\0p\0a\0r"s, {"UTF-16"}},
      {"p\0a\0r\0a\0"s, {"row 1", "NUL byte", "character 2"}},
      {"\x1f\x8b\x08\0\0"s, {"gzip"}},
      {"\x28\xb5\x2f\xfd"s, {"Zstandard"}},
      {"PK\x03\x04"s, {"spreadsheet"}},
      {"PAR1"s, {"Parquet"}}};
  return files;
}

void expect_said(const BadFile& file, const std::string& message) {
  INFO(file.text);
  CHECK_THAT(message, contains("bad.csv: "));
  for (const std::string& piece : file.said) CHECK_THAT(message, contains(piece));
}

TEST_CASE("a bad points CSV is refused by file, row and column, loaded or imported") {
  REQUIRE(bad_csvs().size() >= 60);
  const test::TempDir dir;
  const auto out = dir.path() / "out.csv";
  for (const BadFile& file : bad_csvs()) {
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
  const std::string good = "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": 3}\n";
  const BadFile files[] = {
      {"", {"is empty"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": }\n", {"line 2, column 40"}},
      {good + "[1, 2]\n", {"line 2", "one JSON object per line"}},
      {good + "7\n", {"line 2", "one JSON object per line"}},
      {good + "{\"params\": 1e6", {"line 2, column 15"}},
      {good + "\n{\"params\": 1e6, \"tokens\": 1e8, \"loss\": -3}\n", {"line 3: /loss", "\"-3\""}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": NaN}\n", {"line 2: /loss", "\"NaN\""}},
      {good + "{\"params\": 1e6, \"tokens\": Infinity, \"loss\": 3}\n", {"line 2: /tokens"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8, \"loss\": null}\n", {"line 2: /loss", "empty"}},
      {good + "{\"params\": 1e6, \"tokens\": 1e8}\n", {"line 2: /loss", "is empty"}},
      {good + "{\"params\": true, \"tokens\": 1e8, \"loss\": 3}\n", {"line 2: /params", "true"}},
      {good + "{\"params\": 1e999, \"tokens\": 1e8, \"loss\": 3}\n", {"line 2"}},
      {good + "{\"loss\": 3, \"loss\": 3}\n", {"line 2", "appears twice"}},
      {"{\"a\": {\"loss\": 3}}\n", {"has no column for tokens", "it has a.loss"}},
      {"\x1f\x8b\x08", {"gzip"}},
  };
  const test::TempDir dir;
  ImportOptions options;
  options.format = ImportFormat::jsonl;
  for (const BadFile& file : files) {
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
