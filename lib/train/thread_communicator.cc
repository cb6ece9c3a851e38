// SPDX-License-Identifier: Apache-2.0
#include "train/thread_communicator.h"

#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "train/solo_communicator.h"

namespace isoflop {
namespace {

/// Thrown in the ranks that wait for one that has failed.
struct OtherRankFailed {};

/// What one rank shows the others during a collective call.
struct Posted {
  std::span<double> values = {};
  Tensor tensor = {};
  std::span<const Tensor> contributions = {};
  Range range = {};
};

class Group {
 public:
  explicit Group(int size) : posted_(static_cast<std::size_t>(size)) {}

  void barrier() {
    std::unique_lock lock(mutex_);
    if (failure_) throw OtherRankFailed{};
    const std::int64_t round = round_;
    if (++n_waiting_ == static_cast<std::int64_t>(posted_.size())) {
      n_waiting_ = 0;
      ++round_;
      all_here_.notify_all();
      return;
    }
    all_here_.wait(lock, [&] { return round_ != round || failure_; });
    if (round_ == round) throw OtherRankFailed{};
  }

  void fail(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    all_here_.notify_all();
  }

  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  [[nodiscard]] std::vector<Posted>& posted() { return posted_; }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::int64_t n_waiting_ = 0, round_ = 0;
  std::exception_ptr failure_;
  std::vector<Posted> posted_;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Group& group, int rank) : group_(group), rank_(rank) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(group_.posted().size()); }
  void barrier() override { group_.barrier(); }

  void all_gather(std::span<double> values, Range mine) override {
    post({.values = values, .range = mine});
    for (const Posted& other : group_.posted()) {
      if (other.values.data() == values.data()) continue;
      std::copy(other.values.begin() + other.range.begin, other.values.begin() + other.range.end,
                values.begin() + other.range.begin);
    }
    barrier();
  }

  void all_gather(Backend& backend, Tensor values, Range mine) override {
    backend.synchronize();
    post({.tensor = values, .range = mine});
    for (const Posted& other : group_.posted()) {
      if (other.tensor.data == values.data || other.range.size() == 0) continue;
      const Tensor from = other.tensor.slice(other.range.begin, other.range.size());
      backend.upload(values.slice(other.range.begin, other.range.size()).data, from.data,
                     from.size() * size_of(from.dtype));
    }
    backend.synchronize();
    barrier();
  }

  // The first contribution of rank 0 becomes the sum: each element has one owner, who alone writes
  // it, so that nothing is copied.
  [[nodiscard]] Tensor reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                                      Range mine) override {
    backend.synchronize();
    post({.contributions = contributions, .range = mine});
    const Tensor first = group_.posted().front().contributions.front();
    const Tensor sum = first.slice(mine.begin, mine.size());
    for (const Posted& rank : group_.posted()) {
      for (const Tensor& other : rank.contributions) {
        if (other.data == first.data) continue;
        const std::array<Tensor, 2> both{sum, other.slice(mine.begin, mine.size())};
        backend.sum(both, sum);
      }
    }
    backend.synchronize();
    barrier();
    return sum;
  }

 private:
  // A second barrier, after the reading, ends every collective call: only then may a rank post
  // anew.
  void post(const Posted& mine) {
    group_.posted()[static_cast<std::size_t>(rank_)] = mine;
    barrier();
  }

  Group& group_;
  int rank_;
};

}  // namespace

void run_ranks(int n_ranks, const std::function<void(Communicator&)>& body) {
  if (n_ranks == 1) {
    SoloCommunicator solo;
    body(solo);
    return;
  }
  Group group(n_ranks);
  const auto run = [&](int rank) {
    try {
      ThreadCommunicator communicator(group, rank);
      body(communicator);
    } catch (const OtherRankFailed&) {
    } catch (...) {
      group.fail(std::current_exception());
    }
  };
  std::vector<std::jthread> threads;
  try {
    for (int rank = 1; rank < n_ranks; ++rank) threads.emplace_back(run, rank);
  } catch (...) {
    group.fail(std::current_exception());
  }
  run(0);
  threads.clear();
  group.rethrow_failure();
}

}  // namespace isoflop
