// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/rng.h"

namespace isoflop::test {

/// `bytes` with one to four accidents, a function of the seed: a bit or a byte changed, a piece
/// cut out, doubled, moved or put in, the end cut off.
inline std::string mutated(std::string bytes, std::uint64_t seed) {
  const Rng rng(seed, 23);
  std::uint64_t draw = 0;
  const auto below = [&](std::size_t n) {
    return n == 0 ? 0 : static_cast<std::size_t>(rng.below(n, draw++));
  };
  static const std::string kPieces[] = {"\0",
                                        "\n",
                                        "\r\n",
                                        "\"",
                                        ",",
                                        "{",
                                        "}",
                                        "-1",
                                        "nan",
                                        "1e999",
                                        "\xff\xfe",
                                        "[[[[[[[[",
                                        "99999999999999999999",
                                        "\\u0000"};
  const std::size_t n_accidents = 1 + below(4);
  for (std::size_t i = 0; i < n_accidents && !bytes.empty(); ++i) {
    const std::size_t at = below(bytes.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(bytes.size() - at, 40));
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, length));
        break;
      case 4:
        bytes.insert(below(bytes.size()), bytes.substr(at, length));
        break;
      case 5:
        bytes.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
  return bytes;
}

}  // namespace isoflop::test
