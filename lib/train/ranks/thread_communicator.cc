// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/thread_communicator.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "train/ranks/solo_communicator.h"

namespace isoflop {
namespace {

/// Thrown in the ranks that wait for one that has failed.
struct OtherThreadFailed {};

/// What all groups of one run wait on, so that a failure reaches every one of them.
struct Family {
  std::mutex mutex;
  std::condition_variable changed;
  std::exception_ptr failure;

  /// Holds `lock` again when `arrived()`. Ranks mostly wait for less than it takes to wake a thread
  /// that sleeps, so that waiting begins with looking again some hundred microseconds long.
  template <class Arrived>
  void wait(std::unique_lock<std::mutex>& lock, Arrived arrived) {
    constexpr int kLooks = 400;
    for (int i = 0; i < kLooks && !arrived() && !failure; ++i) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    changed.wait(lock, [&] { return arrived() || failure; });
    if (!arrived()) throw OtherThreadFailed{};
  }
  void fail(std::exception_ptr what) {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::move(what);
    changed.notify_all();
  }
};

/// What one rank shows the others during a collective call.
struct Posted {
  std::span<double> values = {};
  Tensor tensor = {};
  std::span<const Tensor> contributions = {};
  std::span<const Range> ranges = {};
  int color = 0;
  std::shared_ptr<class Group> group = nullptr;
};

/// One reduction that has been started by some ranks.
struct Reduction {
  std::vector<std::span<const Tensor>> contributions;
  std::size_t n_posted = 0;
};

class Group {
 public:
  Group(std::shared_ptr<Family> family, int size)
      : family_(std::move(family)), posted_(static_cast<std::size_t>(size)) {}

  void barrier() {
    std::unique_lock lock(family_->mutex);
    if (family_->failure) throw OtherThreadFailed{};
    const std::int64_t round = round_;
    if (++n_waiting_ == posted_.size()) {
      n_waiting_ = 0;
      ++round_;
      for (Reduction& reduction : reductions_) reduction.n_posted = 0;
      family_->changed.notify_all();
      return;
    }
    family_->wait(lock, [&] { return round_ != round; });
  }

  void check() {
    const std::lock_guard lock(family_->mutex);
    if (family_->failure) throw OtherThreadFailed{};
  }

  void post_reduction(std::size_t number, int rank, std::span<const Tensor> contributions) {
    const std::lock_guard lock(family_->mutex);
    if (number == reductions_.size())
      reductions_.emplace_back().contributions.resize(posted_.size());
    Reduction& reduction = reductions_[number];
    reduction.contributions[static_cast<std::size_t>(rank)] = contributions;
    if (++reduction.n_posted == posted_.size()) family_->changed.notify_all();
  }
  /// Reduction `number` once all ranks have posted; null where they have not and `wait` is false.
  const Reduction* posted_by_all(std::size_t number, bool wait) {
    std::unique_lock lock(family_->mutex);
    const auto complete = [&] {
      return number < reductions_.size() && reductions_[number].n_posted == posted_.size();
    };
    if (wait) family_->wait(lock, complete);
    return complete() ? &reductions_[number] : nullptr;
  }

  [[nodiscard]] std::vector<Posted>& posted() { return posted_; }
  [[nodiscard]] const std::shared_ptr<Family>& family() const { return family_; }

 private:
  std::shared_ptr<Family> family_;
  std::size_t n_waiting_ = 0;
  std::int64_t round_ = 0;
  std::vector<Posted> posted_;
  std::deque<Reduction> reductions_;
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(std::shared_ptr<Group> group, int rank)
      : group_(std::move(group)), rank_(rank) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(group_->posted().size()); }
  void barrier() override { group_->barrier(); }

  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override {
    post({.color = color});
    int rank = 0, n = 0, leader = -1;
    for (int other = 0; other < size(); ++other) {
      if (posted(other).color != color) continue;
      if (leader < 0) leader = other;
      rank += other < rank_ ? 1 : 0;
      ++n;
    }
    if (leader == rank_) posted(rank_).group = std::make_shared<Group>(group_->family(), n);
    barrier();
    std::shared_ptr<Group> part = posted(leader).group;
    barrier();
    if (n == 1) return std::make_unique<SoloCommunicator>();
    return std::make_unique<ThreadCommunicator>(std::move(part), rank);
  }

