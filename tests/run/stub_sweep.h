// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "isoflop/run.h"
#include "support/temp_dir.h"
#include "support/tiny_spec.h"

namespace isoflop::test {

/// `n` runs of one shape that differ in their seeds.
inline Plan stub_plan(int n) {
  Plan plan;
  plan.experiment.dataset = "tiny";
  plan.experiment.isoflop = IsoFlopDesign{};
  plan.experiment.isoflop->budgets = {1e10};
  plan.dataset = {"tiny", "0123456789abcdef", "bytes", 256, 1e6, 10'000};
  for (int i = 0; i < n; ++i) {
    PlannedRun run;
    run.spec = tiny_spec();
    run.spec.seed = static_cast<std::uint64_t>(i);
    run.run_id = run_id(run.spec);
    run.budget = run.compute = 1e10;
    run.cost = 1e10 * (1 + i);
    plan.runs.push_back(run);
  }
  return plan;
}

/// A sweep in a temporary folder and the stub that trains it.
struct StubSweep {
  explicit StubSweep(int n) : plan(stub_plan(n)), sweep{dir.path() / "sweep"} {
    save_sweep(sweep, plan);
  }
  [[nodiscard]] std::filesystem::path executions_file() const { return dir.path() / "executions"; }
  [[nodiscard]] std::vector<std::string> trainer(const std::string& mode) const {
    return {ISOFLOP_STUB_TRAINER, mode, executions_file().string()};
  }
  [[nodiscard]] SweepOptions options(const std::string& mode, int n_jobs = 2) const {
    SweepOptions result;
    result.n_jobs = n_jobs;
    result.trainer = trainer(mode);
    return result;
  }
  SweepStatus run(const std::string& mode, int n_jobs = 2) const {
    return run_sweep(sweep, plan, options(mode, n_jobs));
  }
  /// One run_id per time a trainer was started.
  [[nodiscard]] std::vector<std::string> executions() const {
    std::vector<std::string> lines = split(read_file(executions_file()), '\n');
    lines.pop_back();
    return lines;
  }
  [[nodiscard]] std::filesystem::path folder(std::size_t i) const {
    return sweep.runs() / plan.runs[i].run_id;
  }

  TempDir dir;
  Plan plan;
  SweepFolder sweep;
};

}  // namespace isoflop::test
