// SPDX-License-Identifier: Apache-2.0
// What the emulated NCCL's two parts share: how ranks meet (emulated_nccl.cc) and what they then
// send each other (nccl_collectives.cc).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "emulated_nccl.h"

namespace isoflop::emulation {

/// One side of a transfer, or one rank's part of an all-gather, that has started.
struct Transfer {
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t n_bytes = 0;
  bool is_done = false;
};
using TransferPtr = std::shared_ptr<Transfer>;

/// What the ranks of a communicator share.
struct Clique {
  int n = 0;
  std::map<std::pair<int, int>, std::deque<TransferPtr>> sends, receives;  // by (from, to)
  std::map<std::int64_t, std::map<int, TransferPtr>> gathers;
  // Calls in which all ranks wait for each other.
  struct Arrival {
    int color = 0, key = 0;
    std::shared_ptr<Clique> part;  // of the first to leave, who may be gone by then
  };
  std::map<int, std::map<int, Arrival>> splits;  // by their number, by rank
};

}  // namespace isoflop::emulation

struct ncclComm {
  std::shared_ptr<isoflop::emulation::Clique> clique;
  int rank = 0, device = 0;
  int n_splits = 0, n_unfinished = 0;
  std::int64_t n_gathers = 0;
  bool is_aborted = false;
  // One more owner for each of its operations in a graph or in what a graph has launched.
  std::shared_ptr<const int> recorded = std::make_shared<int>();
};

namespace isoflop::emulation {

/// All of it under the machine's lock; those that wait for other ranks wait on `changed`.
struct NcclState {
  std::condition_variable_any changed;
  std::map<std::uint64_t, std::map<int, ncclComm*>> joining;  // by the unique id
  std::uint64_t next_id = 1;
  std::map<ncclComm*, std::shared_ptr<ncclComm>> communicators;
  std::map<int, ncclResult_t> reports, init_failures;
  std::set<int> hanging;
  int n_aborts = 0, n_resets = 0;
};
[[nodiscard]] NcclState& nccl_state();

/// Whether it is a communicator that can be used.
[[nodiscard]] bool is_live(ncclComm_t communicator);

/// `result`, with what ncclGetLastError() says of it in this thread.
ncclResult_t refuse(ncclResult_t result, const std::string& why);

}  // namespace isoflop::emulation
