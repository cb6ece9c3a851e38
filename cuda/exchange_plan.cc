// SPDX-License-Identifier: Apache-2.0
#include "exchange_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "isoflop/error.h"

namespace isoflop {
namespace {

/// Takes the ranges that make up even blocks, one of each rank, out of `ranges`.
std::vector<Range> take_even_blocks(std::vector<std::vector<Range>>& ranges) {
  std::vector<Range> even;
  const std::size_t n = ranges.front().size();
  for (const auto& of_rank : ranges) {
    if (of_rank.size() != n) return even;
  }
  std::vector<std::vector<Range>> rest(ranges.size());
  for (std::size_t i = 0; i < n; ++i) {
    const std::int64_t share = ranges.front()[i].size();
    bool is_even = share > 0;
    for (std::size_t rank = 1; rank < ranges.size(); ++rank) {
      const Range range = ranges[rank][i];
      is_even = is_even && range.size() == share && range.begin == ranges[rank - 1][i].end;
    }
    if (is_even) even.push_back({ranges.front()[i].begin, ranges.back()[i].end});
    for (std::size_t rank = 0; rank < ranges.size() && !is_even; ++rank) {
      rest[rank].push_back(ranges[rank][i]);
    }
  }
  ranges = std::move(rest);
  return even;
}

Numbers key_of(ExchangePlans::Kind kind, std::int64_t rows, std::int64_t n_contributions,
               std::span<const Range> mine) {
  Numbers key{static_cast<std::int64_t>(kind), rows, n_contributions};
  for (const Range range : mine) key.insert(key.end(), {range.begin, range.end});
  return key;
}

}  // namespace

std::vector<Numbers> all_gather_numbers(Communicator& host, const Numbers& mine) {
  const auto n = static_cast<std::size_t>(host.size());
  const auto rank = static_cast<std::size_t>(host.rank());
  std::vector<double> counts(n);
  counts[rank] = static_cast<double>(mine.size());
  const Range my_count{host.rank(), host.rank() + 1};
  host.all_gather(counts, {&my_count, 1});
  Numbers ends{0};
  for (const double count : counts) ends.push_back(ends.back() + static_cast<std::int64_t>(count));
  std::vector<double> values(static_cast<std::size_t>(ends.back()));
  std::copy(mine.begin(), mine.end(), values.begin() + ends[rank]);
  const Range my_values{ends[rank], ends[rank + 1]};
  host.all_gather(values, {&my_values, 1});
  std::vector<Numbers> all;
  for (std::size_t i = 0; i < n; ++i) {
    all.emplace_back(values.begin() + ends[i], values.begin() + ends[i + 1]);
  }
  return all;
}

std::int64_t ExchangePlan::first_contribution(int rank) const {
  return std::accumulate(n_contributions.begin(), n_contributions.begin() + rank, std::int64_t{0});
}

const ExchangePlan* ExchangePlans::find(Kind kind, std::int64_t rows, std::int64_t n_contributions,
                                        std::span<const Range> mine) const {
  const auto known = plans_.find(key_of(kind, rows, n_contributions, mine));
  return known == plans_.end() ? nullptr : &known->second;
}

const ExchangePlan& ExchangePlans::exchange(Communicator& host, Kind kind, std::int64_t rows,
                                            std::int64_t n_contributions,
                                            std::span<const Range> mine) {
  const Numbers key = key_of(kind, rows, n_contributions, mine);
  ExchangePlan plan;
  for (const Numbers& numbers : all_gather_numbers(host, key)) {
    ISOFLOP_CHECK(numbers[0] == key[0] && numbers[1] == rows, "ranks exchange equal shapes");
    plan.n_contributions.push_back(numbers[2]);
    std::vector<Range>& ranges = plan.ranges.emplace_back();
    for (std::size_t i = 3; i < numbers.size(); i += 2) {
      ranges.push_back({numbers[i], numbers[i + 1]});
    }
  }
  if (kind == Kind::gather) plan.even = take_even_blocks(plan.ranges);
  return plans_.emplace(key, std::move(plan)).first->second;
}

}  // namespace isoflop
