// SPDX-License-Identifier: Apache-2.0
#include "train/memory_need.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "base/text.h"
#include "train/device/device.h"
#include "train/device/host_memory.h"
#include "train/network/parameters.h"
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

using Need = std::function<std::int64_t(const RunSpec&)>;

/// The largest micro-batch below the spec's with which it fits; 0 where there is none.
std::int64_t largest_that_fits(RunSpec spec, const Need& need, std::int64_t available) {
  const std::int64_t per_rank = spec.batch_seqs() / spec.data_parallel;
  while (--spec.micro_batch_seqs > 0) {
    if (per_rank % spec.micro_batch_seqs != 0) continue;
    if (need(spec) <= available) break;
  }
  return spec.micro_batch_seqs;
}

/// `place` is "gpu 0", or the like.
void require_room(const RunSpec& spec, const Need& need, std::int64_t available,
                  const std::string& place) {
  const std::int64_t needed = need(spec);
  if (needed <= available) return;
  const std::int64_t fits = largest_that_fits(spec, need, available);
  throw DoesNotFit("out of memory before the first step: the run takes " + bytes_text(needed) +
                   " on " + place + ", which has " + bytes_text(available) + " left; " +
                   (fits > 0 ? "/micro_batch_seqs " + std::to_string(fits) + " would fit, " +
                                   std::to_string(spec.micro_batch_seqs) + " does not"
                             : "no micro-batch would fit"));
}

/// What a checkpoint keeps of each parameter: the weight and two moments.
constexpr std::int64_t kSnapshotBytes = 3 * sizeof(float);

std::int64_t host_memory_needed(const RunSpec& spec, const TrainOptions& options, int n_local) {
  const int n_ranks = options.launch.n_processes * n_local;
  const int n_tensor = std::max(1, options.tensor_parallel);
  const int first = options.launch.process * n_local;
  std::int64_t total = 0;
  for (int rank = first; rank < first + n_local; ++rank) {
    total += Replica::size(spec, {rank % n_tensor, n_tensor}, rank / n_tensor, n_ranks / n_tensor);
  }
  if (first > 0) return total;
  const int n_snapshots = !options.checkpoint_folder.empty() + !options.trunk_folder.empty();
  return total + n_snapshots * kSnapshotBytes * ParameterLayout(spec.shape).size();
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
  const auto need = [&](const RunSpec& other) { return memory_needed(other, mesh, backend); };
  require_room(spec, need, backend.available_memory(), backend.name());
}

double weight_bytes(const RunSpec& spec) {
  return static_cast<double>(count_params(spec.shape).total()) *
         static_cast<double>(size_of(storage_type(spec.precision)));
}

void check_host_memory(const RunSpec& spec, const TrainOptions& options, int n_local_ranks) {
  if (kind_of(options.device) != "cpu") return;
  const std::optional<std::int64_t> available = available_host_memory();
  if (!available) return;
  // The exact count makes a plan, which takes memory itself.
  const double least = weight_bytes(spec) * n_local_ranks / std::max(1, options.tensor_parallel);
  if (least > static_cast<double>(*available)) {
    throw DoesNotFit("out of memory before the first step: the weights alone take " +
                     si_text(least) + "B on this machine, which has " + bytes_text(*available) +
                     " left; no micro-batch would fit");
  }
  const auto need = [&](const RunSpec& other) {
    return host_memory_needed(other, options, n_local_ranks);
  };
  require_room(spec, need, *available, "this machine");
}

}  // namespace isoflop
