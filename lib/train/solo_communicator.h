// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "train/communicator.h"

namespace isoflop {

/// One rank that carries everything.
class SoloCommunicator final : public Communicator {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  void barrier() override {}
  void all_gather(std::span<double>, Range) override {}
  void all_gather(Backend&, Tensor, Range) override {}
  [[nodiscard]] Tensor reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                                      Range mine) override {
    const Tensor sum = contributions.front().slice(mine.begin, mine.size());
    for (const Tensor& other : contributions.subspan(1)) {
      const std::array<Tensor, 2> both{sum, other.slice(mine.begin, mine.size())};
      backend.sum(both, sum);
    }
    return sum;
  }
};

}  // namespace isoflop
