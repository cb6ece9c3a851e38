// SPDX-License-Identifier: Apache-2.0
// Groups of sends, receives and gathers, each a piece of work on a stream.
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>

#include "emulated_device.h"
#include "nccl_ranks.h"

namespace isoflop::emulation {
namespace {

struct Operation {
  enum class Kind { send, receive, gather } kind{};
  int peer = 0;
  Transfer transfer;
};

thread_local int group_depth = 0;
struct Call {
  ncclComm* communicator;
  cudaStream_t stream;
  Operation operation;
};
thread_local std::vector<Call> calls;

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
    if (nccl_state().hanging.contains(communicator_->device)) return Progress::not_ready;
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
        stream,
        GroupWork(nccl_state().communicators.at(communicator), operations, is_captured(stream)));
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

}  // namespace
}  // namespace isoflop::emulation

using namespace isoflop::emulation;  // NOLINT: of this one file

extern "C" {

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
