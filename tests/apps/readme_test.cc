// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "apps/run_cli.h"
#include "base/text.h"
#include "support/catch.h"

using namespace isoflop::test;

TEST_CASE("the README shows what the program prints") {
  const TempDir dir;
  const CliResult result = run_cli(
      dir, {"propose", "--compute", "1e20", "--gpu", "h100", "--gpus", "8", "--price", "2"});
  CHECK(result.exit_code == 0);
  CHECK_THAT(read_file(ISOFLOP_SOURCE_DIR "/README.md"), contains(result.out + result.err));
}

// Those that name no data set, sweep, file of the reader's or law of his own.
TEST_CASE("the README's commands that need no data run as they are written") {
  const TempDir dir;
  std::string text = read_file(ISOFLOP_SOURCE_DIR "/README.md");
  for (std::size_t at = text.find("\\\n"); at != text.npos; at = text.find("\\\n"))
    text.erase(at, 2);
  const std::string environment = "cd " + dir.path().string() + " && export PATH=" +
                                  std::filesystem::path(ISOFLOP_CLI).parent_path().string() +
                                  ":$PATH ISOFLOP_FITS=" ISOFLOP_SOURCE_DIR "/fits; ";
  int n_run = 0;
  for (const std::string& line : isoflop::split(text, '\n')) {
    const bool is_free = line.rfind("$ isoflop propose", 0) == 0 ||
                         line.rfind("$ isoflop flops", 0) == 0 ||
                         line.rfind("$ isoflop laws", 0) == 0;
    if (!is_free || line.find("mine") != line.npos || line.find("--dataset") != line.npos) continue;
    INFO(line);
    CHECK(std::system(
              (environment + line.substr(2, line.find(" #") - 2) + " > .stdout 2>&1").c_str()) ==
          0);
    ++n_run;
  }
  CHECK(n_run >= 4);
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
