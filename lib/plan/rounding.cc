// SPDX-License-Identifier: Apache-2.0
#include "plan/rounding.h"

#include <algorithm>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::int64_t most_micro_seqs(const BatchUnits& units) {
  return std::max<std::int64_t>(1, BatchUnits::kMicroBatchTokens / units.seq_len);
}

}  // namespace

double round_to_digits(double value, int digits) {
  return parse_double(rounded_text(value, digits)).value();
}

BatchSize batch_of_at_most(std::int64_t seqs, const BatchUnits& units) {
  const std::int64_t per_rank = std::max<std::int64_t>(1, seqs / units.data_parallel);
  const auto batch = [&](std::int64_t micro) -> BatchSize {
    const std::int64_t n_micro = std::max<std::int64_t>(1, per_rank / micro);
    return {units.data_parallel * n_micro * micro, micro};
  };
  if (units.micro_seqs > 0) return batch(units.micro_seqs);
  const std::int64_t most = std::min(per_rank, most_micro_seqs(units));
  BatchSize best = batch(most);
  for (std::int64_t micro = most - 1; micro > most / 2; --micro) {
    if (batch(micro).seqs > best.seqs) best = batch(micro);
  }
  return best;
}

BatchSize batch_of_exactly(std::int64_t seqs, const BatchUnits& units) {
  const std::int64_t per_rank = seqs / units.data_parallel;
  std::int64_t micro = units.micro_seqs;
  if (micro == 0) {
    micro = std::min(per_rank, most_micro_seqs(units));
    while (micro > 1 && per_rank % micro != 0) --micro;
  }
  ISOFLOP_CHECK(micro > 0 && seqs % (units.data_parallel * micro) == 0,
                "a fixed batch is a multiple of its units");
  return {seqs, micro};
}

}  // namespace isoflop
