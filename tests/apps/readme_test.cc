// SPDX-License-Identifier: Apache-2.0
#include "apps/run_cli.h"
#include "support/catch.h"

using namespace isoflop::test;

TEST_CASE("the README shows what the program prints") {
  const TempDir dir;
  const CliResult result = run_cli(
      dir, {"propose", "--compute", "1e20", "--gpu", "h100", "--gpus", "8", "--price", "2"});
  CHECK(result.exit_code == 0);
  CHECK_THAT(read_file(ISOFLOP_SOURCE_DIR "/README.md"), contains(result.out));
}
