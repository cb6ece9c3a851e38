// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/tcp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::string reason(int error) { return std::generic_category().message(error); }

/// Null, and `problem` says why, where the name has no address.
Addresses resolve(const HostPort& place, int flags, std::string& problem) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(place.host.empty() ? nullptr : place.host.c_str(),
                                 std::to_string(place.port).c_str(), &hints, &found);
  if (status != 0) problem = gai_strerror(status);
  return {status == 0 ? found : nullptr, freeaddrinfo};
}

bool is_loopback(const addrinfo& address) {
  if (address.ai_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, address.ai_addr, sizeof ipv4);
    return ntohl(ipv4.sin_addr.s_addr) >> 24 == 127;
  }
  sockaddr_in6 ipv6{};
  std::memcpy(&ipv6, address.ai_addr, std::min(sizeof ipv6, std::size_t{address.ai_addrlen}));
  return IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr);
}

bool is_address(const std::string& host) {
  std::string ignored;
  return resolve({host, 0}, AI_NUMERICHOST, ignored) != nullptr;
}

Descriptor open_socket(const addrinfo& address) {
  return Descriptor(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                             address.ai_protocol));
}

void send_at_once(const Descriptor& socket) {
  const int on = 1;
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int port_of(const Descriptor& socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  (void)::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  in_port_t port = 0;  // at the same place in both families
  std::memcpy(&port, reinterpret_cast<const char*>(&bound) + offsetof(sockaddr_in, sin_port),
              sizeof port);
  return ntohs(port);
}

/// 0, or what went wrong.
int finish_connecting(const Descriptor& socket, std::chrono::milliseconds patience) {
  pollfd ready{socket.get(), POLLOUT, 0};
  if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

struct FrameHeader {
  std::uint64_t n_bytes = 0;
  std::int64_t kind = 0;
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (is_open()) (void)::close(number_);
    number_ = other.release();
  }
  return *this;
}
Descriptor::~Descriptor() {
  if (is_open()) (void)::close(number_);
}
int Descriptor::release() { return std::exchange(number_, -1); }

HostPort parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : parse_integer(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) {
    throw Error(ErrorCode::invalid_argument,
                "must be host:port, got \"" + std::string(text) + "\"");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string(host), static_cast<int>(*port)};
}

std::string to_text(const HostPort& place) {
  const bool ipv6 = place.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
}

std::string host_name() {
  std::array<char, 256> name{};
  (void)::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string this_process() { return "host " + host_name() + ", pid " + std::to_string(::getpid()); }

Descriptor listen_at(const HostPort& place, int& port) {
  std::string problem;
  Addresses addresses = resolve(place, AI_PASSIVE, problem);
  if (addresses && is_loopback(*addresses) && place.host != "localhost" &&
      !is_address(place.host)) {
    addresses = resolve({"", place.port}, AI_PASSIVE, problem);
  }
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Descriptor socket = open_socket(*a);
    const int on = 1;
    // Without it a port stays taken for a minute after a job has ended.
    (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (socket.is_open() && ::bind(socket.get(), a->ai_addr, a->ai_addrlen) == 0 &&
        ::listen(socket.get(), SOMAXCONN) == 0) {
      port = port_of(socket);
      return socket;
    }
    problem = reason(errno);
  }
  throw Error(ErrorCode::io, "cannot listen at " + to_text(place) + ": " + problem);
}

Descriptor accept_from(const Descriptor& listener) {
  Descriptor socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.is_open()) send_at_once(socket);
  return socket;
}

namespace {

Descriptor connect_now(const HostPort& place, std::chrono::milliseconds patience,
                       std::string& problem) {
  const Addresses addresses = resolve(place, 0, problem);
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    Descriptor socket = open_socket(*a);
    int error = 0;
    if (::connect(socket.get(), a->ai_addr, a->ai_addrlen) != 0) {
      error = errno == EINPROGRESS ? finish_connecting(socket, patience) : errno;
    }
    if (error == 0) {
      send_at_once(socket);
      return socket;
    }
    problem = reason(error);
  }
  return {};
}

/// An attempt on a thread of its own, which outlives it where nobody waits for its end.
struct Attempt {
  HostPort place;
  std::chrono::milliseconds patience;
  std::promise<void> done = {};
  Descriptor socket = {};
  std::string problem = {};
};

}  // namespace

Descriptor connect_to(const HostPort& place, std::chrono::milliseconds patience,
                      std::string& problem, const std::function<void()>& meanwhile) {
  constexpr std::chrono::milliseconds kBetweenLooks{20};
  const auto attempt = std::make_shared<Attempt>(Attempt{place, patience});
  const std::future<void> done = attempt->done.get_future();
  std::thread([attempt] {
    attempt->socket = connect_now(attempt->place, attempt->patience, attempt->problem);
    attempt->done.set_value();
  }).detach();
  while (done.wait_for(kBetweenLooks) != std::future_status::ready) meanwhile();
  problem = attempt->problem;
  return std::move(attempt->socket);
}

void FramedConnection::post(int kind, std::string_view content) {
  const FrameHeader header{content.size(), kind};
  out_.append(reinterpret_cast<const char*>(&header), sizeof header);
  out_.append(content);
}

bool FramedConnection::transfer() {
  if (problem_.empty()) send_some();
  if (problem_.empty()) receive_some();
  return problem_.empty();
}

std::optional<RankFrame> FramedConnection::take() {
  if (received_.empty()) return std::nullopt;
  RankFrame frame = std::move(received_.front());
  received_.pop_front();
  return frame;
}

void FramedConnection::send_some() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n =
        ::send(socket_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      sent += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      // What the other side said before it went is still to be read.
      const std::string problem = reason(errno);
      receive_some();
      return end(problem);
    }
  }
  out_.erase(0, sent);
}

void FramedConnection::receive_some() {
  std::array<char, 1 << 16> piece;
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (n > 0) {
      n_received_ += static_cast<std::uint64_t>(n);
      in_.append(piece.data(), static_cast<std::size_t>(n));
      parse();
      if (!problem_.empty()) return;
    } else if (n == 0) {
      return end("its connection was closed");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      return end(reason(errno));
    }
  }
}

void FramedConnection::parse() {
  std::size_t begin = 0;
  FrameHeader header;
  while (in_.size() - begin >= sizeof header) {
    std::memcpy(&header, in_.data() + begin, sizeof header);
    if (header.n_bytes > limit_) return end("it sent what is none of our frames");
    if (in_.size() - begin - sizeof header < header.n_bytes) break;
    begin += sizeof header;
    received_.push_back({static_cast<int>(header.kind), in_.substr(begin, header.n_bytes)});
    begin += header.n_bytes;
  }
  in_.erase(0, begin);
}

void FramedConnection::end(const std::string& problem) {
  if (problem_.empty()) problem_ = problem;
}

}  // namespace isoflop
