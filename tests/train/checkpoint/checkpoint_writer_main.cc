// SPDX-License-Identifier: Apache-2.0
// checkpoint_writer FOLDER STEP   writes the checkpoint of that step; 3 where the system refuses
// checkpoint_writer FOLDER        prints the newest whole checkpoint's step; 4 where there is none,
//                                 5 where newer ones were refused
//
// In one thread, so that the n-th system call is the same in every run.
#include <cstdlib>
#include <iostream>

#include <unistd.h>

#include "isoflop/error.h"
#include "support/snapshots.h"
#include "train/checkpoint/checkpoint_folder.h"

namespace isoflop {
namespace {

int write_step(CheckpointFolder& folder, std::int64_t step) {
  const Snapshot snapshot = test::random_snapshot(test::gqa_shape(), step);
  (void)!::access("/checkpoint-begins-here", F_OK);  // a mark in strace's output
  try {
    folder.write(snapshot);
    return 0;
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
    return error.code() == ErrorCode::io ? 3 : 4;
  }
}

int print_newest(CheckpointFolder& folder) {
  std::vector<std::string> refused;
  const auto snapshot = folder.load_newest(1'000'000, refused);
  for (const std::string& message : refused) std::cerr << message << '\n';
  if (!snapshot) return 4;
  const std::int64_t step = snapshot->progress.steps_done;
  if (!test::same_bits(*snapshot, test::random_snapshot(test::gqa_shape(), step))) return 4;
  std::cout << step << '\n';
  return refused.empty() ? 0 : 5;
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  isoflop::CheckpointFolder folder(argv[1], {"0123456789abcdef", isoflop::test::gqa_shape()});
  return argc > 2 ? isoflop::write_step(folder, std::atoll(argv[2]))
                  : isoflop::print_newest(folder);
}
