// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "fit/points/curves.h"
#include "isoflop/valley.h"

namespace isoflop {

struct AllocationResampling {
  std::int64_t n_resamples = 0;
  std::uint64_t seed = 0;
  double tau = 0;  // of ln scale_opt between budgets
};

/// `curves` have one sample per scale. Nothing without resamples, or where fewer than half of them
/// support a law.
[[nodiscard]] std::optional<AllocationBootstrap> bootstrap_allocation(
    std::span<const BudgetGroup> curves, const AllocationResampling& options);

}  // namespace isoflop
