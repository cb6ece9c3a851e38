// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_store.h"

#include <chrono>
#include <csignal>
#include <utility>

#include <pthread.h>

#include "isoflop/error.h"
#include "train/network/parameters.h"

namespace isoflop {
namespace {

/// A file beyond the limit on its size is then an error of write() in this thread, not the end of
/// the process.
void block_file_size_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGXFSZ);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

CheckpointStore::CheckpointStore(std::filesystem::path folder, std::string identity,
                                 const ModelShape& shape)
    : folder_(std::move(folder), {std::move(identity), shape}),
      arena_size_(static_cast<std::size_t>(ParameterLayout(shape).size())) {}

CheckpointStore::~CheckpointStore() {
  if (write_.valid()) write_.wait();
}

bool CheckpointStore::is_writing() const {
  return write_.valid() && write_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
}

Snapshot CheckpointStore::take_buffer() {
  finish();
  for (std::vector<float>* arena :
       {&snapshot_.weights, &snapshot_.first_moment, &snapshot_.second_moment}) {
    arena->resize(arena_size_);
  }
  return std::exchange(snapshot_, {});
}

void CheckpointStore::save(Snapshot&& snapshot) {
  for (const std::vector<float>* arena :
       {&snapshot.weights, &snapshot.first_moment, &snapshot.second_moment}) {
    ISOFLOP_CHECK(arena->size() == arena_size_, "a snapshot of another layout");
  }
  finish();
  snapshot_ = std::move(snapshot);
  write_ = std::async(std::launch::async, [this] {
    block_file_size_signal();
    folder_.write(snapshot_);
  });
}

void CheckpointStore::finish() {
  if (write_.valid()) write_.get();
}

std::optional<Snapshot> CheckpointStore::load_newest(std::int64_t max_step,
                                                     std::vector<std::string>& refused) {
  if (write_.valid()) write_.wait();
  return folder_.load_newest(max_step, refused);
}

}  // namespace isoflop
