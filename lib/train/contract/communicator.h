// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "isoflop/error.h"
#include "train/contract/backend.h"
#include "train/contract/range.h"

namespace isoflop {

/// What a group of ranks says to each other. Every rank makes the same calls in the same order.
/// Sums are added up in rank order. Ranges are of rows of the tensors; those of all ranks are
/// disjoint.
class Communicator {
 public:
  virtual ~Communicator() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// Returns when all ranks have called it.
  virtual void barrier() = 0;
  /// A communicator among the ranks that give the same `color`, in their order.
  [[nodiscard]] virtual std::unique_ptr<Communicator> split(int color) = 0;

  /// The sum over the ranks, the same bits on all of them.
  [[nodiscard]] virtual double sum(double value) = 0;
  /// Every rank has filled its own ranges; afterwards every rank holds all of them.
  virtual void all_gather(std::span<double> values, std::span<const Range> mine) = 0;
  virtual void all_gather(Backend& backend, Tensor values, std::span<const Range> mine) = 0;

  /// Starts the sum of all contributions of all ranks, in rank order and within a rank in the order
  /// given: once finish_reduce_scatters() has returned, the rows `mine` of the first contribution
  /// hold it. Until then no rank may write to the contributions, and what the spans view must live.
  virtual void start_reduce_scatter(Backend& backend, std::span<const Tensor> contributions,
                                    std::span<const Range> mine) = 0;
  virtual void finish_reduce_scatters(Backend& backend) = 0;

  /// Whether the operations on tensors may be part of what a backend repeats.
  [[nodiscard]] virtual bool recordable() const { return false; }
  /// Throws what the calls above throw once another rank has failed or is lost. From any thread.
  virtual void check() {}
  /// Ends the work of all ranks with this error, as if this one had thrown it. From any thread.
  virtual void fail(const Error& error) { (void)error; }
};

/// The rows `mine` of `values` become their sum over the ranks.
inline void reduce_scatter(Communicator& communicator, Backend& backend, Tensor values,
                           Range mine) {
  communicator.start_reduce_scatter(backend, {&values, 1}, {&mine, 1});
  communicator.finish_reduce_scatters(backend);
}

/// `values` becomes its sum over the ranks, the same bits on all of them.
inline void all_reduce(Communicator& communicator, Backend& backend, Tensor values) {
  if (communicator.size() == 1) return;
  const Range mine = share_of(values.rows, communicator.rank(), communicator.size());
  reduce_scatter(communicator, backend, values, mine);
  communicator.all_gather(backend, values, {&mine, 1});
}

}  // namespace isoflop
