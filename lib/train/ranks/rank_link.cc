// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/rank_link.h"

#include <algorithm>
#include <array>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr std::chrono::milliseconds kBetweenAttempts{50};

/// The next frame within `patience`.
std::optional<RankFrame> wait_for_frame(FramedConnection& connection,
                                        std::chrono::milliseconds patience,
                                        const std::function<void()>& meanwhile) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    meanwhile();
    const bool open = connection.transfer();
    if (std::optional<RankFrame> frame = connection.take()) return frame;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until - std::chrono::steady_clock::now());
    if (!open || left.count() <= 0) return std::nullopt;
    const bool sends = connection.must_send();
    pollfd event{connection.descriptor(), static_cast<short>(POLLIN | (sends ? POLLOUT : 0)), 0};
    (void)::poll(&event, 1, static_cast<int>(std::min(left, kBetweenAttempts).count()));
  }
}

}  // namespace

RankLink::RankLink(const std::function<std::optional<MeetingPoint>()>& find, int rank, int n_ranks,
                   const RankTiming& timing, const MeetingWatch& watch)
    : timing_(timing),
      watch_(watch),
      name_("rank " + std::to_string(rank) + " (" + this_process() + ")"),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  std::string problem = "rank 0 has not said where it is";
  const auto until = Clock::now() + timing.meeting;
  Waiting waiting(watch);
  for (;;) {
    const std::optional<MeetingPoint> point = find();
    const std::string target = point ? "rank 0 at " + to_text(point->place) : "rank 0";
    const auto meanwhile = [&] {
      if (waiting.is_stopped()) {
        throw StoppedWaiting(name_ + " was stopped while it waited for " + target);
      }
      waiting.tell(name_ + " waits for " + target + ": " + problem);
    };
    meanwhile();
    if (point && introduce(*point, rank, n_ranks, meanwhile, problem)) break;
    if (Clock::now() > until) {
      throw Error(ErrorCode::unavailable, name_ + " cannot reach " + target + ": " + problem);
    }
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  thread_ = std::jthread([this] { listen(); });
}

// The hub closes the connection as its answer: closing first could cost it what was said last.
RankLink::~RankLink() {
  std::unique_lock lock(mutex_);
  leaving_ = true;
  if (!ended_) post(RankMessage::leaving, {});
  changed_.wait_for(lock, timing_.lost_after, [&] { return ended_; });
  ended_ = true;
  lock.unlock();
  wake();
}

bool RankLink::introduce(const MeetingPoint& point, int rank, int n_ranks,
                         const std::function<void()>& meanwhile, std::string& problem) {
  std::string refused;
  Descriptor socket = connect_to(point.place, timing_.lost_after, refused, meanwhile);
  if (!socket.is_open()) {
    problem = refused;
    return false;
  }
  FramedConnection connection(std::move(socket));
  connection.post(static_cast<int>(RankMessage::hello), MessageWriter()
                                                            .text(kRankProtocol)
                                                            .text(point.word)
                                                            .number(rank)
                                                            .number(n_ranks)
                                                            .text(this_process())
                                                            .bytes());
  const std::optional<RankFrame> answer = wait_for_frame(connection, timing_.lost_after, meanwhile);
  problem = answer ? "something else answers there" : "nobody answers there";
  if (!answer) return false;
  MessageReader message(answer->content);
  if (answer->kind == static_cast<int>(RankMessage::refusal)) {
    const bool for_good = message.number() != 0;
    problem = message.text();
    if (for_good) throw OtherRankFailed(ErrorCode::device, problem);
    return false;
  }
  if (answer->kind != static_cast<int>(RankMessage::welcome)) return false;
  hub_process_ = message.text();
  connection_.emplace(std::move(connection));
  heard_ = spoke_ = looked_ = Clock::now();
  return true;
}

