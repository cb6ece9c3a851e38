// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "isoflop/error.h"
#include "run/run_files.h"
#include "run/stub_sweep.h"
#include "support/catch.h"

namespace isoflop {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("a sweep runs every run once, cheapest first, and leaves its points") {
  const test::StubSweep stub(6);
  std::int64_t reports = 0;
  SweepOptions options = stub.options("ok", 1);
  options.on_progress = [&](const SweepStatus&) { ++reports; };
  const SweepStatus status = run_sweep(stub.sweep, stub.plan, options);
  CHECK(status.count(CellState::completed) == 6);
  CHECK(status.compute_done == status.compute_total);
  CHECK_FALSE(status.eta_seconds);
  CHECK(reports >= 6);
  std::vector<std::string> expected;
  for (const PlannedRun& run : stub.plan.runs) expected.push_back(run.run_id);
  CHECK(stub.executions() == expected);
  CHECK(load_points_csv(stub.sweep.points_file()).points.size() == 6);
  CHECK(last_line(stub.folder(0) / "log.txt") == "device cpu, threads 1");

  SECTION("and does nothing the second time") {
    CHECK(stub.run("crash").count(CellState::completed) == 6);
    CHECK(stub.executions() == expected);
  }
}

TEST_CASE("a diverged run is data: final, without a point") {
  const test::StubSweep stub(2);
  CHECK(stub.run("diverge").count(CellState::diverged) == 2);
  CHECK(stub.run("ok").count(CellState::diverged) == 2);
  CHECK(stub.executions().size() == 2);
  CHECK(collect_points(stub.sweep, stub.plan).points.empty());
}

TEST_CASE("a trainer that leaves no record fails, makes no point and is tried again next time") {
  const auto [mode, message] = GENERATE(table<std::string, std::string>(
      {{"crash", "exit status 3 without a record; its last words: the trainer gives up"},
       {"silent", "exit status 0 without a record"},
       {"abort", "killed by signal 9 (Killed) without a record"},
       {"torn", "record.json: "}}));
  CAPTURE(mode);
  const test::StubSweep stub(3);
  const SweepStatus status = stub.run(mode);
  CHECK(status.count(CellState::failed) == 3);
  for (const CellStatus& cell : status.cells) CHECK_THAT(cell.message, Contains(message));
  CHECK(stub.executions().size() == 3);  // once each: not retried by the same call
  CHECK(load_points_csv(stub.sweep.points_file()).points.empty());
  CHECK(sweep_status(stub.sweep, stub.plan).count(CellState::failed) == 3);

  const SweepStatus again = stub.run(mode);
  CHECK(again.count(CellState::failed) == 3);
  CHECK(stub.executions().size() == 6);
  const SweepStatus cured = stub.run("ok");
  CHECK(cured.count(CellState::completed) == 3);
  CHECK(cured.warnings.size() == (mode == "torn" ? 3 : 0));
  CHECK(stub.executions().size() == 9);
  CHECK(sweep_status(stub.sweep, stub.plan).count(CellState::completed) == 3);
}

TEST_CASE("a trainer that cannot be executed fails every run and says so") {
  const test::StubSweep stub(2);
  SweepOptions options = stub.options("ok");
  options.trainer = {"/nowhere/isoflop"};
  const SweepStatus status = run_sweep(stub.sweep, stub.plan, options);
  CHECK(status.count(CellState::failed) == 2);
  CHECK_THAT(status.cells[0].message, Contains("cannot execute /nowhere/isoflop"));
  options.trainer.clear();
  CHECK_THROWS_AS(run_sweep(stub.sweep, stub.plan, options), Error);
}

TEST_CASE("the record counts, not the exit status") {
  const test::StubSweep stub(1);
  CHECK(stub.run("sloppy").count(CellState::completed) == 1);
}

TEST_CASE("a damaged record is reported, kept aside and the run done again") {
  const test::StubSweep stub(2);
  CHECK(stub.run("ok").count(CellState::completed) == 2);
  const std::string points = test::read_file(stub.sweep.points_file());
  const std::filesystem::path record = stub.folder(1) / "record.json";
  std::filesystem::resize_file(record, 100);
  CHECK(sweep_status(stub.sweep, stub.plan).count(CellState::failed) == 1);
  CHECK(collect_points(stub.sweep, stub.plan).n_skipped_rows == 1);
  const SweepStatus status = stub.run("ok");
  CHECK(status.count(CellState::completed) == 2);
  REQUIRE(status.warnings.size() == 1);
  CHECK_THAT(status.warnings[0], Contains("record.json: "));
  CHECK_THAT(status.warnings[0], Contains("kept as record.json.damaged.1"));
  CHECK(std::filesystem::file_size(record.string() + ".damaged.1") == 100);
  CHECK(test::read_file(stub.sweep.points_file()) == points);
}

TEST_CASE("a stop ends the trainers, and what was cut off is waiting, not failed") {
  const std::string mode = GENERATE("hang", "deaf");
  const test::StubSweep stub(3);
  SweepOptions options = stub.options(mode);
  options.stop_grace_seconds = 0.3;
  bool two_are_up = false;
  options.on_progress = [&](const SweepStatus& status) {
    two_are_up = status.count(CellState::running) == 2 &&
                 std::filesystem::exists(stub.executions_file()) && stub.executions().size() == 2;
  };
  options.stop = [&] { return two_are_up; };
  const SweepStatus status = run_sweep(stub.sweep, stub.plan, options);
  CHECK(status.count(CellState::waiting) == 3);
  CHECK(sweep_status(stub.sweep, stub.plan).count(CellState::waiting) == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK_FALSE(RunClaim::is_held(stub.folder(i)));
  CHECK(stub.run("ok").count(CellState::completed) == 3);
}

TEST_CASE("runs that someone else holds are left alone and waited for") {
  const test::StubSweep stub(3);
  std::optional<RunClaim> theirs = RunClaim::acquire(stub.folder(0));
  SweepOptions options = stub.options("ok");
  bool was_running = false;
  options.on_progress = [&](const SweepStatus& status) {
    if (status.count(CellState::completed) < 2) return;
    was_running |= status.cells[0].state == CellState::running;
    theirs.reset();  // its holder dies
  };
  CHECK(run_sweep(stub.sweep, stub.plan, options).count(CellState::completed) == 3);
  CHECK(was_running);
  CHECK(stub.executions().size() == 3);
}

TEST_CASE("a run that is out of memory fails with its reason while others go on") {
  const test::StubSweep stub(3);
  const SweepStatus status = stub.run("out_of_memory");
  CHECK(status.count(CellState::completed) == 2);
  CHECK(status.cells[1].state == CellState::failed);
  CHECK(status.cells[1].message ==
        "exit status 1 without a record; its last words: isoflop: out of memory; the run takes "
        "about 1.5GB");
  CHECK(load_points_csv(stub.sweep.points_file()).points.size() == 2);
}

/// The devices of the trainers that are at work when so many are, which are then ended.
std::multiset<std::string> devices_at_work(const test::StubSweep& stub, SweepOptions options,
                                           std::size_t n_expected) {
  const auto n_up = [&] {
    return std::filesystem::exists(stub.executions_file()) ? stub.executions().size() : 0;
  };
  const auto says_device = [&](std::size_t i) {
    return last_line(stub.folder(i) / "log.txt").starts_with("device ");
  };
  options.stop_grace_seconds = 0;
  options.stop = [&] {
    std::size_t n_heard = 0;
    for (std::size_t i = 0; i < stub.plan.runs.size(); ++i) n_heard += says_device(i);
    return n_heard >= n_expected;
  };
  (void)run_sweep(stub.sweep, stub.plan, options);
  CHECK(n_up() == n_expected);
  std::multiset<std::string> devices;
  for (std::size_t i = 0; i < stub.plan.runs.size(); ++i) {
    const std::string line = last_line(stub.folder(i) / "log.txt");
    if (says_device(i)) devices.insert(line.substr(7, line.find(',') - 7));
  }
  return devices;
}

TEST_CASE("workers share out the devices, one each unless there are to be more") {
  const test::StubSweep stub(5);
  SweepOptions options = stub.options("hang", 0);
  options.devices = {"cuda:0", "cuda:1", "cuda:2"};
  CHECK(devices_at_work(stub, options, 3) ==
        std::multiset<std::string>{"cuda:0", "cuda:1", "cuda:2"});
}

TEST_CASE("more workers than devices take them in turn, fewer the first ones") {
  const test::StubSweep stub(6);
  SweepOptions options = stub.options("hang", 5);
  options.devices = {"cuda:0", "cuda:1"};
  CHECK(devices_at_work(stub, options, 5) ==
        std::multiset<std::string>{"cuda:0", "cuda:0", "cuda:0", "cuda:1", "cuda:1"});
  options = stub.options("ok", 1);
  options.devices = {"cuda:4", "cuda:7"};
  CHECK(run_sweep(stub.sweep, stub.plan, options).count(CellState::completed) == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(last_line(stub.folder(i) / "log.txt") == "device cuda:4, threads 1");
  }
}

TEST_CASE("a sweep without a device, or with packs of unknown size, is refused") {
  const test::StubSweep stub(1);
  SweepOptions options = stub.options("ok");
  options.devices.clear();
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_sweep(stub.sweep, stub.plan, options)),
             Contains("devices: must name at least one"));
  options = stub.options("ok");
  options.pack = 2;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(run_sweep(stub.sweep, stub.plan, options)),
             Contains("pack: must be > 0, and comes with memory_need"));
}

