// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <cuda_runtime_api.h>

#include "step_graph.h"
#include "train/contract/communicator.h"

namespace isoflop {

/// For CudaBackend::connect(): a communicator among the ranks of `host` that moves memory of their
/// devices by NCCL, or null where two of them use the same device, which NCCL refuses. Called by
/// all ranks together, threads of one process included; `device` is this rank's and is current, and
/// its operations run on the stream `compute`. `host`, which does what is not about tensors, must
/// outlive the result and what is split from it; `compute` and `graphs` too. The end of any of them
/// makes `graphs` forget its graphs: NCCL's waits until no graph has any of its operations.
///
/// Operations on tensors never let the host wait. They have a stream of the highest priority, one
/// for the result and all that is split from it. Behind what `compute` does when an operation is
/// called, and
///   all_gather             in front of what it does next;
///   start_reduce_scatter   beside it, until finish_reduce_scatters() has been called: the sum of
///                          one layer's gradients while those of the next are computed.
/// Sums are not NCCL's, whose order depends on the number of ranks: every rank sends each owner its
/// terms, and the owner adds them up in rank order, so that results have the same bits as the other
/// communicators'. That costs memory for the other ranks' terms of the largest reduction.
///
/// The ranges of all ranks are exchanged by `host` the first time that ranges of a tensor of so
/// many rows are seen: on every rank, they must follow from the number of rows alone as long as
/// those of one rank stay the same. Not in a stream capture: what is captured must have run once
/// before.
///
/// Where another rank fails or is lost, or NCCL reports an error, within a second all waiting of
/// the host for devices ends, and the next call throws what has happened.
[[nodiscard]] std::unique_ptr<Communicator> connect_by_nccl(int device, cudaStream_t compute,
                                                            StepGraphs& graphs, Communicator& host);

}  // namespace isoflop
