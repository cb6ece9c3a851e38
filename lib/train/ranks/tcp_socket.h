// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace isoflop {

/// An open descriptor, closed with the object.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  int release();

 private:
  int number_ = -1;
};

struct HostPort {
  std::string host;
  int port = 0;
};
/// "host:port" and back; an IPv6 address stands in brackets.
[[nodiscard]] HostPort parse_host_port(std::string_view text);
[[nodiscard]] std::string to_text(const HostPort& place);
[[nodiscard]] std::string host_name();
/// "host node2, pid 1234"
[[nodiscard]] std::string this_process();

/// Listens at `place`, at a port of the system's choice for 0; says at which. A name that means
/// this machine's loopback to itself only, as many distributions have it in /etc/hosts, is listened
/// for at all its addresses. Throws Error(io).
[[nodiscard]] Descriptor listen_at(const HostPort& place, int& port);
/// The next connection that waits, without waiting; not open where there is none.
[[nodiscard]] Descriptor accept_from(const Descriptor& listener);
/// Not open, and `problem` says why, where nobody answers within `patience`. meanwhile() is called
/// several times a second, also while the system looks for the name, which takes as long as it
/// likes; what it throws ends the attempt.
[[nodiscard]] Descriptor connect_to(
    const HostPort& place, std::chrono::milliseconds patience, std::string& problem,
    const std::function<void()>& meanwhile = [] {});

struct RankFrame {
  int kind = 0;
  std::string content;
};

/// Frames of a kind and any content over a connection, in both directions, without ever waiting.
class FramedConnection {
 public:
  explicit FramedConnection(Descriptor socket) : socket_(std::move(socket)) {}
  [[nodiscard]] int descriptor() const { return socket_.get(); }

  /// Frames that are longer break the connection: a stranger shall not make us allocate.
  void limit(std::uint64_t n_bytes) { limit_ = n_bytes; }
  void post(int kind, std::string_view content);
  /// Whether something posted has not been sent.
  [[nodiscard]] bool must_send() const { return !out_.empty(); }
  /// Sends and reads as much as goes at once. False once the connection has ended, and problem()
  /// says how; frames that were received before can still be taken.
  bool transfer();
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::optional<RankFrame> take();
  /// Bytes, whether or not they make whole frames yet.
  [[nodiscard]] std::uint64_t n_received() const { return n_received_; }

 private:
  void send_some();
  void receive_some();
  void parse();
  void end(const std::string& problem);

  Descriptor socket_;
  std::uint64_t limit_ = std::uint64_t{1} << 34;
  std::uint64_t n_received_ = 0;
  std::string out_, in_;
  std::deque<RankFrame> received_;
  std::string problem_;
};

}  // namespace isoflop