  [[nodiscard]] double sum(double value) override {
    post({.values = {&value, 1}});
    double total = 0;
    for (const Posted& rank : group_->posted()) total += rank.values.front();
    barrier();
    return total;
  }

  void all_gather(std::span<double> values, std::span<const Range> mine) override {
    post({.values = values, .ranges = mine});
    for (const Posted& other : group_->posted()) {
      if (other.values.data() == values.data()) continue;
      for (const Range range : other.ranges) {
        std::copy(other.values.begin() + range.begin, other.values.begin() + range.end,
                  values.begin() + range.begin);
      }
    }
    barrier();
  }

  void all_gather(Backend& backend, Tensor values, std::span<const Range> mine) override {
    backend.synchronize();
    post({.tensor = values, .ranges = mine});
    for (const Posted& other : group_->posted()) {
      if (other.tensor.data == values.data) continue;
      for (const Range range : other.ranges) {
        const Tensor from = other.tensor.slice(range.begin, range.size());
        backend.copy(from, values.slice(range.begin, range.size()));
      }
    }
    backend.synchronize();
    barrier();
  }

  // Each element has one owner, who alone reads it from all contributions and writes it into its
  // own: nothing is copied, and whatever all ranks have posted is summed at the next occasion.
  void start_reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                            std::span<const Range> mine) override {
    backend.synchronize();
    group_->post_reduction(started_.size(), rank_, contributions);
    started_.push_back({contributions.front(), mine});
    sum_posted(backend, /*wait=*/false);
  }
  void finish_reduce_scatters(Backend& backend) override {
    sum_posted(backend, /*wait=*/true);
    started_.clear();
    n_summed_ = 0;
    backend.synchronize();
    barrier();
  }
  void check() override { group_->check(); }
  void fail(const Error& error) override { group_->family()->fail(std::make_exception_ptr(error)); }

 private:
  struct Started {
    Tensor target;
    std::span<const Range> mine;
  };

  Posted& posted(int rank) { return group_->posted()[static_cast<std::size_t>(rank)]; }

  // A second barrier, after the reading, ends every collective call: only then may a rank post
  // anew.
  void post(const Posted& mine) {
    posted(rank_) = mine;
    barrier();
  }

  void sum_posted(Backend& backend, bool wait) {
    for (; n_summed_ < started_.size(); ++n_summed_) {
      const Reduction* reduction = group_->posted_by_all(n_summed_, wait);
      if (reduction == nullptr) return;
      for (const Range range : started_[n_summed_].mine) {
        slices_.clear();
        for (const std::span<const Tensor> rank : reduction->contributions)
          for (const Tensor& tensor : rank)
            slices_.push_back(tensor.slice(range.begin, range.size()));
        backend.sum(slices_, started_[n_summed_].target.slice(range.begin, range.size()));
      }
    }
  }

  std::shared_ptr<Group> group_;
  int rank_;
  std::vector<Started> started_;
  std::size_t n_summed_ = 0;
  std::vector<Tensor> slices_;
};

}  // namespace

void run_ranks(int n_ranks, const std::function<void(Communicator&)>& body) {
  if (n_ranks == 1) {
    SoloCommunicator solo;
    body(solo);
    return;
  }
  const auto family = std::make_shared<Family>();
  const auto group = std::make_shared<Group>(family, n_ranks);
  const auto run = [&](int rank) {
    try {
      ThreadCommunicator communicator(group, rank);
      body(communicator);
    } catch (const OtherThreadFailed&) {
    } catch (...) {
      family->fail(std::current_exception());
    }
  };
  std::vector<std::jthread> threads;
  try {
    for (int rank = 1; rank < n_ranks; ++rank) threads.emplace_back(run, rank);
  } catch (...) {
    family->fail(std::current_exception());
  }
  run(0);
  threads.clear();
  if (family->failure) std::rethrow_exception(family->failure);
}

}  // namespace isoflop
