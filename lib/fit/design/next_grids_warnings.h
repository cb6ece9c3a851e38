// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "fit/estimate/words.h"
#include "isoflop/next.h"

namespace isoflop {

/// Of `n_open` grids whose best run is at an edge, `n_left` cost more than there is to spend.
void warn_of_open_grids(std::size_t n_open, std::size_t n_left, Words& warnings);
/// `largest`: compute of the largest grid.
void warn_of_next_grids(const NextGrids& next, double largest, Words& warnings);

}  // namespace isoflop