TEST_CASE("a hundred workers for three runs start three trainers") {
  const test::StubSweep stub(3);
  CHECK(stub.run("ok", 100).count(CellState::completed) == 3);
  CHECK(stub.executions().size() == 3);
}

/// Two trunks of three runs each, in no good order.
struct TrunkSweep : test::StubSweep {
  TrunkSweep() : StubSweep(6) {
    for (std::size_t i = 0; i < 6; ++i) {
      PlannedRun& run = plan.runs[i];
      run.spec.seed = i % 2;
      run.spec.n_steps = std::vector<std::int64_t>{900, 500, 1700}[i / 2];
      run.run_id = run_id(run.spec);
    }
  }
};

TEST_CASE("runs of one trunk take turns, shortest first, while others go on") {
  const int n_jobs = GENERATE(1, 2, 6);
  const TrunkSweep stub;
  std::int64_t most_running = 0;
  SweepOptions options = stub.options("slow", n_jobs);
  options.on_progress = [&](const SweepStatus& status) {
    most_running = std::max(most_running, status.count(CellState::running));
  };
  CHECK(run_sweep(stub.sweep, stub.plan, options).count(CellState::completed) == 6);
  std::map<std::uint64_t, std::vector<std::int64_t>> lengths;
  for (const std::string& id : stub.executions()) {
    const RunSpec spec = RunStore(stub.sweep.runs()).find(id).value().spec;  // no OVERLAP
    lengths[spec.seed].push_back(spec.n_steps);
  }
  CHECK(lengths[0] == std::vector<std::int64_t>{500, 900, 1700});
  CHECK(lengths[1] == std::vector<std::int64_t>{500, 900, 1700});
  CHECK(most_running == std::min(n_jobs, 2));
  CHECK_FALSE(std::filesystem::exists(stub.sweep.trunks()));
}

