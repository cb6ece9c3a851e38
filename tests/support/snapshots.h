// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "train/checkpoint/snapshot.h"
#include "train/network/parameters.h"

namespace isoflop::test {

/// One block of grouped-query attention, with gaps in the arena (sizes that 16 does not divide).
inline ModelShape gqa_shape() { return {1, 10, 4, 2, 6, 11, 13, 16, FfnKind::swiglu, false}; }

/// Every kind of model whose files differ.
inline std::vector<std::pair<std::string, ModelShape>> checkpoint_shapes() {
  return {{"grouped-query", gqa_shape()},
          {"multi-head", {2, 12, 3, 3, 4, 20, 33, 16, FfnKind::swiglu, false}},
          {"gelu", {2, 12, 3, 1, 4, 20, 33, 16, FfnKind::gelu, false}},
          {"tied", {3, 8, 2, 2, 4, 9, 17, 16, FfnKind::swiglu, true}},
          {"one row", {1, 2, 1, 1, 2, 1, 1, 4, FfnKind::gelu, true}}};
}

/// A state whose floats are random bits, infinities and NaNs among them; gaps are zero. Other steps
/// and salts, other bits.
inline Snapshot random_snapshot(const ModelShape& shape, std::int64_t step,
                                std::uint64_t salt = 0) {
  const ParameterLayout layout(shape);
  const Rng rng(salt, static_cast<std::uint64_t>(step));
  Snapshot snapshot;
  snapshot.progress = {.steps_done = step,
                       .last_loss = 0.1 + static_cast<double>(step),
                       .late_loss_sum = 1e17,
                       .late_steps = 3,
                       .train_seconds = 1.0 / 3,
                       .health = {-0.0, 5e-324, 1.7976931348623157e308, 2}};
  std::uint64_t index = 0;
  for (std::vector<float>* arena :
       {&snapshot.weights, &snapshot.first_moment, &snapshot.second_moment}) {
    arena->resize(static_cast<std::size_t>(layout.size()));
    for (const Parameter& parameter : layout.parameters()) {
      for (std::int64_t i = parameter.range().begin; i < parameter.range().end; ++i) {
        const auto bits = static_cast<std::uint32_t>(rng.bits(index++));
        (*arena)[static_cast<std::size_t>(i)] = std::bit_cast<float>(bits);
      }
    }
  }
  return snapshot;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline bool same_bits(const Snapshot& a, const Snapshot& b) {
  return a.progress == b.progress && same_bits(a.weights, b.weights) &&
         same_bits(a.first_moment, b.first_moment) && same_bits(a.second_moment, b.second_moment);
}

}  // namespace isoflop::test
