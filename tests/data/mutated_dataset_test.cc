// SPDX-License-Identifier: Apache-2.0
// A data set with accidents in one of its files is what it was, or refused by name.
#include <filesystem>
#include <string>
#include <vector>

#include "isoflop/dataset.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/mutate.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

std::vector<std::int32_t> tokens_of(const Dataset& dataset) {
  std::vector<std::int32_t> all, out(33);
  for (std::int64_t i = 0; i < 20; ++i) {
    dataset.train_sequence(0, i, out);
    all.insert(all.end(), out.begin(), out.end());
  }
  dataset.validation_sequence(0, out);
  all.insert(all.end(), out.begin(), out.end());
  return all;
}

}  // namespace

TEST_CASE("a data set with accidents is what it was, or refused by name") {
  const test::TempDir dir;
  std::string text;
  for (int i = 0; i < 400; ++i) text += "document " + std::to_string(i) + " of many\n---\n";
  BuildOptions options;
  options.document_separator = "---";
  options.validation_share = 0.2;
  const std::vector<std::filesystem::path> files = {dir.write("text", text)};
  const std::filesystem::path set = dir.path() / "set";
  build_dataset(files, set, options);
  const std::vector<std::int32_t> before = tokens_of(*open_dataset(set));
  int refused = 0;
  for (const char* name : {"dataset.json", "train.bin", "validation.bin"}) {
    const std::string bytes = test::read_file(set / name);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      INFO(name << ", accident " << seed);
      dir.write(std::string("set/") + name, test::mutated(bytes, seed));
      try {
        const std::vector<std::int32_t> now = tokens_of(*open_dataset(set));
        CHECK(now == before);
      } catch (const Error& error) {
        CHECK_THAT(error.what(), contains("set/"));
        ++refused;
      }
    }
    dir.write(std::string("set/") + name, bytes);
  }
  CHECK(refused > 500);
}

}  // namespace isoflop