TEST_CASE("a failed run is not waited for by its trunk, which stays for the next time") {
  const TrunkSweep stub;
  CHECK(stub.run("crash").count(CellState::failed) == 6);
  CHECK(stub.executions().size() == 6);
  CHECK(std::filesystem::exists(stub.sweep.trunks() / trunk_id(stub.plan.runs[0].spec)));
  CHECK(stub.run("ok").count(CellState::completed) == 6);
  CHECK_FALSE(std::filesystem::exists(stub.sweep.trunks()));
}

TEST_CASE("a trunk that someone else is at is waited for, and left behind by nobody") {
  const TrunkSweep stub;
  const std::filesystem::path trunk = stub.sweep.trunks() / trunk_id(stub.plan.runs[0].spec);
  std::optional<RunClaim> theirs = RunClaim::acquire(trunk);
  SweepOptions options = stub.options("ok", 2);
  bool was_waiting = false;
  options.on_progress = [&](const SweepStatus& status) {
    if (status.count(CellState::completed) < 3) return;
    was_waiting |= status.count(CellState::waiting) == 3;
    theirs.reset();
  };
  CHECK(run_sweep(stub.sweep, stub.plan, options).count(CellState::completed) == 6);
  CHECK(was_waiting);
  // What a launcher that was killed before it could tidy up has left goes with the next.
  stub.dir.write("sweep/trunks/" + trunk.filename().string() + "/metrics.jsonl", "");
  CHECK(stub.run("ok").count(CellState::completed) == 6);
  CHECK_FALSE(std::filesystem::exists(stub.sweep.trunks()));
}

}  // namespace
}  // namespace isoflop
