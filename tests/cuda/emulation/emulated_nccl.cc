// SPDX-License-Identifier: Apache-2.0
#include "emulated_nccl.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "emulated_device.h"
#include "nccl_ranks.h"

namespace isoflop::emulation {
namespace {

using Lock = std::unique_lock<std::recursive_mutex>;

constexpr std::chrono::seconds kGraphsMayTake{3};

thread_local std::string last_error;

ncclComm* make_communicator(std::shared_ptr<Clique> clique, int rank, int device) {
  auto made = std::make_shared<ncclComm>();
  made->clique = std::move(clique);
  made->rank = rank;
  made->device = device;
  nccl_state().communicators[made.get()] = made;
  return made.get();
}

/// Waits until `is_over()`; false after a reset.
template <class IsOver>
bool wait(Lock& lock, IsOver is_over) {
  const int n_resets = nccl_state().n_resets;
  while (!is_over()) {
    if (nccl_state().n_resets != n_resets) return false;
    nccl_state().changed.wait_for(lock, std::chrono::milliseconds(10));
  }
  return true;
}

int current_device_number() {
  int device = 0;
  (void)cudaGetDevice(&device);
  return device;
}

/// The part of the clique with this rank's color, once all have come; null without color.
ncclComm* split_of(std::map<int, Clique::Arrival>& arrivals, int rank, int device) {
  const Clique::Arrival mine = arrivals.at(rank);
  if (mine.color == NCCL_SPLIT_NOCOLOR) return nullptr;
  std::vector<std::pair<int, int>> members;  // key, rank
  for (const auto& [other, arrival] : arrivals) {
    if (arrival.color == mine.color) members.emplace_back(arrival.key, other);
  }
  std::sort(members.begin(), members.end());
  std::shared_ptr<Clique> part;
  for (const auto& [key, other] : members) {
    if (arrivals.at(other).part) part = arrivals.at(other).part;
  }
  if (!part) part = std::make_shared<Clique>();
  part->n = static_cast<int>(members.size());
  const auto at = std::find(members.begin(), members.end(), std::pair(mine.key, rank));
  arrivals.at(rank).part = part;
  return make_communicator(part, static_cast<int>(at - members.begin()), device);
}

/// NCCL waits until no graph has operations of the communicator, for ever; this one not as long.
ncclResult_t forget(ncclComm_t communicator, bool abort) {
  auto lock = lock_machine();
  if (!is_live(communicator)) return refuse(ncclInvalidArgument, "no such communicator");
  const std::shared_ptr<ncclComm> held = nccl_state().communicators.at(communicator);
  if (!abort && communicator->n_unfinished > 0) {
    return refuse(ncclInvalidUsage, "destroyed with operations in flight");
  }
  communicator->is_aborted = true;
  if (abort) ++nccl_state().n_aborts;
  nccl_state().changed.notify_all();
  const auto until = std::chrono::steady_clock::now() + kGraphsMayTake;
  const auto is_over = [&] {
    return held->recorded.use_count() == 1 || std::chrono::steady_clock::now() > until;
  };
  if (!wait(lock, is_over)) return refuse(ncclInternalError, "reset");
  if (held->recorded.use_count() > 1) return refuse(ncclInternalError, "a graph refers to it");
  nccl_state().communicators.erase(communicator);
  nccl_state().changed.notify_all();
  return ncclSuccess;
}

}  // namespace

NcclState& nccl_state() {
  static NcclState only;
  return only;
}

ncclResult_t refuse(ncclResult_t result, const std::string& why) {
  last_error = why;
  return result;
}

bool is_live(ncclComm_t communicator) { return nccl_state().communicators.contains(communicator); }

void reset_nccl() {
  const auto lock = lock_machine();
  NcclState& s = nccl_state();
  s.joining.clear();
  s.reports.clear();
  s.init_failures.clear();
  s.hanging.clear();
  s.communicators.clear();
  s.n_aborts = 0;
  ++s.n_resets;
  s.changed.notify_all();
}
void report_nccl_error(int device, ncclResult_t error) {
  const auto lock = lock_machine();
  nccl_state().reports[device] = error;
}
void hang_nccl(int device) {
  const auto lock = lock_machine();
  nccl_state().hanging.insert(device);
}
void fail_nccl_init(int device, ncclResult_t error) {
  const auto lock = lock_machine();
  nccl_state().init_failures[device] = error;
}
int n_nccl_communicators() {
  const auto lock = lock_machine();
  return static_cast<int>(nccl_state().communicators.size());
}
int n_nccl_aborts() {
  const auto lock = lock_machine();
  return nccl_state().n_aborts;
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;  // NOLINT: of this one file

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const auto lock = lock_machine();
  std::memset(id, 0x5a, sizeof *id);  // all of it counts
  std::memcpy(id->internal + 64, &nccl_state().next_id, sizeof nccl_state().next_id);
  ++nccl_state().next_id;
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* out, int n, ncclUniqueId id, int rank) {
  *out = nullptr;
  const int device = current_device_number();
  auto lock = lock_machine();
  if (rank < 0 || rank >= n) return refuse(ncclInvalidArgument, "no such rank");
  const auto failure = nccl_state().init_failures.find(device);
  if (failure != nccl_state().init_failures.end()) return refuse(failure->second, "told to fail");
  ncclUniqueId expected;
  std::memset(&expected, 0x5a, sizeof expected);
  std::uint64_t number = 0;
  std::memcpy(&number, id.internal + 64, sizeof number);
  std::memcpy(expected.internal + 64, &number, sizeof number);
  if (std::memcmp(&expected, &id, sizeof id) != 0 || number == 0 ||
      number >= nccl_state().next_id) {
    return refuse(ncclInvalidArgument, "no id that was given out");
  }
  auto& joining = nccl_state().joining[number];
  for (const auto& [other, communicator] : joining) {
    if (other == rank || communicator->device == device) {
      return refuse(ncclInvalidUsage, "Duplicate GPU detected");
    }
  }
  const auto clique =
      joining.empty() ? std::make_shared<Clique>() : joining.begin()->second->clique;
  clique->n = n;
  ncclComm* made = joining[rank] = make_communicator(clique, rank, device);
  nccl_state().changed.notify_all();
  const auto all = [&] {
    const auto found = nccl_state().joining.find(number);
    return found != nccl_state().joining.end() && static_cast<int>(found->second.size()) == n;
  };
  if (!wait(lock, all)) return refuse(ncclInternalError, "reset");
  *out = made;
  return ncclSuccess;
}
ncclResult_t ncclCommInitRankConfig(ncclComm_t* out, int n, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config != nullptr && (config->magic != 0xcafebeef || config->blocking == 0)) {
    return refuse(ncclInvalidArgument, "config");
  }
  return ncclCommInitRank(out, n, id, rank);
}

