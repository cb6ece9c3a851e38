// SPDX-License-Identifier: Apache-2.0
#include "train/train_request.h"

#include <algorithm>
#include <string>

#include "isoflop/error.h"
#include "train/evaluate.h"
#include "train/ranks/tensor_shard.h"

namespace isoflop {
namespace {

void check_data(const RunSpec& spec, const Dataset& dataset) {
  const DatasetInfo& info = dataset.info();
  const auto complain = [](const std::string& text) {
    throw Error(ErrorCode::invalid_argument, text);
  };
  if (info.hash != spec.dataset_hash) {
    complain("/dataset_hash: must be that of data set \"" + info.name + "\", " + info.hash +
             ", got " + spec.dataset_hash);
  }
  if (spec.shape.vocab_size < info.vocab_size) {
    complain("/shape/vocab_size: must be at least the data set's " +
             std::to_string(info.vocab_size) + ", got " + std::to_string(spec.shape.vocab_size));
  }
  const std::int64_t n_windows = dataset.validation_sequences(spec.shape.seq_len);
  if (validation_windows(spec) < 1 || validation_windows(spec) > n_windows) {
    complain("/validation_tokens: must be from seq_len = " + std::to_string(spec.shape.seq_len) +
             " to " + std::to_string(n_windows * spec.shape.seq_len) +
             ", the whole windows of the validation split, got " +
             std::to_string(spec.validation_tokens));
  }
}

}  // namespace

void check_request(const RunSpec& spec, const Dataset& dataset, const TrainOptions& options) {
  validate(spec);
  check_data(spec, dataset);
  if (options.n_threads < 1) {
    throw Error(ErrorCode::invalid_argument,
                "n_threads: must be > 0, got " + std::to_string(options.n_threads));
  }
  check_tensor_parallel(spec.shape, options.tensor_parallel);
}

int count_data_ranks(const RunSpec& spec, int n_threads) {
  return static_cast<int>(std::min<std::int64_t>(n_threads, spec.data_parallel));
}

int count_local_ranks(const RunSpec& spec, const TrainOptions& options) {
  const int n_ranks = options.tensor_parallel * count_data_ranks(spec, options.n_threads);
  const int n_processes = options.launch.n_processes;
  const int n_local = n_ranks / n_processes;
  if (n_local * n_processes != n_ranks || n_local % options.tensor_parallel != 0) {
    throw Error(ErrorCode::invalid_argument,
                "launch: " + std::to_string(n_processes) + " processes cannot share " +
                    std::to_string(n_ranks) +
                    " ranks: each must carry as many, and whole groups of " +
                    std::to_string(options.tensor_parallel) + " tensor-parallel ones");
  }
  return n_local;
}

}  // namespace isoflop