std::vector<std::string> RankLink::exchange(const std::string& group, int index, int n,
                                            std::string_view what, std::string_view content) {
  std::unique_lock lock(mutex_);
  if (failure_) throw *failure_;
  post(RankMessage::exchange,
       MessageWriter().text(group).number(index).number(n).text(what).text(content));
  if (!has_met_) wait_for_others(lock);
  changed_.wait(lock, [&] { return gathered_ || failure_; });
  if (!gathered_) throw *failure_;
  has_met_ = true;
  const std::string bytes = std::move(*gathered_);
  gathered_.reset();
  lock.unlock();
  MessageReader message(bytes);
  std::vector<std::string> all;
  all.reserve(static_cast<std::size_t>(n));
  for (int member = 0; member < n; ++member) all.emplace_back(message.text());
  return all;
}

/// The first answer comes when all ranks have come; afterwards a signal is heard between steps.
void RankLink::wait_for_others(std::unique_lock<std::mutex>& lock) {
  Waiting waiting(watch_);
  while (!changed_.wait_for(lock, kBetweenAttempts, [&] { return gathered_ || failure_; })) {
    lock.unlock();
    if (waiting.is_stopped())
      throw StoppedWaiting(name_ + " was stopped while it waited for others");
    waiting.tell(name_ + " waits for other ranks, which rank 0 (" + hub_process_ + ") names");
    lock.lock();
  }
}

void RankLink::fail(ErrorCode code, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (!ended_ && !failure_) {
    post(RankMessage::failure, MessageWriter().number(static_cast<int>(code)).text(message));
  }
  if (!failure_) failure_.emplace(code, message);
  changed_.notify_all();
}

void RankLink::check() {
  const std::lock_guard lock(mutex_);
  if (failure_) throw *failure_;
}

void RankLink::listen() {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (ended_) return;
    const bool open = connection_->transfer();
    while (const std::optional<RankFrame> frame = connection_->take()) handle(*frame);
    if (!open) lose_hub(connection_->problem());
    look_after_hub(Clock::now());
    if (ended_) return;
    const bool sends = connection_->must_send();
    lock.unlock();
    std::array<pollfd, 2> events = {
        {{connection_->descriptor(), static_cast<short>(POLLIN | (sends ? POLLOUT : 0)), 0},
         {wake_.get(), POLLIN, 0}}};
    (void)::poll(events.data(), events.size(), static_cast<int>(timing_.heartbeat.count() / 2));
    std::uint64_t ignored = 0;
    (void)!::read(wake_.get(), &ignored, sizeof ignored);
  }
}

void RankLink::handle(const RankFrame& frame) {
  MessageReader message(frame.content);
  if (frame.kind == static_cast<int>(RankMessage::gathered)) {
    gathered_ = frame.content;
  } else if (frame.kind == static_cast<int>(RankMessage::failure) && !failure_) {
    const auto code = static_cast<ErrorCode>(message.integer());
    failure_.emplace(code, std::string(message.text()));
  }
  changed_.notify_all();
}

void RankLink::look_after_hub(Clock::time_point now) {
  // Whoever was stopped himself has heard nobody.
  const bool was_away = now - std::exchange(looked_, now) > timing_.lost_after / 2;
  if (was_away || std::exchange(n_heard_, connection_->n_received()) != connection_->n_received()) {
    heard_ = now;
  }
  if (now - heard_ > timing_.lost_after) {
    lose_hub("it has been silent for " +
             rounded_text(static_cast<double>(timing_.lost_after.count()) / 1000) + " s");
  }
  if (!ended_ && now - spoke_ >= timing_.heartbeat) post(RankMessage::heartbeat, {});
}

void RankLink::lose_hub(const std::string& problem) {
  ended_ = true;
  if (!leaving_ && !failure_) {
    failure_.emplace(ErrorCode::device, "rank 0 (" + hub_process_ + ") was lost: " + problem);
  }
  changed_.notify_all();
}

void RankLink::post(RankMessage kind, const MessageWriter& message) {
  spoke_ = Clock::now();
  connection_->post(static_cast<int>(kind), message.bytes());
  wake();
}

void RankLink::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

}  // namespace isoflop
