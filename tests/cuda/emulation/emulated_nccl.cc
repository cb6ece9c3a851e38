// SPDX-License-Identifier: Apache-2.0
#include "emulated_nccl.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "emulated_device.h"

namespace isoflop::emulation {
namespace {

/// One side of a transfer, or one rank's part of an all-gather, that has started.
struct Transfer {
  const void* from = nullptr;
  void* to = nullptr;
  std::size_t n_bytes = 0;
  bool is_done = false;
};
using TransferPtr = std::shared_ptr<Transfer>;

struct Operation {
  enum class Kind { send, receive, gather } kind{};
  int peer = 0;
  Transfer transfer;
};

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

}  // namespace
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
namespace {

using Lock = std::unique_lock<std::recursive_mutex>;

constexpr std::chrono::seconds kGraphsMayTake{3};

/// All of it under the machine's lock; those that wait for other ranks wait on `changed`.
struct State {
  std::condition_variable_any changed;
  std::map<std::uint64_t, std::map<int, ncclComm*>> joining;  // by the unique id
  std::uint64_t next_id = 1;
  std::map<ncclComm*, std::shared_ptr<ncclComm>> communicators;
  std::map<int, ncclResult_t> reports, init_failures;
  std::set<int> hanging;
  int n_aborts = 0, n_resets = 0;
};
State& state() {
  static State only;
  return only;
}

thread_local std::string last_error;
thread_local int group_depth = 0;
struct Call {
  ncclComm* communicator;
  cudaStream_t stream;
  Operation operation;
};
thread_local std::vector<Call> calls;

ncclResult_t refuse(ncclResult_t result, const std::string& why) {
  last_error = why;
  return result;
}

/// Whether it is a communicator that can be used.
bool is_live(ncclComm_t communicator) { return state().communicators.contains(communicator); }

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8:
      return 1;
    case ncclFloat16:
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32:
      return 4;
    default:
      return 8;
  }
}

void copy(Transfer& from, Transfer& to) {
  if (from.n_bytes != to.n_bytes) {
    throw std::logic_error("NCCL: " + std::to_string(from.n_bytes) + " bytes are sent, " +
                           std::to_string(to.n_bytes) + " received");
  }
  std::memmove(to.to, from.from, from.n_bytes);
  from.is_done = to.is_done = true;
}

/// One group on one stream. A copy of one that has not started has not started.
class GroupWork {
 public:
  GroupWork(std::shared_ptr<ncclComm> communicator, std::vector<Operation> operations,
            bool is_recorded)
      : communicator_(std::move(communicator)), operations_(std::move(operations)) {
    if (is_recorded) recorded_ = communicator_->recorded;
  }

  Progress operator()() {
    if (communicator_->is_aborted) return finish();
    if (state().hanging.contains(communicator_->device)) return Progress::not_ready;
    if (started_.empty()) start();
    const bool all = std::all_of(started_.begin(), started_.end(),
                                 [](const TransferPtr& transfer) { return transfer->is_done; });
    return all ? finish() : Progress::not_ready;
  }

 private:
  void start() {
    Clique& clique = *communicator_->clique;
    const int rank = communicator_->rank;
    ++communicator_->n_unfinished;
    for (const Operation& operation : operations_) {
      started_.push_back(std::make_shared<Transfer>(operation.transfer));
      if (operation.kind == Operation::Kind::gather) {
        gather(communicator_->n_gathers++);
        continue;
      }
      const bool sends = operation.kind == Operation::Kind::send;
      const auto channel =
          sends ? std::pair(rank, operation.peer) : std::pair(operation.peer, rank);
      auto& mine = (sends ? clique.sends : clique.receives)[channel];
      auto& theirs = (sends ? clique.receives : clique.sends)[channel];
      std::erase_if(theirs, [](const TransferPtr& transfer) { return transfer->is_done; });
      if (theirs.empty()) {
        mine.push_back(started_.back());
        continue;
      }
      const TransferPtr other = theirs.front();
      theirs.pop_front();
      sends ? copy(*started_.back(), *other) : copy(*other, *started_.back());
    }
  }

