// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "isoflop/error.h"

namespace isoflop {

/// How ranks of several processes look after each other.
struct RankTiming {
  std::chrono::milliseconds heartbeat{2'000};    // at least so often something is said
  std::chrono::milliseconds lost_after{10'000};  // of silence
  std::chrono::milliseconds meeting{300'000};    // until all ranks have come
};

/// What ranks and their hub say; contents in this order.
enum class RankMessage : int {
  hello = 1,  // protocol, job, rank, number of ranks, who
  welcome,    // who rank 0 is
  refusal,    // whether for good, why
  exchange,   // group, index in it, its size, what is done, bytes
  gathered,   // bytes of all members, in their order
  heartbeat,  //
  failure,    // error code, message
  leaving,    //
};
inline constexpr std::string_view kRankProtocol = "isoflop ranks 1";

/// Numbers and texts one after the other, as bytes of this machine: all ranks share its order.
class MessageWriter {
 public:
  MessageWriter& number(std::int64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  MessageWriter& text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    bytes_.append(value);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Throws Error(parse) where the message is too short.
class MessageReader {
 public:
  explicit MessageReader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::int64_t number() {
    std::int64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  [[nodiscard]] int integer() { return static_cast<int>(number()); }
  [[nodiscard]] std::string_view text() { return take(static_cast<std::size_t>(number())); }

 private:
  std::string_view take(std::size_t n) {
    if (n > bytes_.size()) throw Error(ErrorCode::parse, "a message between ranks is cut off");
    const std::string_view taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::string_view bytes_;
};

}  // namespace isoflop
