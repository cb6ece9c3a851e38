// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <nccl.h>

#include "train/contract/communicator.h"

namespace isoflop {

/// Looks after one rank's NCCL communicators. Where a rank is lost, the kernels of the others wait
/// on their devices for ever, and so does the host that waits for these: only ncclCommAbort() from
/// another thread ends that. That thread asks NCCL and the host communicator every 100 ms; what the
/// latter knows, the name of the lost rank above all, is preferred.
class NcclWatch {
 public:
  NcclWatch(Communicator& host, int device);
  ~NcclWatch();
  NcclWatch(const NcclWatch&) = delete;
  NcclWatch& operator=(const NcclWatch&) = delete;

  /// What makes a communicator, or null, and throws where NCCL fails.
  using Make = std::function<ncclComm_t()>;
  /// Calls `make`, in which all ranks wait for each other and which nothing can end: should a rank
  /// be lost, the thread that is in it is left behind. `make` refers to nothing that could go.
  [[nodiscard]] ncclComm_t make(const Make& make);
  /// Its end. Aborted already, or with `abort`, without waiting for the other ranks.
  void close(ncclComm_t communicator, bool abort) noexcept;

  /// `operations`, NCCL calls of this rank's thread, as one group, or the failure.
  void issue(const std::function<void()>& operations);
  /// Throws once something has failed.
  void check();

 private:
  void watch();
  [[nodiscard]] std::exception_ptr look();
  [[nodiscard]] std::exception_ptr ask_host();
  [[nodiscard]] ncclResult_t ask_nccl();
  void give_up(std::exception_ptr failure);
  ncclComm_t run(const Make& call);

  Communicator& host_;
  const int device_;
  std::timed_mutex issuing_;  // NCCL is called, or what it is called with is freed
  std::mutex mutex_;          // of what follows
  std::condition_variable changed_;
  std::vector<ncclComm_t> communicators_;
  std::exception_ptr failure_;
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace isoflop
