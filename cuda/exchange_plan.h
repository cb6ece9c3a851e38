// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <vector>

#include "train/contract/communicator.h"

namespace isoflop {

using Numbers = std::vector<std::int64_t>;

/// All-gather over the ranks of `host`; all below 2^53, so that doubles carry it.
[[nodiscard]] std::vector<Numbers> all_gather_numbers(Communicator& host, const Numbers& mine);

/// Any plain object as numbers of four bytes each, and back.
template <class T>
[[nodiscard]] Numbers to_numbers(const T& value) {
  static_assert(sizeof value % sizeof(std::uint32_t) == 0);
  std::array<std::uint32_t, sizeof value / sizeof(std::uint32_t)> words;
  std::memcpy(words.data(), &value, sizeof value);
  return {words.begin(), words.end()};
}
template <class T>
[[nodiscard]] T from_numbers(const Numbers& numbers) {
  T value{};
  std::array<std::uint32_t, sizeof value / sizeof(std::uint32_t)> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = static_cast<std::uint32_t>(numbers[i]);
  std::memcpy(&value, words.data(), sizeof value);
  return value;
}

/// What all ranks bring to one kind of exchange of tensors.
struct ExchangePlan {
  std::vector<std::vector<Range>> ranges;     // of rows, of each rank, that are in no even block
  std::vector<Range> even;                    // blocks of rows, dealt out in equal shares
  std::vector<std::int64_t> n_contributions;  // of each rank

  /// The number of the first of `rank`'s contributions among those of all.
  [[nodiscard]] std::int64_t first_contribution(int rank) const;
};

/// Plans by what this rank brings, exchanged the first time that it does.
class ExchangePlans {
 public:
  enum class Kind { gather, reduce };  // even blocks are kept apart for a gather

  /// Null where it is not known yet.
  [[nodiscard]] const ExchangePlan* find(Kind kind, std::int64_t rows, std::int64_t n_contributions,
                                         std::span<const Range> mine) const;
  /// Called by all ranks of `host` together.
  const ExchangePlan& exchange(Communicator& host, Kind kind, std::int64_t rows,
                               std::int64_t n_contributions, std::span<const Range> mine);

 private:
  std::map<Numbers, ExchangePlan> plans_;
};

}  // namespace isoflop
