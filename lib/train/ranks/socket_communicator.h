// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "train/contract/communicator.h"
#include "train/ranks/launch_environment.h"
#include "train/ranks/meeting_watch.h"
#include "train/ranks/rank_messages.h"

namespace isoflop {

/// Runs `body` for the ranks this process carries, each on a thread of its own (the calling one for
/// the first), and returns when all have ended. Ranks are numbered process by process: rank =
/// process * n_local_ranks + thread, with the same n_local_ranks everywhere. With one process it is
/// run_ranks().
///
/// All ranks talk over TCP to a thread of rank 0's process. If a rank throws, dies or falls silent,
/// what the others wait for throws an Error that names it and its process, and check() does. The
/// first exception of this process is thrown here; a failure elsewhere only where there is none.
///
/// While they meet, the watch is told whom one waits for, and may end it: StoppedWaiting is thrown
/// then, and the other processes get an Error that says so.
///
/// Tensors go through the host's memory: right for any backend, fast for none.
void run_process_ranks(const LaunchEnvironment& environment, int n_local_ranks,
                       const std::function<void(Communicator&)>& body,
                       const RankTiming& timing = {}, const MeetingWatch& watch = {});

}  // namespace isoflop
