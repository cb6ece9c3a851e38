// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "isoflop/run_spec.h"
#include "train/mesh.h"
#include "train/parameters.h"
#include "train/shard_plan.h"
#include "train/snapshot.h"

namespace isoflop {

/// Euclidean norms over the whole model, infinite or NaN where any element is.
struct Norms {
  double gradient = 0, weights = 0;
  double unshared_gradient = 0;  // over what one tensor-parallel rank alone holds
};

/// AdamW (arXiv:1711.05101) on this rank's share of the parameters. `weights` is the arena that the
/// model reads: in fp32 what is updated, in bf16 a copy, rounded, of fp32 master weights of which
/// each rank holds its share.
class ShardedAdamW {
 public:
  ShardedAdamW(const RunSpec& spec, Backend& backend, Mesh& mesh, const ParameterLayout& layout,
               const ShardPlan& plan, Tensor weights);

  /// Weights from the spec's seed, moments zero.
  void initialize();
  /// Of the share's gradient, summed over all ranks, which lies in `gradient`, an arena.
  [[nodiscard]] Norms measure(Tensor gradient);
  /// One step with the gradient clipped to spec.grad_clip; then all ranks have all weights.
  void update(Tensor gradient, double gradient_norm, std::int64_t step);

  /// Writes this rank's share of the run's state into the snapshot; each element has one writer.
  void store(Snapshot& snapshot);
  void load(const Snapshot& snapshot);

  [[nodiscard]] static std::int64_t size(const RunSpec& spec, const ShardPlan& plan);

 private:
  [[nodiscard]] Tensor master(const Bucket& bucket, Range elements) const;
  [[nodiscard]] static Tensor share(Buffer& buffer, const Bucket& bucket, Range elements);
  /// Calls visit(bucket, elements, scales) for the pieces of this rank's share that are treated
  /// alike.
  template <class Visit>
  void for_each_piece(Visit visit) const;
  void publish();
  void squared_norms(Tensor gradient);
  [[nodiscard]] double total(std::span<const double> squares, bool unshared_only) const;

  const RunSpec& spec_;
  Backend& backend_;
  Mesh& mesh_;
  const ParameterLayout& layout_;
  const ShardPlan& plan_;
  Tensor weights_;
  std::unique_ptr<Buffer> master_, first_moment_, second_moment_;
  std::vector<Range> shares_, unit_shares_;  // of every bucket: elements, units
  std::vector<Range> parts_;                 // of one bucket's share: its units
  // Of every unit; of the rounded copy where there is one.
  std::vector<double> gradient_squares_, weight_squares_, copy_squares_;
};

/// What weights and activations are stored as.
[[nodiscard]] inline DType storage_type(Precision precision) {
  return precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace isoflop
