// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "isoflop/run_spec.h"
#include "train/checkpoint/snapshot.h"
#include "train/device/device_table.h"
#include "train/network/parameters.h"
#include "train/optimizer/measures.h"
#include "train/optimizer/shard_plan.h"
#include "train/ranks/mesh.h"

namespace isoflop {

/// AdamW (arXiv:1711.05101) on this rank's share of the parameters. `weights` is the arena that the
/// model reads: in fp32 what is updated, in bf16 a copy, rounded, of fp32 master weights of which
/// each rank holds its share. `gradient` is an arena whose elements of the share hold the sum over
/// all ranks when measure() and update() are called.
class ShardedAdamW {
 public:
  ShardedAdamW(const RunSpec& spec, Backend& backend, Mesh& mesh, const ParameterLayout& layout,
               const ShardPlan& plan, Tensor weights, Tensor gradient);

  /// Weights from the spec's seed, moments zero.
  void initialize();

  /// Sends what depends on the number of the step. The rest of a step does not, and waits for
  /// nothing.
  void begin_step(std::int64_t step);
  /// Terms of the norms.
  void measure(Measures& measures);
  /// Where all measures are finite, one step with the gradient clipped to spec.grad_clip; then all
  /// ranks have all weights. Where one is not, nothing changes any more.
  void update(const Measures& measures);

  /// All data-parallel ranks call these together, between two steps. The first of them writes what
  /// its tensor-parallel rank owns into the snapshot, or reads what it holds; the others give null.
  void store(Snapshot* snapshot);
  void load(const Snapshot* snapshot);

  /// This rank's term of the square of an arena's norm, over what it alone holds.
  void measure_unshared(Tensor arena, Tensor result);

  [[nodiscard]] static std::int64_t size(const RunSpec& spec, const ShardPlan& plan);

 private:
  [[nodiscard]] Tensor master(const Bucket& bucket, Range elements) const;
  [[nodiscard]] static Tensor share(Buffer& buffer, const Bucket& bucket, Range elements);
  [[nodiscard]] AdamWPart part_of(const Bucket& bucket, const Unit& unit) const;
  void make_tables();
  void publish();
  void begin_updating();
  void download(std::vector<float>& whole);
  void upload(const std::vector<float>& whole);
  /// Squares of this rank's units into its places of row `row` of squares_.
  void square_units(Tensor x, const DeviceTable<Range>& units, std::int64_t row);
  [[nodiscard]] Tensor squares(std::int64_t row) const;

  const RunSpec& spec_;
  Backend& backend_;
  Mesh& mesh_;
  const ParameterLayout& layout_;
  const ShardPlan& plan_;
  Tensor weights_, gradient_;
  std::unique_ptr<Buffer> master_, first_moment_, second_moment_;
  std::vector<Range> shares_, unit_shares_;  // of every bucket: elements, units

  // In the backend's memory: this rank's units, as the optimizer sees them, as elements of an
  // arena, and as elements of the master weights; which units of all count for which norm; sums of
  // squares of all units, a row for each norm.
  std::optional<DeviceTable<AdamWPart>> parts_;
  std::optional<DeviceTable<Range>> my_units_, my_master_units_, unshared_units_;
  std::optional<DeviceTable<double>> counts_once_, counts_unshared_, ones_;
  std::unique_ptr<Buffer> squares_, step_, scale_;
  std::unique_ptr<Staging> step_on_its_way_;
};

/// What weights and activations are stored as.
[[nodiscard]] inline DType storage_type(Precision precision) {
  return precision == Precision::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace isoflop
