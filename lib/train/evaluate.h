// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "isoflop/dataset.h"
#include "isoflop/run_outcome.h"
#include "isoflop/run_spec.h"
#include "train/replica.h"

namespace isoflop {

/// Sums over one sequence.
struct SequenceScore {
  double nats = 0;       // of all predicted tokens
  double text_nats = 0;  // of those that stand for text
  double bytes = 0;      // that they stand for
};

/// `token_bytes[t]`: bytes of text that token t stands for; 0 for separators.
[[nodiscard]] SequenceScore score_sequence(std::span<const float> losses,
                                           std::span<const std::int32_t> targets,
                                           std::span<const std::uint8_t> token_bytes);

/// Loss in nats per token, bits per byte of text = text_nats / (ln 2 * bytes), and the standard
/// error of the loss from the spread of the sequences' means.
[[nodiscard]] Evaluation summarize(std::span<const SequenceScore> scores, std::int64_t seq_len);

/// Whole validation windows within spec.validation_tokens: the first of the split.
[[nodiscard]] std::int64_t validation_windows(const RunSpec& spec);

/// The replicas' model on those windows, shared among the data-parallel ranks. All ranks get the
/// result, or nothing where stop(), asked before every micro-batch, was true of any of them.
[[nodiscard]] std::optional<Evaluation> evaluate(Replica& replica, const RunSpec& spec,
                                                 const Dataset& dataset,
                                                 const std::function<bool()>& stop);

}  // namespace isoflop
