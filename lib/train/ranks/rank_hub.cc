// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/rank_hub.h"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr std::uint64_t kLongestHello = 4096;
constexpr std::size_t kMostStrangers = 64;

void post(FramedConnection& connection, RankMessage kind, const MessageWriter& message = {}) {
  connection.post(static_cast<int>(kind), message.bytes());
}

std::string seconds_text(std::chrono::milliseconds time) {
  return rounded_text(static_cast<double>(time.count()) / 1000) + " s";
}

}  // namespace

RankHub::RankHub(Descriptor listener, std::string word, std::string where, int n_ranks,
                 const RankTiming& timing, const MeetingWatch& watch)
    : listener_(std::move(listener)),
      word_(std::move(word)),
      where_(std::move(where)),
      timing_(timing),
      waiting_(watch),
      members_(static_cast<std::size_t>(n_ranks)),
      thread_([this] { serve(); }) {}

RankHub::~RankHub() = default;

void RankHub::close() {
  const std::lock_guard lock(mutex_);
  closing_ = true;
}

void RankHub::fail(ErrorCode code, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (!ordered_) ordered_ = std::make_unique<Error>(code, message);
}

void RankHub::serve() {
  while (!finished()) {
    wait_for_events();
    accept_guests();
    for (const auto& guest : guests_) attend(*guest);
    std::erase_if(guests_, [](const auto& guest) {
      return guest->dismissed && !(guest->connection.must_send() && guest->connection.transfer());
    });
    look_for_deadlock();
    look_for_silence();
    look_for_late();
    send_heartbeats();
    const std::lock_guard lock(mutex_);
    if (closing_ && !failure_.empty()) return;
    if (ordered_) spread(ordered_->code(), ordered_->what());
  }
}

// After a failure late ranks are still told, for as long as it takes to find a silent one.
bool RankHub::finished() const {
  if (count(Presence::gone) == static_cast<int>(members_.size())) return true;
  return !failure_.empty() && Clock::now() - failed_ > timing_.lost_after;
}

void RankHub::wait_for_events() {
  std::vector<pollfd> events;
  if (listener_.is_open()) events.push_back({listener_.get(), POLLIN, 0});
  for (const auto& guest : guests_) {
    const bool sends = guest->connection.must_send();
    events.push_back(
        {guest->connection.descriptor(), static_cast<short>(POLLIN | (sends ? POLLOUT : 0)), 0});
  }
  const auto patience = std::min(timing_.heartbeat / 4, std::chrono::milliseconds(200));
  (void)::poll(events.data(), events.size(), static_cast<int>(patience.count()));
}

void RankHub::accept_guests() {
  while (listener_.is_open()) {
    Descriptor socket = accept_from(listener_);
    if (!socket.is_open()) return;
    const auto is_stranger = [](const auto& guest) { return guest->rank < 0; };
    if (std::count_if(guests_.begin(), guests_.end(), is_stranger) >=
        static_cast<std::ptrdiff_t>(kMostStrangers)) {
      continue;
    }
    guests_.push_back(std::make_unique<Guest>(std::move(socket)));
    guests_.back()->connection.limit(kLongestHello);
  }
}

void RankHub::attend(Guest& guest) {
  if (guest.dismissed) return;
  const bool open = guest.connection.transfer();
  if (guest.connection.n_received() != guest.n_heard) {
    guest.n_heard = guest.connection.n_received();
    guest.heard = Clock::now();
  }
  try {
    while (!guest.dismissed) {
      const std::optional<RankFrame> frame = guest.connection.take();
      if (!frame) break;
      handle(guest, *frame);
    }
  } catch (const Error&) {  // not one of our messages
    end_of(guest);
  }
  if (!open && !guest.dismissed) end_of(guest);
}

void RankHub::handle(Guest& guest, const RankFrame& frame) {
  const auto kind = static_cast<RankMessage>(frame.kind);
  MessageReader message(frame.content);
  if (guest.rank < 0) {
    if (kind != RankMessage::hello) {
      guest.dismissed = true;
      return;
    }
    return admit(guest, message);
  }
  Member& member = members_[static_cast<std::size_t>(guest.rank)];
  if (kind == RankMessage::exchange) {
    take_part(guest, message);
  } else if (kind == RankMessage::failure) {
    const auto code = static_cast<ErrorCode>(message.integer());
    spread(code, name_of(guest.rank) + " failed: " + std::string(message.text()));
  } else if (kind == RankMessage::leaving) {
    member.presence = Presence::gone;
    guest.dismissed = true;
  }
}

void RankHub::admit(Guest& guest, MessageReader hello) {
  if (hello.text() != kRankProtocol) return refuse(guest, false, "it speaks another protocol");
  const std::string_view word = hello.text();
  const int rank = hello.integer(), n_ranks = hello.integer();
  const std::string who(hello.text());
  const int n = static_cast<int>(members_.size());
  if (word != word_) return refuse(guest, false, "another job meets there");
  if (!failure_.empty()) return refuse(guest, true, failure_);
  if (n_ranks != n || rank < 0 || rank >= n) {
    const std::string why = "rank " + std::to_string(rank) + " of " + std::to_string(n_ranks) +
                            " (" + who + ") met rank 0 of " + std::to_string(n);
    refuse(guest, true, why);
    return spread(ErrorCode::invalid_argument, why);
  }
  Member& member = members_[static_cast<std::size_t>(rank)];
  if (member.presence != Presence::expected) {
    return refuse(guest, false, name_of(rank) + " is there already");
  }
  member = {who, Presence::present};
  guest.rank = rank;
  guest.connection.limit(std::uint64_t{1} << 40);
  post(guest.connection, RankMessage::welcome, MessageWriter().text(this_process()));
  (void)guest.connection.transfer();
  if (count(Presence::expected) == 0) listener_ = Descriptor();
}

