// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "data/generated_dataset.h"
#include "data/permutation.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

// With this probability the next symbol does not depend on the last: it is uniform. That makes the
// endless chain seekable (go back to the last such place) and leaves it stationary and uniform,
// because permutations keep the uniform distribution.
constexpr double kRestart = 1.0 / 16;

void check(const MarkovOptions& options) {
  if (options.n_symbols < 2 || options.n_symbols > 256) {
    throw Error(ErrorCode::invalid_argument,
                "markov: n_symbols must be 2 to 256, got " + std::to_string(options.n_symbols));
  }
  if (options.n_branches < 1 || options.n_branches > 16) {
    throw Error(ErrorCode::invalid_argument,
                "markov: n_branches must be 1 to 16, got " + std::to_string(options.n_branches));
  }
}

double branch_weight(std::int64_t branch, std::int64_t n_branches) {
  return std::ldexp(1.0, -static_cast<int>(std::min(branch + 1, n_branches - 1)));
}

// successors[branch * n_symbols + symbol]
std::vector<std::int32_t> successor_table(const MarkovOptions& options) {
  std::vector<std::int32_t> table;
  const auto n = static_cast<std::uint64_t>(options.n_symbols);
  const Rng keys(options.seed, 0x6d61726b6f76);
  for (std::int64_t branch = 0; branch < options.n_branches; ++branch) {
    const Permutation successor(n, keys.bits(static_cast<std::uint64_t>(branch)));
    for (std::uint64_t x = 0; x < n; ++x) table.push_back(static_cast<std::int32_t>(successor(x)));
  }
  return table;
}

class Markov final : public GeneratedDataset {
 public:
  explicit Markov(const MarkovOptions& options)
      : GeneratedDataset("markov", options.n_symbols,
                         "markov/1 n_symbols=" + std::to_string(options.n_symbols) +
                             " n_branches=" + std::to_string(options.n_branches) +
                             " seed=" + std::to_string(options.seed)),
        n_symbols_(static_cast<std::uint64_t>(options.n_symbols)),
        n_branches_(options.n_branches),
        successors_(successor_table(options)) {}

 private:
  void generate(std::uint64_t stream_key, std::int64_t first,
                std::span<std::int32_t> out) const override {
    const Rng stream(stream_key);
    std::int64_t position = first;
    while (position > 0 && !restarts(stream, position)) --position;
    const std::int64_t end = first + static_cast<std::int64_t>(out.size());
    std::int32_t symbol = 0;
    for (; position < end; ++position) {
      symbol = next(stream, position, symbol);
      if (position >= first) out[static_cast<std::size_t>(position - first)] = symbol;
    }
  }

  [[nodiscard]] static bool restarts(const Rng& stream, std::int64_t position) {
    return position == 0 || stream.uniform(2 * static_cast<std::uint64_t>(position)) < kRestart;
  }

  [[nodiscard]] std::int32_t next(const Rng& stream, std::int64_t position,
                                  std::int32_t symbol) const {
    const std::uint64_t draw = 2 * static_cast<std::uint64_t>(position) + 1;
    if (restarts(stream, position)) {
      return static_cast<std::int32_t>(stream.below(n_symbols_, draw));
    }
    double left = stream.uniform(draw);
    std::int64_t branch = 0;
    while (branch + 1 < n_branches_ && left >= branch_weight(branch, n_branches_)) {
      left -= branch_weight(branch++, n_branches_);
    }
    return successors_[static_cast<std::size_t>(branch) * n_symbols_ +
                       static_cast<std::size_t>(symbol)];
  }

  std::uint64_t n_symbols_;
  std::int64_t n_branches_;
  std::vector<std::int32_t> successors_;
};

}  // namespace

double markov_entropy(const MarkovOptions& options) {
  check(options);
  const auto n = static_cast<std::size_t>(options.n_symbols);
  const std::vector<std::int32_t> successors = successor_table(options);
  double entropy = 0;
  for (std::size_t x = 0; x < n; ++x) {
    std::vector<double> row(n, kRestart / static_cast<double>(n));
    for (std::int64_t branch = 0; branch < options.n_branches; ++branch) {
      const std::int32_t y = successors[static_cast<std::size_t>(branch) * n + x];
      row[static_cast<std::size_t>(y)] +=
          (1 - kRestart) * branch_weight(branch, options.n_branches);
    }
    for (const double p : row) entropy -= p * std::log2(p) / static_cast<double>(n);
  }
  return entropy;
}

std::unique_ptr<Dataset> make_markov(const MarkovOptions& options) {
  check(options);
  return std::make_unique<Markov>(options);
}

}  // namespace isoflop