ncclResult_t ncclCommSplit(ncclComm_t parent, int color, int key, ncclComm_t* out, ncclConfig_t*) {
  *out = nullptr;
  auto lock = lock_machine();
  if (!is_live(parent)) return refuse(ncclInvalidArgument, "no such communicator");
  const std::shared_ptr<ncclComm> held = nccl_state().communicators.at(parent);
  const auto failure = nccl_state().init_failures.find(parent->device);
  if (failure != nccl_state().init_failures.end()) return refuse(failure->second, "told to fail");
  auto& arrivals = parent->clique->splits[parent->n_splits++];
  arrivals[parent->rank] = {color, key, nullptr};
  nccl_state().changed.notify_all();
  const auto over = [&] {
    return held->is_aborted || static_cast<int>(arrivals.size()) == held->clique->n;
  };
  if (!wait(lock, over)) return refuse(ncclInternalError, "reset");
  if (held->is_aborted) return refuse(ncclInternalError, "aborted");
  *out = split_of(arrivals, held->rank, held->device);
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t communicator) {
  const auto lock = lock_machine();
  return is_live(communicator) ? ncclSuccess : ncclInvalidArgument;
}
ncclResult_t ncclCommDestroy(ncclComm_t communicator) { return forget(communicator, false); }
ncclResult_t ncclCommAbort(ncclComm_t communicator) { return forget(communicator, true); }

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* error) {
  const auto lock = lock_machine();
  if (!is_live(communicator)) return refuse(ncclInvalidArgument, "no such communicator");
  const auto report = nccl_state().reports.find(communicator->device);
  *error = report == nccl_state().reports.end() ? ncclSuccess : report->second;
  return ncclSuccess;
}
const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}
const char* ncclGetLastError(ncclComm_t) { return last_error.c_str(); }

ncclResult_t ncclCommCount(ncclComm_t communicator, int* n) {
  const auto lock = lock_machine();
  if (!is_live(communicator)) return ncclInvalidArgument;
  *n = communicator->clique->n;
  return ncclSuccess;
}
ncclResult_t ncclCommUserRank(ncclComm_t communicator, int* rank) {
  const auto lock = lock_machine();
  if (!is_live(communicator)) return ncclInvalidArgument;
  *rank = communicator->rank;
  return ncclSuccess;
}
ncclResult_t ncclCommCuDevice(ncclComm_t communicator, int* device) {
  const auto lock = lock_machine();
  if (!is_live(communicator)) return ncclInvalidArgument;
  *device = communicator->device;
  return ncclSuccess;
}

}  // extern "C"
