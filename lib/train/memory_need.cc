// SPDX-License-Identifier: Apache-2.0
#include "train/memory_need.h"

#include "base/text.h"
#include "train/replica.h"
#include "train/solo_communicator.h"

namespace isoflop {
namespace {

std::int64_t bytes_needed(const RunSpec& spec, const Mesh& mesh, const Backend& backend) {
  const TensorShard shard = mesh.tensor_shard();
  return Replica::size(spec, shard, mesh.data->rank(), mesh.data->size()) +
         backend.scratch_bytes(shard.local_shape(spec.shape),
                               spec.micro_batch_seqs * spec.shape.seq_len,
                               storage_type(spec.precision));
}

std::string bytes_text(std::int64_t n_bytes) { return si_text(static_cast<double>(n_bytes)) + "B"; }

/// The largest micro-batch below the spec's with which it fits; 0 where there is none.
std::int64_t largest_that_fits(RunSpec spec, const Mesh& mesh, const Backend& backend) {
  const std::int64_t per_rank = spec.batch_seqs() / spec.data_parallel;
  while (--spec.micro_batch_seqs > 0) {
    if (per_rank % spec.micro_batch_seqs != 0) continue;
    if (bytes_needed(spec, mesh, backend) <= backend.available_memory()) break;
  }
  return spec.micro_batch_seqs;
}

}  // namespace

void check_memory(const RunSpec& spec, const Mesh& mesh, const Backend& backend) {
  const std::int64_t needed = bytes_needed(spec, mesh, backend);
  const std::int64_t available = backend.available_memory();
  if (needed <= available) return;
  const std::int64_t fits = largest_that_fits(spec, mesh, backend);
  throw DoesNotFit("out of memory before the first step: the run takes " + bytes_text(needed) +
                   " on " + backend.name() + ", which has " + bytes_text(available) + " left; " +
                   (fits > 0 ? "/micro_batch_seqs " + std::to_string(fits) + " would fit, " +
                                   std::to_string(spec.micro_batch_seqs) + " does not"
                             : "no micro-batch would fit"));
}

std::int64_t memory_need(const RunSpec& spec, const Backend& backend) {
  SoloCommunicator world;
  return bytes_needed(spec, Mesh(world, 1), backend);
}

}  // namespace isoflop
