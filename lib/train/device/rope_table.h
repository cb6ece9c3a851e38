// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace isoflop {

/// Cosines and sines [seq_len, S / 2] of the rotary embedding (arXiv:2104.09864): of position *
/// theta^(-2i/S).
class RopeTable {
 public:
  RopeTable(std::int64_t seq_len, std::int64_t d_head, float theta)
      : seq_len_(seq_len), d_head_(d_head), theta_(theta) {
    const std::int64_t half = d_head / 2;
    for (std::int64_t position = 0; position < seq_len; ++position)
      for (std::int64_t i = 0; i < half; ++i) {
        const double power = -2.0 * static_cast<double>(i) / static_cast<double>(d_head);
        const double angle =
            static_cast<double>(position) * std::pow(static_cast<double>(theta), power);
        cosines_.push_back(static_cast<float>(std::cos(angle)));
        sines_.push_back(static_cast<float>(std::sin(angle)));
      }
  }
  [[nodiscard]] bool is_for(std::int64_t seq_len, std::int64_t d_head, float theta) const {
    return seq_len == seq_len_ && d_head == d_head_ && theta == theta_;
  }
  [[nodiscard]] const float* cosines() const { return cosines_.data(); }
  [[nodiscard]] const float* sines() const { return sines_.data(); }

 private:
  std::int64_t seq_len_, d_head_;
  float theta_;
  std::vector<float> cosines_, sines_;
};

}  // namespace isoflop
