// SPDX-License-Identifier: Apache-2.0
// Launchers that are killed, and launchers beside each other.
#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "base/rng.h"
#include "run/child_process.h"
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

ChildProcess launch(const test::StubSweep& stub, const std::string& mode, const std::string& jobs) {
  ChildCommand command;
  command.argv = {ISOFLOP_STUB_LAUNCHER, stub.sweep.root.string(), jobs};
  for (const std::string& word : stub.trainer(mode)) command.argv.push_back(word);
  command.log = stub.dir.path() / "launcher.log";
  return ChildProcess(command);
}

std::map<std::string, int> counts(const std::vector<std::string>& ids) {
  std::map<std::string, int> result;
  for (const std::string& id : ids) ++result[id];
  return result;
}

TEST_CASE("a launcher killed at any moment costs nothing but the runs it was at") {
  constexpr int kRuns = 6;
  const test::StubSweep undisturbed(kRuns);
  const auto start = Clock::now();
  REQUIRE(launch(undisturbed, "slow", "2").wait() == 0);
  const std::chrono::duration<double> duration = Clock::now() - start;
  const std::string points = test::read_file(undisturbed.sweep.points_file());
  const Rng rng(7);
  for (std::uint64_t trial = 0; trial < 20; ++trial) {
    CAPTURE(trial);
    const test::StubSweep stub(kRuns);
    ChildProcess launcher = launch(stub, "slow", "2");
    std::this_thread::sleep_for(rng.uniform(trial) * duration);
    launcher.send(SIGKILL);
    launcher.wait();
    REQUIRE(launch(stub, "slow", "2").wait() == 0);
    CHECK(test::read_file(stub.sweep.points_file()) == points);
    CHECK(RunStore(stub.sweep.runs()).all().size() == kRuns);
    const auto executed = counts(stub.executions());
    CHECK(executed.size() == kRuns);  // OVERLAP would be one more
    CHECK(stub.executions().size() <= kRuns + 2);
  }
}

TEST_CASE("trainers die with their launcher") {
  const test::StubSweep stub(2);
  ChildProcess launcher = launch(stub, "deaf", "2");
  const auto held = [&] {
    return RunClaim::is_held(stub.folder(0)) && RunClaim::is_held(stub.folder(1));
  };
  while (!std::filesystem::exists(stub.executions_file()) || stub.executions().size() < 2) {
    std::this_thread::yield();
  }
  CHECK(held());
  launcher.send(SIGKILL);
  launcher.wait();
  const auto deadline = Clock::now() + std::chrono::seconds(20);
  while (held() && Clock::now() < deadline) std::this_thread::yield();
  CHECK(stub.run("ok").count(CellState::completed) == 2);
}

TEST_CASE("two launchers beside each other execute every run exactly once") {
  constexpr int kRuns = 8;
  for (int trial = 0; trial < 10; ++trial) {
    const test::StubSweep stub(kRuns);
    ChildProcess first = launch(stub, "ok", "2"), second = launch(stub, "ok", "2");
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
    CHECK(counts(stub.executions()).size() == kRuns);
    CHECK(stub.executions().size() == kRuns);
    CHECK(load_points_csv(stub.sweep.points_file()).points.size() == kRuns);
  }
}

TEST_CASE("a launcher takes over what one beside it dropped when it was killed") {
  const test::StubSweep stub(2);
  ChildProcess first = launch(stub, "deaf", "1");
  while (!RunClaim::is_held(stub.folder(0))) std::this_thread::yield();
  ChildProcess second = launch(stub, "ok", "1");
  while (!std::filesystem::exists(stub.folder(1) / "record.json")) std::this_thread::yield();
  first.send(SIGKILL);
  first.wait();
  CHECK(second.wait() == 0);
  CHECK(sweep_status(stub.sweep, stub.plan).count(CellState::completed) == 2);
}

}  // namespace
}  // namespace isoflop
