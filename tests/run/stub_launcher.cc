// SPDX-License-Identifier: Apache-2.0
// stub_launcher SWEEP JOBS TRAINER...: what `isoflop sweep` does, to be killed by tests.
#include <cstdlib>
#include <iostream>

#include "isoflop/error.h"
#include "isoflop/run.h"

int main(int n_arguments, char** arguments) {
  if (n_arguments < 4) return 2;
  try {
    const isoflop::SweepFolder sweep{arguments[1]};
    isoflop::SweepOptions options;
    options.n_jobs = std::atoi(arguments[2]);
    options.trainer.assign(arguments + 3, arguments + n_arguments);
    const isoflop::SweepStatus status =
        isoflop::run_sweep(sweep, isoflop::load_plan(sweep.plan_file()), options);
    return status.count(isoflop::CellState::failed) > 0 ? 1 : 0;
  } catch (const isoflop::Error& error) {
    std::cerr << error.what() << std::endl;
    return 2;
  }
}
