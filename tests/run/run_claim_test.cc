// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>

#include <signal.h>
#include <unistd.h>

#include "isoflop/run.h"
#include "run/child_process.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

TEST_CASE("a run is claimed once at a time") {
  const test::TempDir dir;
  const std::filesystem::path folder = dir.path() / "runs" / "00ff";
  CHECK_FALSE(RunClaim::is_held(folder));
  {
    const std::optional<RunClaim> claim = RunClaim::acquire(folder);
    REQUIRE(claim);
    CHECK(RunClaim::is_held(folder));
    CHECK_FALSE(RunClaim::acquire(folder));
  }
  CHECK_FALSE(RunClaim::is_held(folder));
  CHECK(RunClaim::acquire(folder));
}

TEST_CASE("whoever meets a claimed folder is told who holds it") {
  const test::TempDir dir;
  CHECK(RunClaim::holder(dir.path()) == "another process");
  const std::optional<RunClaim> claim = RunClaim::acquire(dir.path());
  const std::string ours = "process " + std::to_string(::getpid()) + " on host ";
  CHECK_THAT(RunClaim::holder(dir.path()), contains(ours));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(RunClaim::acquire_or_inherit(dir.path())),
             contains(dir.path().string() + ": " + ours) && contains("is at work there"));
}

TEST_CASE("a trainer finds the folder claimed for it by its launcher, and by nobody else") {
  const test::TempDir dir;
  const std::optional<RunClaim> claim = RunClaim::acquire(dir.path());
  const auto [name, value] = RunClaim::launcher_variable();
  ::setenv(name.c_str(), value.c_str(), 1);
  CHECK_FALSE(RunClaim::acquire_or_inherit(dir.path()));
  ::setenv(name.c_str(), ("1" + value).c_str(), 1);
  CHECK_THROWS_AS(RunClaim::acquire_or_inherit(dir.path()), Error);
  ::unsetenv(name.c_str());
}

TEST_CASE("a moved claim is held by its new owner alone") {
  const test::TempDir dir;
  std::optional<RunClaim> claim = RunClaim::acquire(dir.path());
  {
    const RunClaim moved = std::move(*claim);
    claim.reset();
    CHECK(RunClaim::is_held(dir.path()));
  }
  CHECK_FALSE(RunClaim::is_held(dir.path()));
}

TEST_CASE("a claim that a child inherits ends with the child") {
  const test::TempDir dir;
  std::optional<RunClaim> claim = RunClaim::acquire(dir.path());
  ChildProcess child({{"sleep", "100"}, {}, dir.path() / "log", {claim->descriptor()}});
  claim.reset();
  CHECK(RunClaim::is_held(dir.path()));
  child.send(SIGKILL);
  child.wait();
  CHECK_FALSE(RunClaim::is_held(dir.path()));
}

TEST_CASE("a folder that cannot be made is an error naming it") {
  const test::TempDir dir;
  dir.write("file", "");
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(RunClaim::acquire(dir.path() / "file" / "run")),
             Catch::Matchers::Contains("file/run: cannot create"));
}

}  // namespace
}  // namespace isoflop
