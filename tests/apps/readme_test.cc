// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop::test;

TEST_CASE("the README shows what the program prints") {
  const TempDir dir;
  const CliResult result = run_cli(
      dir, {"propose", "--compute", "1e20", "--gpu", "h100", "--gpus", "8", "--price", "2"});
  CHECK(result.exit_code == 0);
  CHECK_THAT(read_file(ISOFLOP_SOURCE_DIR "/README.md"), contains(result.out));
}

// The block shows lines of what its commands print, and leaves others out.
TEST_CASE("the README's lines about anybody's runs are what the program prints") {
  const TempDir dir;
  const std::string root = ISOFLOP_SOURCE_DIR "/fits/fitted/";
  const std::string points = (dir.path() / "points.csv").string();
  std::string printed;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"import", "csv", root + "quickstart-gcide.csv", "--out", points},
        {"fit", points},
        {"next", points, "--flops", "4e12"},
        {"compare", points, root + "quickstart-linux-docs.csv"}}) {
    const CliResult result = run_cli(dir, arguments);
    CHECK(result.exit_code == 0);
    printed += result.out;
  }
  const std::string readme = read_file(ISOFLOP_SOURCE_DIR "/README.md");
  const std::size_t section = readme.find("## Anybody's runs");
  REQUIRE(section != readme.npos);
  const std::size_t begin = readme.find("```console\n", section) + 11;
  for (const std::string& line :
       isoflop::split(readme.substr(begin, readme.find("```", begin) - begin), '\n')) {
    if (line.rfind("$ ", 0) == 0) continue;
    CHECK_THAT(printed, contains(line));
  }
}
