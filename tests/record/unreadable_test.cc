// SPDX-License-Identifier: Apache-2.0
// Inputs that fail midway, or say less than all, are errors and never a shorter file.
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

#include "isoflop/import.h"
#include "isoflop/point.h"
#include "isoflop/training_curve.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

const std::string kRows = "params,tokens,loss\n1e6,1e8,3\n1e6,2e8,2.5\n";

std::string import_message(const std::filesystem::path& file, ImportFormat format) {
  const test::TempDir dir;
  ImportOptions options;
  options.format = format;
  const auto out = dir.path() / "out.csv";
  const std::string message = ISOFLOP_ERROR_MESSAGE(import_points(file, out, options));
  CHECK_FALSE(std::filesystem::exists(out));
  return message;
}

// Linux gives EIO for the first page of a process.
TEST_CASE("a read error is not the end of a file") {
  const std::filesystem::path broken = "/proc/self/mem";
  const std::string reason = "/proc/self/mem: cannot be read: Input/output error";
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load_points_csv(broken)), Contains(reason));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(load_curves_csv(broken)), Contains(reason));
  for (const ImportFormat format : {ImportFormat::csv, ImportFormat::jsonl, ImportFormat::wandb,
                                    ImportFormat::steplaw, ImportFormat::tensorboard}) {
    CHECK_THAT(import_message(broken, format), Contains(reason));
  }
}

TEST_CASE("a pipe is read where one reading does, and refused where two are needed") {
  const test::TempDir dir;
  const auto pipe = dir.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto with_writer = [&](const auto& read) {
    std::thread writer([&] { std::ofstream(pipe) << kRows; });
    read();
    writer.join();
  };
  with_writer([&] { CHECK(load_points_csv(pipe).points.size() == 2); });
  const auto out = dir.path() / "out.csv";
  with_writer([&] { CHECK(import_points(pipe, out, {}).n_points == 2); });
  CHECK_THAT(import_message(pipe, ImportFormat::jsonl), Contains("is a pipe or a device"));
  CHECK_THAT(import_message(pipe, ImportFormat::tensorboard), Contains("is a pipe or a device"));
  with_writer([&] {
    ImportOptions options;
    options.format = ImportFormat::steplaw;
    options.columns = {{"params", "params"}, {"tokens", "tokens"}, {"loss", "loss"}};
    CHECK_THAT(ISOFLOP_ERROR_MESSAGE(import_points(pipe, out, options)),
               Contains("is a pipe or a device, and this format is read twice"));
  });
}

TEST_CASE("text that is no UTF-8 is refused by row and character") {
  const test::TempDir dir;
  const auto message = [&](const std::string& text) {
    return ISOFLOP_ERROR_MESSAGE(load_points_csv(dir.write("a.csv", text)));
  };
  CHECK_THAT(
      message("params,tokens,loss,dataset\n1e6,1e8,3,caf\xe9\n"),
      Contains("a.csv: row 2: byte 0xE9 is no UTF-8; save it as UTF-8 (line 2, character 14)"));
  CHECK_THAT(message("params,tokens,loss,caf\xe9\n1e6,1e8,3,x\n"),
             Contains("a.csv: row 1: byte 0xE9"));
  // Overlong, a surrogate, beyond Unicode, cut off.
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    CHECK_THAT(message("params,tokens,loss,dataset\n1e6,1e8,3," + std::string(bad) + "\n"),
               Contains("is no UTF-8"));
  }
  CHECK(message("params,tokens,loss,dataset\n1e6,1e8,3,caf\xc3\xa9\n") == "(nothing was thrown)");
  ImportOptions options;
  options.constants = {{"dataset", "caf\xe9"}};
  CHECK_THAT(
      ISOFLOP_ERROR_MESSAGE(import_points(dir.write("b.csv", kRows), dir.path() / "o", options)),
      Contains("constants: dataset: byte 0xE9 is no UTF-8"));
  CHECK_THAT(
      import_message(
          dir.write("c", "{\"params\": 1, \"tokens\": 1, \"loss\": 1, \"d\": \"caf\xe9\"}\n"),
          ImportFormat::jsonl),
      Contains("c: line 1, column 4"));
}

TEST_CASE("JSON that is no JSON is refused by line and column, even if no line is any") {
  const test::TempDir dir;
  const auto message = [&](const std::string& text) {
    return import_message(dir.write("a", text), ImportFormat::jsonl);
  };
  CHECK_THAT(message("{\n \"params\": 1e6\n}\n"), Contains("a: line 1, column 2: "));
  CHECK_THAT(message("params: 1\n"), Contains("a: line 1, column 1: "));
  CHECK_THAT(message("{}\n{}\n"), Contains("a: line 2: has no values"));
  CHECK_THAT(message("{\"params\": 1, \"tokens\": 1, \"loss\": 1, \"name\": \"a\\u0000b\"}\n"),
             Contains("a: line 1: /name: has a NUL in it"));
  CHECK_THAT(message("{\"params\": 1, \"tokens\": 1, \"loss\": 1, \"n\\u0000\": 1}\n"),
             Contains("a: line 1: the key \"n\\u0000...\" has a NUL in it"));
  std::string many = "{\"params\": 1, \"tokens\": 1, \"loss\": 1, \"history\": [0";
  for (int i = 0; i < 5000; ++i) many += ", 1";
  CHECK_THAT(message(many + "]}\n"),
             Contains("a: line 1: with history.4093 there are more than 4096 keys"));
}

}  // namespace
}  // namespace isoflop