void RankHub::refuse(Guest& guest, bool for_good, const std::string& why) {
  post(guest.connection, RankMessage::refusal, MessageWriter().number(for_good).text(why));
  guest.dismissed = true;
}

void RankHub::take_part(Guest& guest, MessageReader message) {
  if (!failure_.empty()) return;
  const std::string group(message.text());
  const auto index = static_cast<std::size_t>(message.number());
  const auto n = static_cast<std::size_t>(message.number());
  const std::string what(message.text());
  Round& round = rounds_[group];
  if (round.n_given == 0) round = {what, guest.rank, std::vector<std::string>(n), {}, 0};
  round.ranks.resize(n, -1);
  if (round.what != what || round.given.size() != n || index >= n || round.ranks[index] >= 0) {
    return spread(ErrorCode::internal, name_of(guest.rank) + " is in \"" + what + "\" while " +
                                           name_of(round.first_rank) + " is in \"" + round.what +
                                           "\"");
  }
  round.given[index] = message.text();
  round.ranks[index] = guest.rank;
  members_[static_cast<std::size_t>(guest.rank)].waits = true;
  if (++round.n_given == n) complete(group);
}

void RankHub::complete(const std::string& group) {
  const Round round = std::move(rounds_.at(group));
  rounds_.erase(group);
  MessageWriter all;
  for (const std::string& given : round.given) all.text(given);
  for (const auto& guest : guests_) {
    if (std::find(round.ranks.begin(), round.ranks.end(), guest->rank) == round.ranks.end() ||
        guest->rank < 0) {
      continue;
    }
    members_[static_cast<std::size_t>(guest->rank)].waits = false;
    post(guest->connection, RankMessage::gathered, all);
    (void)guest->connection.transfer();
  }
}

void RankHub::end_of(Guest& guest) {
  guest.dismissed = true;
  if (guest.rank < 0) return;
  Member& member = members_[static_cast<std::size_t>(guest.rank)];
  if (std::exchange(member.presence, Presence::gone) == Presence::gone) return;
  const std::string& problem = guest.connection.problem();
  spread(ErrorCode::device, name_of(guest.rank) + " was lost: " +
                                (problem.empty() ? "it sent what cannot be read" : problem));
}

// A rank waits in one round at a time, and full rounds are gone: if all that are left wait, they
// wait for ever.
void RankHub::look_for_deadlock() {
  if (!failure_.empty() || rounds_.empty() || count(Presence::expected) > 0) return;
  const auto waits = std::count_if(members_.begin(), members_.end(), [](const Member& member) {
    return member.presence == Presence::present && member.waits;
  });
  if (waits != count(Presence::present)) return;
  std::string all;
  for (const auto& [group, round] : rounds_) {
    all += (all.empty() ? "" : "; ") + name_of(round.first_rank) + " in \"" + round.what + "\"";
  }
  spread(ErrorCode::internal, "all ranks that have not left wait for others: " + all);
}

void RankHub::look_for_silence() {
  const Clock::time_point now = Clock::now();
  // Whoever was stopped himself, with the whole machine perhaps, has heard nobody.
  const bool was_away = now - std::exchange(looked_, now) > timing_.lost_after / 2;
  for (const auto& guest : guests_) {
    if (was_away) guest->heard = now;
    if (guest->dismissed || now - guest->heard <= timing_.lost_after) continue;
    guest->dismissed = true;
    if (guest->rank < 0) continue;
    members_[static_cast<std::size_t>(guest->rank)].presence = Presence::gone;
    spread(ErrorCode::device, name_of(guest->rank) + " was lost: it has been silent for " +
                                  seconds_text(timing_.lost_after));
  }
}

void RankHub::look_for_late() {
  if (!failure_.empty() || count(Presence::expected) == 0) return;
  const std::string of_all = "of " + std::to_string(members_.size()) + " ranks these have not come";
  if (Clock::now() - opened_ > timing_.meeting) {
    spread(ErrorCode::unavailable,
           of_all + " within " + seconds_text(timing_.meeting) + ": " + missing_ranks());
  }
  waiting_.tell("rank 0 (" + this_process() + ") waits at " + where_ + ": " + of_all + ": " +
                missing_ranks());
}

std::string RankHub::missing_ranks() const {
  std::string missing;
  for (std::size_t rank = 0; rank < members_.size(); ++rank) {
    if (members_[rank].presence != Presence::expected) continue;
    missing += (missing.empty() ? "" : ", ") + std::to_string(rank);
  }
  return missing;
}

void RankHub::send_heartbeats() {
  const Clock::time_point now = Clock::now();
  if (now - heartbeat_ < timing_.heartbeat) return;
  heartbeat_ = now;
  for (const auto& guest : guests_) {
    if (guest->rank >= 0 && !guest->dismissed) post(guest->connection, RankMessage::heartbeat);
  }
}

void RankHub::spread(ErrorCode code, const std::string& message) {
  if (!failure_.empty()) return;
  failure_ = message;
  failed_ = Clock::now();
  for (const auto& guest : guests_) {
    if (guest->rank < 0) continue;
    post(guest->connection, RankMessage::failure,
         MessageWriter().number(static_cast<int>(code)).text(message));
    (void)guest->connection.transfer();
  }
}

int RankHub::count(Presence presence) const {
  return static_cast<int>(
      std::count_if(members_.begin(), members_.end(),
                    [&](const Member& member) { return member.presence == presence; }));
}

std::string RankHub::name_of(int rank) const {
  return "rank " + std::to_string(rank) + " (" + members_[static_cast<std::size_t>(rank)].who + ")";
}

}  // namespace isoflop