  void gather(std::int64_t number) {
    auto& parts = communicator_->clique->gathers[number];
    parts[communicator_->rank] = started_.back();
    if (static_cast<int>(parts.size()) < communicator_->clique->n) return;
    for (const auto& [from_rank, from] : parts) {
      if (from->is_done) return;  // aborted
      for (const auto& [to_rank, to] : parts) {
        const std::size_t n = from->n_bytes;
        if (n != to->n_bytes) throw std::logic_error("NCCL: all-gather of unequal shares");
        std::memmove(static_cast<char*>(to->to) + static_cast<std::size_t>(from_rank) * n,
                     from->from, n);
      }
    }
    for (const auto& [rank, part] : parts) part->is_done = true;
    communicator_->clique->gathers.erase(number);
  }

  /// Nobody meets what was aborted.
  Progress finish() {
    if (!started_.empty()) --communicator_->n_unfinished;
    for (const TransferPtr& transfer : started_) transfer->is_done = true;
    started_.clear();
    return Progress::done;
  }

  std::shared_ptr<ncclComm> communicator_;
  std::vector<Operation> operations_;
  std::vector<TransferPtr> started_;
  std::shared_ptr<const int> recorded_;
};

bool is_captured(cudaStream_t stream) {
  cudaStreamCaptureStatus status{};
  return cudaStreamIsCapturing(stream, &status) == cudaSuccess &&
         status != cudaStreamCaptureStatusNone;
}

/// Each communicator's part of the calls goes to its stream.
ncclResult_t issue_calls() {
  std::vector<std::pair<ncclComm*, cudaStream_t>> targets;
  for (const Call& call : calls) {
    const std::pair target(call.communicator, call.stream);
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
      targets.push_back(target);
    }
  }
  const std::vector<Call> all = std::exchange(calls, {});
  const auto lock = lock_machine();
  for (const auto& [communicator, stream] : targets) {
    if (!is_live(communicator)) return refuse(ncclInvalidArgument, "no such communicator");
    std::vector<Operation> operations;
    for (const Call& call : all) {
      if (call.communicator == communicator && call.stream == stream) {
        operations.push_back(call.operation);
      }
    }
    const cudaError_t status = enqueue(
        stream, GroupWork(state().communicators.at(communicator), operations, is_captured(stream)));
    if (status != cudaSuccess) return refuse(ncclUnhandledCudaError, cudaGetErrorString(status));
  }
  return ncclSuccess;
}

ncclResult_t add_call(ncclComm_t communicator, cudaStream_t stream, Operation operation) {
  {
    const auto lock = lock_machine();
    if (!is_live(communicator)) return refuse(ncclInvalidArgument, "no such communicator");
    const int n = communicator->clique->n;
    if (operation.peer < 0 || operation.peer >= n || operation.peer == communicator->rank) {
      if (operation.kind != Operation::Kind::gather) {
        return refuse(ncclInvalidArgument, "peer is not another rank");
      }
    }
    const Transfer& t = operation.transfer;
    const std::size_t n_all = operation.kind == Operation::Kind::gather
                                  ? t.n_bytes * static_cast<std::size_t>(n)
                                  : t.n_bytes;
    if ((t.from != nullptr && !is_device_memory(t.from, t.n_bytes)) ||
        (t.to != nullptr && !is_device_memory(t.to, n_all))) {
      return refuse(ncclInvalidArgument, "not memory of a device");
    }
  }
  calls.push_back({communicator, stream, operation});
  return group_depth == 0 ? issue_calls() : ncclSuccess;
}

ncclComm* make_communicator(std::shared_ptr<Clique> clique, int rank, int device) {
  auto made = std::make_shared<ncclComm>();
  made->clique = std::move(clique);
  made->rank = rank;
  made->device = device;
  state().communicators[made.get()] = made;
  return made.get();
}

/// Waits until `is_over()`; false after a reset.
template <class IsOver>
bool wait(Lock& lock, IsOver is_over) {
  const int n_resets = state().n_resets;
  while (!is_over()) {
    if (state().n_resets != n_resets) return false;
    state().changed.wait_for(lock, std::chrono::milliseconds(10));
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
  const std::shared_ptr<ncclComm> held = state().communicators.at(communicator);
  if (!abort && communicator->n_unfinished > 0) {
    return refuse(ncclInvalidUsage, "destroyed with operations in flight");
  }
  communicator->is_aborted = true;
  if (abort) ++state().n_aborts;
  state().changed.notify_all();
  const auto until = std::chrono::steady_clock::now() + kGraphsMayTake;
  const auto is_over = [&] {
    return held->recorded.use_count() == 1 || std::chrono::steady_clock::now() > until;
  };
  if (!wait(lock, is_over)) return refuse(ncclInternalError, "reset");
  if (held->recorded.use_count() > 1) return refuse(ncclInternalError, "a graph refers to it");
  state().communicators.erase(communicator);
  state().changed.notify_all();
  return ncclSuccess;
}

}  // namespace

