// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/socket_communicator.h"

#include <atomic>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "train/ranks/rank_hub.h"
#include "train/ranks/rank_link.h"
#include "train/ranks/rendezvous.h"
#include "train/ranks/solo_communicator.h"
#include "train/ranks/thread_communicator.h"

namespace isoflop {
namespace {

template <class T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
template <class T>
T value_of(std::string_view bytes) {
  T value{};
  ISOFLOP_CHECK(bytes.size() == sizeof value, "ranks agree on what they exchange");
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// Rows that one rank holds: where they belong, then what is in them.
std::string pack(std::span<const Range> ranges, std::int64_t row_bytes, const char* rows) {
  MessageWriter message;
  message.number(static_cast<std::int64_t>(ranges.size()));
  for (const Range range : ranges) {
    message.number(range.begin).number(range.end);
    message.text(
        {rows + range.begin * row_bytes, static_cast<std::size_t>(range.size() * row_bytes)});
  }
  return message.bytes();
}
void unpack(std::string_view bytes, std::int64_t row_bytes, std::int64_t n_rows, char* rows) {
  MessageReader message(bytes);
  for (std::int64_t n = message.number(); n > 0; --n) {
    const Range range{message.number(), message.number()};
    const std::string_view content = message.text();
    ISOFLOP_CHECK(0 <= range.begin && range.end <= n_rows &&
                      static_cast<std::int64_t>(content.size()) == range.size() * row_bytes,
                  "ranks agree on the shape of what they gather");
    std::memcpy(rows + range.begin * row_bytes, content.data(), content.size());
  }
}

class SocketCommunicator final : public Communicator {
 public:
  SocketCommunicator(RankLink& link, std::string group, int rank, int size)
      : link_(link), group_(std::move(group)), rank_(rank), size_(size) {}

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  void barrier() override { (void)exchange("barrier", {}); }
  void check() override { link_.check(); }
  void fail(const Error& error) override { link_.fail(error.code(), error.what()); }

  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override {
    int rank = 0, n = 0;
    const std::vector<std::string> all = exchange("split", bytes_of(color));
    for (int other = 0; other < size_; ++other) {
      if (value_of<int>(all[static_cast<std::size_t>(other)]) != color) continue;
      rank += other < rank_ ? 1 : 0;
      ++n;
    }
    std::string part = group_ + "/" + std::to_string(n_splits_++) + ":" + std::to_string(color);
    if (n == 1) return std::make_unique<SoloCommunicator>();
    return std::make_unique<SocketCommunicator>(link_, std::move(part), rank, n);
  }

  [[nodiscard]] double sum(double value) override {
    double total = 0;
    for (const std::string& term : exchange("sum", bytes_of(value))) {
      total += value_of<double>(term);
    }
    return total;
  }

  void all_gather(std::span<double> values, std::span<const Range> mine) override {
    constexpr std::int64_t kRow = sizeof(double);
    char* const rows = reinterpret_cast<char*>(values.data());
    for (const std::string& part : exchange("all_gather", pack(mine, kRow, rows))) {
      unpack(part, kRow, static_cast<std::int64_t>(values.size()), rows);
    }
  }

  void all_gather(Backend& backend, Tensor values, std::span<const Range> mine) override {
    const std::int64_t row_bytes = values.cols * size_of(values.dtype);
    std::string rows = to_host(backend, values);
    for (const std::string& part :
         exchange("all_gather of tensors", pack(mine, row_bytes, rows.data()))) {
      unpack(part, row_bytes, values.rows, rows.data());
    }
    backend.upload(values.data, rows.data(), values.rows * row_bytes);
  }

  void start_reduce_scatter(Backend&, std::span<const Tensor> contributions,
                            std::span<const Range> mine) override {
    started_.push_back({contributions, mine});
  }
  void finish_reduce_scatters(Backend& backend) override {
    for (const Started& reduction : started_) reduce(backend, reduction);
    started_.clear();
    barrier();
  }

 private:
  struct Started {
    std::span<const Tensor> contributions;
    std::span<const Range> mine;
  };

  std::vector<std::string> exchange(std::string_view what, std::string_view content) {
    return link_.exchange(group_, rank_, size_, what, content);
  }

  static std::string to_host(Backend& backend, Tensor tensor) {
    std::string bytes(static_cast<std::size_t>(tensor.size() * size_of(tensor.dtype)), '\0');
    backend.download(bytes.data(), tensor.data, static_cast<std::int64_t>(bytes.size()));
    return bytes;
  }

  void reduce(Backend& backend, const Started& reduction) {
    MessageWriter mine;
    mine.number(static_cast<std::int64_t>(reduction.contributions.size()));
    for (const Tensor& tensor : reduction.contributions) mine.text(to_host(backend, tensor));
    const Tensor target = reduction.contributions.front();
    const std::int64_t n_bytes = target.size() * size_of(target.dtype);
    std::vector<std::unique_ptr<Buffer>> memory;
    std::vector<Tensor> terms;
    for (const std::string& rank : exchange("reduce_scatter", mine.bytes())) {
      MessageReader message(rank);
      for (std::int64_t n = message.number(); n > 0; --n) {
        const std::string_view content = message.text();
        ISOFLOP_CHECK(static_cast<std::int64_t>(content.size()) == n_bytes,
                      "ranks agree on the shape of what they add up");
        terms.push_back(target);
        terms.back().data = memory.emplace_back(backend.allocate(n_bytes))->data();
        backend.upload(terms.back().data, content.data(), n_bytes);
      }
    }
    std::vector<Tensor> slices(terms.size());
    for (const Range range : reduction.mine) {
      for (std::size_t i = 0; i < terms.size(); ++i) {
        slices[i] = terms[i].slice(range.begin, range.size());
      }
      backend.sum(slices, target.slice(range.begin, range.size()));
    }
    backend.synchronize();
  }

  RankLink& link_;
  std::string group_;
  int rank_, size_, n_splits_ = 0;
  std::vector<Started> started_;
};

/// What went wrong in this process: its own failures before those it was told of.
class Failures {
 public:
  void keep(std::exception_ptr failure, bool own) {
    const std::lock_guard lock(mutex_);
    std::exception_ptr& slot = own ? own_ : told_;
    if (!slot) slot = std::move(failure);
  }
  void rethrow() const {
    if (own_) std::rethrow_exception(own_);
    if (told_) std::rethrow_exception(told_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr own_, told_;
};

/// Code and message of the exception that is being handled.
Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorCode::internal, error.what()};
  } catch (...) {
    return {ErrorCode::internal, "an exception of unknown type"};
  }
}

class ProcessRanks {
 public:
  ProcessRanks(const LaunchEnvironment& environment, int n_local_ranks, const RankTiming& timing,
               const MeetingWatch& watch)
      : environment_(environment),
        n_local_(n_local_ranks),
        n_ranks_(environment.n_processes * n_local_ranks),
        timing_(timing),
        watch_(watch),
        quiet_watch_{{}, watch.stop} {
    if (environment.process != 0) return;
    meeting_ = std::make_unique<OpenMeeting>(environment);
    hub_ = std::make_unique<RankHub>(meeting_->take_listener(), meeting_->point().word,
                                     to_text(meeting_->point().place), n_ranks_, timing, watch_);
  }

