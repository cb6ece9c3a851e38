// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "train/ranks/meeting_watch.h"
#include "train/ranks/rank_messages.h"
#include "train/ranks/rendezvous.h"

namespace isoflop {

/// Thrown in the ranks that depend on one that has failed.
class OtherRankFailed : public Error {
 public:
  using Error::Error;
};

/// One rank's connection to the hub, with a thread that listens and gives signs of life while the
/// rank computes.
class RankLink {
 public:
  /// Looks for the hub until it is found, or throws Error(unavailable), or StoppedWaiting.
  RankLink(const std::function<std::optional<MeetingPoint>()>& find, int rank, int n_ranks,
           const RankTiming& timing, const MeetingWatch& watch);
  /// Leaves: the hub knows that nothing is wrong.
  ~RankLink();

  /// What each of the `n` members of `group` gives, in their order; this rank is number `index`
  /// and does `what`, as all others must. The first time, when others may not have come yet, it may
  /// throw StoppedWaiting.
  [[nodiscard]] std::vector<std::string> exchange(const std::string& group, int index, int n,
                                                  std::string_view what, std::string_view content);
  /// Tells all other ranks, and this one.
  void fail(ErrorCode code, const std::string& message);
  void check();

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] bool introduce(const MeetingPoint& point, int rank, int n_ranks,
                               const std::function<void()>& meanwhile, std::string& problem);
  void wait_for_others(std::unique_lock<std::mutex>& lock);
  void listen();
  void handle(const RankFrame& frame);
  void look_after_hub(Clock::time_point now);
  void lose_hub(const std::string& problem);
  void post(RankMessage kind, const MessageWriter& message);
  void wake();

  const RankTiming timing_;
  const MeetingWatch& watch_;
  const std::string name_;
  bool has_met_ = false;  // all others
  std::string hub_process_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<FramedConnection> connection_;
  std::optional<std::string> gathered_;
  std::optional<OtherRankFailed> failure_;
  bool leaving_ = false, ended_ = false;
  std::uint64_t n_heard_ = 0;
  Clock::time_point heard_ = Clock::now(), spoke_ = heard_, looked_ = heard_;
  Descriptor wake_;
  std::jthread thread_;
};

}  // namespace isoflop