void reset_nccl() {
  const auto lock = lock_machine();
  State& s = state();
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
  state().reports[device] = error;
}
void hang_nccl(int device) {
  const auto lock = lock_machine();
  state().hanging.insert(device);
}
void fail_nccl_init(int device, ncclResult_t error) {
  const auto lock = lock_machine();
  state().init_failures[device] = error;
}
int n_nccl_communicators() {
  const auto lock = lock_machine();
  return static_cast<int>(state().communicators.size());
}
int n_nccl_aborts() {
  const auto lock = lock_machine();
  return state().n_aborts;
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
  std::memcpy(id->internal + 64, &state().next_id, sizeof state().next_id);
  ++state().next_id;
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* out, int n, ncclUniqueId id, int rank) {
  *out = nullptr;
  const int device = current_device_number();
  auto lock = lock_machine();
  if (rank < 0 || rank >= n) return refuse(ncclInvalidArgument, "no such rank");
  const auto failure = state().init_failures.find(device);
  if (failure != state().init_failures.end()) return refuse(failure->second, "told to fail");
  ncclUniqueId expected;
  std::memset(&expected, 0x5a, sizeof expected);
  std::uint64_t number = 0;
  std::memcpy(&number, id.internal + 64, sizeof number);
  std::memcpy(expected.internal + 64, &number, sizeof number);
  if (std::memcmp(&expected, &id, sizeof id) != 0 || number == 0 || number >= state().next_id) {
    return refuse(ncclInvalidArgument, "no id that was given out");
  }
  auto& joining = state().joining[number];
  for (const auto& [other, communicator] : joining) {
    if (other == rank || communicator->device == device) {
      return refuse(ncclInvalidUsage, "Duplicate GPU detected");
    }
  }
  const auto clique =
      joining.empty() ? std::make_shared<Clique>() : joining.begin()->second->clique;
  clique->n = n;
  ncclComm* made = joining[rank] = make_communicator(clique, rank, device);
  state().changed.notify_all();
  const auto all = [&] {
    const auto found = state().joining.find(number);
    return found != state().joining.end() && static_cast<int>(found->second.size()) == n;
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
  const std::shared_ptr<ncclComm> held = state().communicators.at(parent);
  const auto failure = state().init_failures.find(parent->device);
  if (failure != state().init_failures.end()) return refuse(failure->second, "told to fail");
  auto& arrivals = parent->clique->splits[parent->n_splits++];
  arrivals[parent->rank] = {color, key, nullptr};
  state().changed.notify_all();
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
  const auto report = state().reports.find(communicator->device);
  *error = report == state().reports.end() ? ncclSuccess : report->second;
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

ncclResult_t ncclGroupStart() {
  ++group_depth;
  return ncclSuccess;
}
ncclResult_t ncclGroupEnd() {
  if (group_depth == 0) return refuse(ncclInvalidUsage, "no group was started");
  return --group_depth == 0 ? issue_calls() : ncclSuccess;
}

ncclResult_t ncclSend(const void* from, std::size_t n, ncclDataType_t type, int peer,
                      ncclComm_t communicator, cudaStream_t stream) {
  return add_call(communicator, stream,
                  {Operation::Kind::send, peer, {from, nullptr, n * size_of(type), false}});
}
ncclResult_t ncclRecv(void* to, std::size_t n, ncclDataType_t type, int peer,
                      ncclComm_t communicator, cudaStream_t stream) {
  return add_call(communicator, stream,
                  {Operation::Kind::receive, peer, {nullptr, to, n * size_of(type), false}});
}
ncclResult_t ncclAllGather(const void* from, void* to, std::size_t n, ncclDataType_t type,
                           ncclComm_t communicator, cudaStream_t stream) {
  return add_call(communicator, stream,
                  {Operation::Kind::gather, 0, {from, to, n * size_of(type), false}});
}

}  // extern "C"
