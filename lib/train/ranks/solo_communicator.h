// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "train/contract/communicator.h"

namespace isoflop {

/// One rank that carries everything.
class SoloCommunicator final : public Communicator {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  void barrier() override {}
  [[nodiscard]] std::unique_ptr<Communicator> split(int) override {
    return std::make_unique<SoloCommunicator>();
  }
  [[nodiscard]] double sum(double value) override { return value; }
  void all_gather(std::span<double>, std::span<const Range>) override {}
  void all_gather(Backend&, Tensor, std::span<const Range>) override {}
  void start_reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                            std::span<const Range> mine) override {
    if (contributions.size() == 1) return;
    for (const Range range : mine) {
      slices_.clear();
      for (const Tensor& tensor : contributions) {
        slices_.push_back(tensor.slice(range.begin, range.size()));
      }
      backend.sum(slices_, slices_.front());
    }
  }
  void finish_reduce_scatters(Backend&) override {}
  [[nodiscard]] bool recordable() const override { return true; }

 private:
  std::vector<Tensor> slices_;
};

}  // namespace isoflop
