// SPDX-License-Identifier: Apache-2.0
#include "train/memory_need.h"

#include <algorithm>

#include "base/text.h"
#include "train/replica.h"

namespace isoflop {
namespace {

/// What devices that send to each other keep of what they get: the terms of the other ranks of the
/// largest sum of gradients, and of the sums of activations.
std::int64_t bytes_received(const RunSpec& spec, const Mesh& mesh) {
  if (!mesh.world.recordable()) return 0;  // read where it lies
  const Communicator& data = *mesh.data;
  const TensorShard shard = mesh.tensor_shard();
  std::int64_t largest = 0;
  const ParameterLayout layout(spec.shape, shard);
  const ShardPlan plan(spec, layout, data.rank(), data.size());
  for (const Bucket& bucket : plan.buckets()) {
    largest = std::max(largest, bucket.my_elements.size());
  }
  const Range mine = share_of(spec.data_parallel, data.rank(), data.size());
  const std::int64_t rows = spec.micro_batch_seqs * spec.shape.seq_len / shard.size;
  return largest * (spec.data_parallel - mine.size()) * size_of(DType::f32) +
         rows * spec.shape.d_model * (shard.size - 1) * size_of(storage_type(spec.precision));
}

std::string bytes_text(std::int64_t n_bytes) { return si_text(static_cast<double>(n_bytes)) + "B"; }

/// The largest micro-batch below the spec's with which it fits; 0 where there is none.
std::int64_t largest_that_fits(RunSpec spec, const Mesh& mesh, const Backend& backend) {
  const std::int64_t per_rank = spec.batch_seqs() / spec.data_parallel;
  while (--spec.micro_batch_seqs > 0) {
    if (per_rank % spec.micro_batch_seqs != 0) continue;
    if (memory_needed(spec, mesh, backend) <= backend.available_memory()) break;
  }
  return spec.micro_batch_seqs;
}

}  // namespace

std::int64_t memory_needed(const RunSpec& spec, const Mesh& mesh, const Backend& backend) {
  const TensorShard shard = mesh.tensor_shard();
  return Replica::size(spec, shard, mesh.data->rank(), mesh.data->size()) +
         bytes_received(spec, mesh) +
         backend.scratch_bytes(shard.local_shape(spec.shape),
                               spec.micro_batch_seqs * spec.shape.seq_len,
                               storage_type(spec.precision));
}

void check_memory(const RunSpec& spec, const Mesh& mesh, const Backend& backend) {
  const std::int64_t needed = memory_needed(spec, mesh, backend);
  const std::int64_t available = backend.available_memory();
  if (needed <= available) return;
  const std::int64_t fits = largest_that_fits(spec, mesh, backend);
  throw DoesNotFit("out of memory before the first step: the run takes " + bytes_text(needed) +
                   " on " + backend.name() + ", which has " + bytes_text(available) + " left; " +
                   (fits > 0 ? "/micro_batch_seqs " + std::to_string(fits) + " would fit, " +
                                   std::to_string(spec.micro_batch_seqs) + " does not"
                             : "no micro-batch would fit"));
}

}  // namespace isoflop