  void run(const std::function<void(Communicator&)>& body) {
    std::vector<std::jthread> threads;
    try {
      for (int i = 1; i < n_local_; ++i) {
        threads.emplace_back([this, &body, i] { run_rank(i, body); });
      }
    } catch (...) {
      fail(nullptr);
    }
    run_rank(0, body);
    threads.clear();
    if (hub_ && was_stopped_) hub_->close();
    hub_.reset();
    failures_.rethrow();
  }

 private:
  void run_rank(int local, const std::function<void(Communicator&)>& body) {
    const int rank = environment_.process * n_local_ + local;
    const auto find = [this] {
      return meeting_ ? std::optional(meeting_->point()) : find_meeting(environment_);
    };
    std::unique_ptr<RankLink> link;
    try {
      link = std::make_unique<RankLink>(find, rank, n_ranks_, timing_,
                                        local == 0 ? watch_ : quiet_watch_);
      SocketCommunicator world(*link, "world", rank, n_ranks_);
      body(world);
    } catch (const OtherRankFailed&) {
      failures_.keep(std::current_exception(), /*own=*/false);
    } catch (const StoppedWaiting&) {
      was_stopped_ = true;
      fail(link.get());
    } catch (...) {
      fail(link.get());
    }
  }

  /// What is being handled ends the job.
  void fail(RankLink* link) {
    failures_.keep(std::current_exception(), /*own=*/true);
    const Error error = current_error();
    if (link != nullptr) {
      link->fail(error.code(), error.what());
    } else if (hub_) {
      hub_->fail(error.code(), error.what());
    }
  }

  const LaunchEnvironment& environment_;
  const int n_local_, n_ranks_;
  const RankTiming timing_;
  const MeetingWatch& watch_;
  const MeetingWatch quiet_watch_;  // of all ranks but the first: one word for a process is enough
  Failures failures_;
  std::atomic<bool> was_stopped_ = false;
  std::unique_ptr<OpenMeeting> meeting_;
  std::unique_ptr<RankHub> hub_;
};

}  // namespace

void run_process_ranks(const LaunchEnvironment& environment, int n_local_ranks,
                       const std::function<void(Communicator&)>& body, const RankTiming& timing,
                       const MeetingWatch& watch) {
  if (environment.n_processes == 1) return run_ranks(n_local_ranks, body);
  ProcessRanks(environment, n_local_ranks, timing, watch).run(body);
}

}  // namespace isoflop
