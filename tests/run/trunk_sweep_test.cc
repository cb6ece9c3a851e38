// SPDX-License-Identifier: Apache-2.0
// Sweeps with shared trunks and packs of runs, by the real trainer on a toy source.
#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include <signal.h>

#include "base/rng.h"
#include "base/text.h"
#include "isoflop/run.h"
#include "run/child_process.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace isoflop {
namespace {

using Clock = std::chrono::steady_clock;

/// Three shapes at three budgets each: 9 runs on 3 trunks, of about 20, 40 and 80 steps.
Plan toy_plan() {
  Experiment experiment;
  experiment.question = "Does sharing change a bit?";
  experiment.dataset = "toy";
  experiment.seq_len = 16;
  experiment.isoflop = IsoFlopDesign{
      .budgets = {2e8, 4e8, 8e8}, .per_budget = 3, .half_width = 1.5, .centre = PowerLaw{8e4, 0}};
  experiment.peak_lr = 0.01;
  experiment.batch_tokens = 128;
  experiment.validation_tokens = 112;
  experiment.share_trunks = true;
  return make_plan(experiment, Law{},
                   {.name = "toy",
                    .hash = "toy-hash",
                    .tokenizer = "bytes",
                    .vocab_size = 16,
                    .train_tokens = 1e7,
                    .validation_tokens = 10'000});
}

struct ToySweep {
  ToySweep() { save_sweep(sweep, plan); }
  [[nodiscard]] std::vector<std::string> trainer(const std::string& mode) const {
    return {ISOFLOP_TOY_TRAINER, steps_file().string(), mode};
  }
  [[nodiscard]] std::filesystem::path steps_file() const { return dir.path() / "steps"; }
  [[nodiscard]] SweepStatus run(int n_jobs, const std::string& mode = "ok", int pack = 1) const {
    SweepOptions options;
    options.n_jobs = n_jobs;
    options.trainer = trainer(mode);
    options.pack = pack;
    options.memory_need = [](const RunSpec&) { return 1; };
    return run_sweep(sweep, plan, options);
  }
  [[nodiscard]] ChildProcess launch() const {
    ChildCommand command;
    command.argv = {ISOFLOP_STUB_LAUNCHER, sweep.root.string(), "2"};
    for (const std::string& word : trainer("ok")) command.argv.push_back(word);
    command.log = dir.path() / "launcher.log";
    return ChildProcess(command);
  }
  [[nodiscard]] RunRecord record(const PlannedRun& run) const {
    return *RunStore(sweep.runs()).find(run.run_id);
  }
  [[nodiscard]] std::string metrics(const PlannedRun& run) const {
    return test::read_file(sweep.runs() / run.run_id / "metrics.jsonl");
  }
  /// Steps taken by run_id; OVERLAP is one if two runs of a trunk were ever trained at a time.
  [[nodiscard]] std::map<std::string, std::int64_t> steps() const {
    std::map<std::string, std::int64_t> result;
    for (const std::string& line : split(test::read_file(steps_file()), '\n')) {
      if (!line.empty()) ++result[split(line, ' ')[0]];
    }
    return result;
  }
  /// How many runs each process was given, in the order in which they began.
  [[nodiscard]] std::vector<std::size_t> pack_sizes() const {
    std::vector<std::size_t> sizes;
    for (const std::string& line :
         split(test::read_file(steps_file().string() + ".processes"), '\n')) {
      if (!line.empty()) sizes.push_back(split(line, ' ').size() - 1);
    }
    return sizes;
  }
  [[nodiscard]] std::int64_t n_steps() const {
    std::int64_t sum = 0;
    for (const auto& [id, n] : steps()) sum += n;
    return sum;
  }

  test::TempDir dir;
  Plan plan = toy_plan();
  SweepFolder sweep{dir.path() / "sweep"};
};

/// Every run of the plan trained by itself, without executor and trunk.
struct Alone {
  Alone() {
    const ToySweep toy;
    for (const PlannedRun& run : toy.plan.runs) {
      const std::filesystem::path folder = toy.sweep.runs() / run.run_id;
      std::filesystem::create_directories(folder);
      save_run_spec(run.spec, folder / "spec.json");
      ChildCommand command;
      command.argv = toy.trainer("ok");
      for (const std::string& word :
           {std::string("train"), (folder / "spec.json").string(), std::string("--out"),
            folder.string(), std::string("--device"), std::string("cpu")}) {
        command.argv.push_back(word);
      }
      command.log = folder / "log.txt";
      REQUIRE(ChildProcess(command).wait() == 0);
      records[run.run_id] = toy.record(run);
      metrics[run.run_id] = toy.metrics(run);
      CHECK(split(metrics[run.run_id], '\n').size() ==
            static_cast<std::size_t>(run.spec.n_steps + 1));
      REQUIRE(records[run.run_id].n_spikes);
      REQUIRE(records[run.run_id].loss_curve.size() > 1);  // of 12 steps, 2 parts have one each
      steps_together += run.spec.n_steps - run.first_step;
      steps_apart += run.spec.n_steps;
    }
    CHECK(toy.n_steps() == steps_apart);
  }
  std::map<std::string, RunRecord> records;
  std::map<std::string, std::string> metrics;
  std::int64_t steps_together = 0, steps_apart = 0;
};

const Alone& alone() {
  static const Alone result;
  return result;
}

void check_same_as_alone(const ToySweep& toy) {
  for (const PlannedRun& run : toy.plan.runs) {
    CAPTURE(run.run_id, run.spec.n_steps);
    const RunRecord &shared = toy.record(run), &expected = alone().records.at(run.run_id);
    CHECK(shared.outcome == RunOutcome::completed);
    CHECK(shared.validation->loss_nats == expected.validation->loss_nats);
    CHECK(shared.validation->bits_per_byte == expected.validation->bits_per_byte);
    CHECK(shared.train_loss_nats == expected.train_loss_nats);
    CHECK(shared.steps_done == expected.steps_done);
    CHECK(shared.n_spikes == expected.n_spikes);
    CHECK(shared.clip_fraction == expected.clip_fraction);
    CHECK(shared.loss_curve == expected.loss_curve);
    CHECK(shared.message.empty());
    CHECK(toy.metrics(run) == alone().metrics.at(run.run_id));
  }
  CHECK_FALSE(std::filesystem::exists(toy.sweep.trunks()));
}

TEST_CASE("runs that share trunks equal the same runs alone, and train what they share once") {
  const int n_jobs = GENERATE(1, 4);
  const ToySweep toy;
  REQUIRE(toy.plan.runs.size() == 9);
  REQUIRE(shared_trunks(toy.plan.runs).size() == 3);
  const SweepStatus status = toy.run(n_jobs);
  CHECK(status.count(CellState::completed) == 9);
  CHECK(status.compute_total == Approx(toy.plan.trained_compute().value()));
  CHECK(status.compute_done == Approx(status.compute_total));
  check_same_as_alone(toy);
  CHECK(toy.n_steps() == alone().steps_together);
  CHECK(10 * alone().steps_together < 7 * alone().steps_apart);
  for (const PlannedRun& run : toy.plan.runs) {
    CHECK(toy.steps()[run.run_id] == run.spec.n_steps - run.first_step);
  }
}

TEST_CASE("a sweep with trunks that is killed at any moment ends with the same bits") {
  const ToySweep undisturbed;
  const auto start = Clock::now();
  REQUIRE(undisturbed.launch().wait() == 0);
  const std::chrono::duration<double> duration = Clock::now() - start;
  const Rng rng(11);
  for (std::uint64_t trial = 0; trial < 4; ++trial) {
    CAPTURE(trial);
    const ToySweep toy;
    for (std::uint64_t kill = 0; kill < 2; ++kill) {
      ChildProcess launcher = toy.launch();
      std::this_thread::sleep_for(rng.uniform(2 * trial + kill) * duration);
      launcher.send(SIGKILL);
      launcher.wait();
    }
    REQUIRE(toy.launch().wait() == 0);
    check_same_as_alone(toy);
    CHECK(toy.steps().count("OVERLAP") == 0);
  }
}

TEST_CASE("two launches beside each other train every step of a trunk once") {
  for (int trial = 0; trial < 2; ++trial) {
    const ToySweep toy;
    ChildProcess first = toy.launch(), second = toy.launch();
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
    check_same_as_alone(toy);
    CHECK(toy.n_steps() == alone().steps_together);
  }
}

TEST_CASE("a run that crashes holds up no other of its trunk") {
  const ToySweep toy;
  const Trunk trunk = shared_trunks(toy.plan.runs)[1];
  const PlannedRun& first = toy.plan.runs[trunk.runs[0]];
  const PlannedRun& second = toy.plan.runs[trunk.runs[1]];
  const SweepStatus status = toy.run(2, "crash:" + first.run_id);
  CHECK(status.count(CellState::failed) == 1);
  CHECK(status.count(CellState::completed) == 8);
  // What it had left is used: its state at its branch, if that was written before the crash.
  const std::int64_t taken = toy.steps()[second.run_id];
  CHECK((taken == second.spec.n_steps - second.first_step || taken == second.spec.n_steps));
  CHECK(std::filesystem::exists(toy.sweep.trunks() / trunk.trunk_id));  // it will be tried again
  CHECK(toy.run(2).count(CellState::completed) == 9);
  check_same_as_alone(toy);
}

/// One point for each of these runs.
void check_points(const ToySweep& toy, std::set<std::string> run_ids) {
  const PointSet points = load_points_csv(toy.sweep.points_file());
  CHECK(points.points.size() == run_ids.size());
  for (const Point& point : points.points) CHECK(run_ids.erase(point.label) == 1);
}

std::set<std::string> ids_of(const Plan& plan) {
  std::set<std::string> ids;
  for (const PlannedRun& run : plan.runs) ids.insert(run.run_id);
  return ids;
}

TEST_CASE("packs of runs, one of each trunk, equal the same runs alone") {
  const int n_jobs = GENERATE(1, 2);
  const ToySweep toy;
  CHECK(toy.run(n_jobs, "ok", 3).count(CellState::completed) == 9);
  check_same_as_alone(toy);
  CHECK(toy.n_steps() == alone().steps_together);  // with packs, too, each step once
  CHECK(toy.steps().count("OVERLAP") == 0);
  check_points(toy, ids_of(toy.plan));
  if (n_jobs == 1) CHECK(toy.pack_sizes() == std::vector<std::size_t>{3, 3, 3});
}

TEST_CASE("what a pack that is killed leaves undone is done one by one, what it has done is kept") {
  const ToySweep toy;
  // The longest of the first pack, which dies when another one has its record.
  const std::size_t last_of_pack = 2;
  const std::string victim = toy.plan.runs[last_of_pack].run_id;
  CHECK(toy.run(1, "crash_behind_one:" + victim, 3).count(CellState::completed) == 9);
  check_same_as_alone(toy);
  CHECK(toy.steps().count("OVERLAP") == 0);
  check_points(toy, ids_of(toy.plan));
  const std::vector<std::size_t> sizes = toy.pack_sizes();
  CHECK(sizes.front() == 3);
  CHECK(std::count(sizes.begin(), sizes.end(), 1u) >= 1);
  CHECK(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) <= 9 + 2);
}

TEST_CASE("a run that always kills its pack fails alone, and the others are done") {
  const ToySweep toy;
  const std::string victim = toy.plan.runs[1].run_id;
  const SweepStatus status = toy.run(2, "crash:" + victim, 4);
  CHECK(status.count(CellState::completed) == 8);
  REQUIRE(status.count(CellState::failed) == 1);
  CHECK(status.cells[1].state == CellState::failed);
  CHECK_THAT(status.cells[1].message, contains("killed by signal 9 (Killed) without a record"));
  std::set<std::string> others = ids_of(toy.plan);
  others.erase(victim);
  check_points(toy, others);
  CHECK(toy.run(2).count(CellState::completed) == 9);
  check_same_as_alone(toy);
}

}  // namespace
}  // namespace isoflop
