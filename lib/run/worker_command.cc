// SPDX-License-Identifier: Apache-2.0
#include "run/worker_command.h"

#include <initializer_list>

namespace isoflop {

ChildCommand worker_command(const SweepOptions& options, const std::string& device,
                            std::span<const ClaimedRun> runs) {
  ChildCommand command;
  command.argv = options.trainer;
  const auto add = [&](std::initializer_list<std::string> more) {
    command.argv.insert(command.argv.end(), more);
  };
  const ClaimedRun& first = runs.front();
  add({"train", (first.folder / "spec.json").string(), "--out", first.folder.string(), "--device",
       device});
  if (!first.trunk_folder.empty()) add({"--trunk", first.trunk_folder.string()});
  for (const ClaimedRun& other : runs.subspan(1)) {
    add({"--beside", other.folder.string(),
         other.trunk_folder.empty() ? "-" : other.trunk_folder.string()});
  }
  command.argv.insert(command.argv.end(), options.trainer_options.begin(),
                      options.trainer_options.end());
  // One run, one thread: two ranks beat two BLAS threads at every shape these models have.
  command.environment = {
      {"OPENBLAS_NUM_THREADS", "1"}, {"OMP_NUM_THREADS", "1"}, RunClaim::launcher_variable()};
  command.log = first.folder / "log.txt";
  for (const ClaimedRun& run : runs) {
    command.inherited_descriptors.push_back(run.claim.descriptor());
    if (run.trunk_claim) command.inherited_descriptors.push_back(run.trunk_claim->descriptor());
  }
  return command;
}

}  // namespace isoflop
