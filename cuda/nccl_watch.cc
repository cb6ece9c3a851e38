// SPDX-License-Identifier: Apache-2.0
#include "nccl_watch.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "cuda_error.h"
#include "nccl_error.h"

namespace isoflop {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{100};
// A closed connection shows in NCCL and in the host communicator at about the same time.
constexpr std::chrono::seconds kHostMayKnowMore{1};
constexpr std::chrono::seconds kIssueTakes{1};

}  // namespace

NcclWatch::NcclWatch(Communicator& host, int device)
    : host_(host), device_(device), thread_([this] { watch(); }) {}

NcclWatch::~NcclWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

ncclComm_t NcclWatch::make(const Make& make) {
  const ncclComm_t communicator = run(make);
  if (communicator == nullptr) return nullptr;
  const std::lock_guard lock(mutex_);
  communicators_.push_back(communicator);
  return communicator;
}

void NcclWatch::close(ncclComm_t communicator, bool abort) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(communicators_, communicator) == 0) return;  // aborted and gone
  }
  try {
    if (abort) {
      (void)ncclCommAbort(communicator);
    } else {
      (void)run([communicator]() -> ncclComm_t {
        (void)ncclCommDestroy(communicator);
        return nullptr;
      });
    }
  } catch (...) {  // a rank was lost in the meantime: what is left of the communicator stays
  }
}

void NcclWatch::issue(const std::function<void()>& operations) {
  const std::lock_guard issuing(issuing_);
  check();
  ISOFLOP_NCCL(ncclGroupStart());
  try {
    operations();
  } catch (...) {
    (void)ncclGroupEnd();
    throw;
  }
  ISOFLOP_NCCL(ncclGroupEnd());
}

void NcclWatch::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void NcclWatch::watch() {
  (void)cudaSetDevice(device_);
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBetweenLooks, [&] { return stopped_; })) {
    lock.unlock();
    if (std::exception_ptr failure = look()) return give_up(std::move(failure));
    lock.lock();
  }
}

std::exception_ptr NcclWatch::look() {
  if (std::exception_ptr failure = ask_host()) return failure;
  const ncclResult_t status = ask_nccl();
  if (status == ncclSuccess) return nullptr;
  const auto until = std::chrono::steady_clock::now() + kHostMayKnowMore;
  while (std::chrono::steady_clock::now() < until) {
    if (std::exception_ptr failure = ask_host()) return failure;
    std::this_thread::sleep_for(kBetweenLooks / 10);
  }
  const char* words = ncclGetLastError(nullptr);
  const Error error(ErrorCode::device, "NCCL on device " + std::to_string(device_) +
                                           " reports: " + ncclGetErrorString(status) + ": " +
                                           (words != nullptr ? words : ""));
  host_.fail(error);
  return std::make_exception_ptr(error);
}

std::exception_ptr NcclWatch::ask_host() {
  try {
    host_.check();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

ncclResult_t NcclWatch::ask_nccl() {
  const std::lock_guard lock(mutex_);
  for (ncclComm_t communicator : communicators_) {
    ncclResult_t status = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(communicator, &status);
    if (asked != ncclSuccess) return asked;
    if (status != ncclSuccess && status != ncclInProgress) return status;
  }
  return ncclSuccess;
}

// A rank's thread that is inside of NCCL leaves it at once, or it waits there, making its first
// connection to the lost rank: then aborting is what lets it go. All communicators at a time: each
// call returns when no graph refers to its communicator any more, and the rank's thread, which
// holds the graphs, may be waiting for kernels of another.
void NcclWatch::give_up(std::exception_ptr failure) {
  std::vector<ncclComm_t> communicators;
  {
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    communicators = std::exchange(communicators_, {});
  }
  const std::unique_lock issuing(issuing_, kIssueTakes);
  std::vector<std::jthread> aborts;
  aborts.reserve(communicators.size());
  for (ncclComm_t communicator : communicators) {
    aborts.emplace_back([this, communicator] {
      (void)cudaSetDevice(device_);
      (void)ncclCommAbort(communicator);
    });
  }
}

ncclComm_t NcclWatch::run(const Make& call) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable over;
    bool is_over = false;
    ncclComm_t communicator = nullptr;
    std::exception_ptr failure;
  };
  const auto outcome = std::make_shared<Outcome>();
  std::thread([outcome, call, device = device_] {
    ncclComm_t communicator = nullptr;
    std::exception_ptr failure;
    try {
      ISOFLOP_CUDA(cudaSetDevice(device));
      communicator = call();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(outcome->mutex);
    outcome->communicator = communicator;
    outcome->failure = std::move(failure);
    outcome->is_over = true;
    outcome->over.notify_all();
  }).detach();
  std::unique_lock lock(outcome->mutex);
  while (!outcome->over.wait_for(lock, kBetweenLooks, [&] { return outcome->is_over; })) check();
  if (outcome->failure) std::rethrow_exception(outcome->failure);
  return outcome->communicator;
}

}  // namespace isoflop
