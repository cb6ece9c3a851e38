// SPDX-License-Identifier: Apache-2.0
#include "train/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace isoflop {
namespace {

double standard_error(std::span<const SequenceScore> scores, double mean, double seq_len) {
  if (scores.size() < 2) return 0;
  double squares = 0;
  for (const SequenceScore& score : scores) {
    const double deviation = score.nats / seq_len - mean;
    squares += deviation * deviation;
  }
  const auto n = static_cast<double>(scores.size());
  return std::sqrt(squares / (n - 1) / n);
}

/// Scores of the windows `range`, a micro-batch at a time, into `scores`.
void score_windows(Replica& replica, const Dataset& dataset, Range range,
                   std::span<SequenceScore> scores) {
  Batch& batch = replica.batch();
  const std::int64_t n = range.size();
  batch.load(n, [&](std::int64_t i, std::span<std::int32_t> out) {
    dataset.validation_sequence(range.begin + i, out);
  });
  replica.transformer().evaluate(replica.model(), batch.tokens(0, n), batch.targets(0, n),
                                 batch.losses(0, n));
  batch.fetch_losses();
  for (std::int64_t i = 0; i < n; ++i) {
    scores[static_cast<std::size_t>(range.begin + i)] =
        score_sequence(batch.host_losses(i), batch.host_targets(i), dataset.token_bytes());
  }
}

/// All ranks get all scores; `mine` is the range that this rank has filled.
void gather(Communicator& communicator, std::vector<SequenceScore>& scores, Range mine) {
  constexpr std::int64_t kFields = sizeof(SequenceScore) / sizeof(double);
  const std::span<double> values(&scores.front().nats, scores.size() * kFields);
  const Range fields{mine.begin * kFields, mine.end * kFields};
  communicator.all_gather(values, {&fields, 1});
}

bool is_any(Communicator& ranks, bool mine) { return ranks.sum(mine ? 1 : 0) > 0; }

}  // namespace

SequenceScore score_sequence(std::span<const float> losses, std::span<const std::int32_t> targets,
                             std::span<const std::uint8_t> token_bytes) {
  SequenceScore score;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double nats = static_cast<double>(losses[i]);
    const std::uint8_t bytes = token_bytes[static_cast<std::size_t>(targets[i])];
    score.nats += nats;
    score.text_nats += bytes > 0 ? nats : 0;
    score.bytes += bytes;
  }
  return score;
}

Evaluation summarize(std::span<const SequenceScore> scores, std::int64_t seq_len) {
  SequenceScore total;
  for (const SequenceScore& score : scores) {
    total.nats += score.nats;
    total.text_nats += score.text_nats;
    total.bytes += score.bytes;
  }
  Evaluation evaluation;
  evaluation.tokens = static_cast<std::int64_t>(scores.size()) * seq_len;
  evaluation.bytes = static_cast<std::int64_t>(total.bytes);
  evaluation.loss_nats = total.nats / static_cast<double>(evaluation.tokens);
  if (total.bytes > 0) {
    evaluation.bits_per_byte = total.text_nats / (std::numbers::ln2 * total.bytes);
  }
  evaluation.standard_error =
      standard_error(scores, evaluation.loss_nats, static_cast<double>(seq_len));
  return evaluation;
}

std::int64_t validation_windows(const RunSpec& spec) {
  return spec.validation_tokens / spec.shape.seq_len;
}

std::optional<Evaluation> evaluate(Replica& replica, const RunSpec& spec, const Dataset& dataset,
                                   const std::function<bool()>& stop) {
  const std::int64_t n_windows = validation_windows(spec);
  std::vector<SequenceScore> scores(static_cast<std::size_t>(n_windows));
  // Micro-batches begin at the same windows for any number of ranks: equal shapes, equal bits.
  const std::int64_t unit = spec.micro_batch_seqs;
  Communicator& data = *replica.mesh().data;
  const Range mine = share_of(n_windows, data.rank(), data.size(), unit);
  bool stopped = false;
  for (std::int64_t begin = mine.begin; begin < mine.end; begin += unit) {
    // Ranks that share a model compute each micro-batch together, or none of them does.
    stopped = is_any(*replica.mesh().tensor, stop && stop());
    if (stopped) break;
    score_windows(replica, dataset, {begin, std::min(mine.end, begin + unit)}, scores);
  }
  if (is_any(replica.mesh().world, stopped)) return std::nullopt;
  gather(data, scores, mine);
  return summarize(scores, spec.shape.seq_len);
}

}  // namespace isoflop
