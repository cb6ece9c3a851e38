// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "train/ranks/meeting_watch.h"
#include "train/ranks/rank_messages.h"
#include "train/ranks/tcp_socket.h"

namespace isoflop {

/// What all ranks of a job are connected to, in the process of rank 0: a thread that passes on what
/// the members of a group give, and tells all ranks when one of them fails or is lost. Strangers,
/// and ranks of other jobs, are refused.
class RankHub {
 public:
  /// `where` the ranks meet, for what it tells the watch.
  RankHub(Descriptor listener, std::string word, std::string where, int n_ranks,
          const RankTiming& timing, const MeetingWatch& watch);
  /// Returns when all ranks have left, or have been told of a failure.
  ~RankHub();

  /// Rank 0's process is to end: those that are here are told of the failure, which there must be,
  /// those that come late find nobody.
  void close();
  /// Ends the job, from outside.
  void fail(ErrorCode code, const std::string& message);

 private:
  using Clock = std::chrono::steady_clock;
  struct Guest {
    explicit Guest(Descriptor socket) : connection(std::move(socket)) {}
    FramedConnection connection;
    int rank = -1;  // until it has introduced itself
    bool dismissed = false;
    std::uint64_t n_heard = 0;
    Clock::time_point heard = Clock::now();
  };
  enum class Presence { expected, present, gone };
  struct Member {
    std::string who;
    Presence presence = Presence::expected;
    bool waits = false;
  };
  /// What the members of a group have given so far.
  struct Round {
    std::string what;
    int first_rank = 0;
    std::vector<std::string> given;
    std::vector<int> ranks;  // -1: has not given
    std::size_t n_given = 0;
  };

  void serve();
  [[nodiscard]] bool finished() const;
  void wait_for_events();
  void accept_guests();
  void attend(Guest& guest);
  void handle(Guest& guest, const RankFrame& frame);
  void admit(Guest& guest, MessageReader hello);
  void refuse(Guest& guest, bool for_good, const std::string& why);
  void take_part(Guest& guest, MessageReader message);
  void complete(const std::string& group);
  void end_of(Guest& guest);
  void look_for_deadlock();
  void look_for_silence();
  void look_for_late();
  [[nodiscard]] std::string missing_ranks() const;
  void send_heartbeats();
  void spread(ErrorCode code, const std::string& message);
  [[nodiscard]] int count(Presence presence) const;
  [[nodiscard]] std::string name_of(int rank) const;

  Descriptor listener_;
  const std::string word_, where_;
  const RankTiming timing_;
  Waiting waiting_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::vector<Member> members_;
  std::map<std::string, Round> rounds_;
  std::string failure_;  // as it was spread; empty while all is well
  Clock::time_point opened_ = Clock::now(), failed_, heartbeat_, looked_ = Clock::now();
  std::mutex mutex_;
  std::unique_ptr<Error> ordered_;  // fail() was called
  bool closing_ = false;            // close() was called
  std::jthread thread_;
};

}  // namespace isoflop
