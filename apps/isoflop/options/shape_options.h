// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_line.h"
#include "isoflop/shape_rules.h"

namespace isoflop::cli {

/// What a cluster asks of shapes: --tensor-parallel and its kin.
struct ShapeOptions {
  std::optional<std::int64_t> tensor_parallel, n_kv_heads, gqa_ratio, d_head, multiple_of,
      pad_vocab_to;
  bool tied = false;
};

void add_shape_options(Command& command, ShapeOptions& options);

/// `rules` with what is named on the command line in place of what they say.
[[nodiscard]] ShapeRules with_options(ShapeRules rules, const ShapeOptions& options);

}  // namespace isoflop::cli
