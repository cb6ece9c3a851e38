// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "isoflop/run_spec.h"
#include "train/network/parameters.h"

namespace isoflop {

/// Elements of an arena that the optimizer treats alike. Cut the same way for any number of
/// data-parallel ranks, so that partial sums over units add up in one order.
struct Unit {
  Range elements;
  TensorScales scales;
  bool owned = true;    // counts here, not on another tensor-parallel rank that holds it too
  bool shared = false;  // several tensor-parallel ranks hold it
};

/// One layer's gradients: they become final, and are summed over the data-parallel ranks, together.
struct Bucket {
  Range elements;
  Range my_units = {},
        my_elements = {};  // this data-parallel rank's share of the bucket, whole units
  std::int64_t first = 0;  // where my_elements begin in an array of all of this rank's shares
};

/// Who updates what: each data-parallel rank holds the optimizer's state of a share of every bucket
/// (ZeRO stage 1, arXiv:1910.02054).
class ShardPlan {
 public:
  ShardPlan(const RunSpec& spec, const ParameterLayout& layout, int rank, int n_ranks);

  [[nodiscard]] const std::vector<Unit>& units() const { return units_; }
  [[nodiscard]] const std::vector<Bucket>& buckets() const { return buckets_; }
  /// By Transformer::LayerDone's numbers.
  [[nodiscard]] std::size_t bucket_of_layer(std::int64_t layer) const {
    return static_cast<std::size_t>(layer + 1);
  }
  [[nodiscard]] std::size_t bucket_of_gains() const { return buckets_.size() - 1; }
  /// Elements of all of this rank's shares.
  [[nodiscard]] std::int64_t n_elements() const { return n_elements_; }

 private:
  void add_units(const RunSpec& spec, const ParameterLayout& layout);
  void add_bucket(Range elements, int rank, int n_ranks);

  std::vector<Unit> units_;
  std::vector<Bucket> buckets_;
  std::int64_t n_elements_ = 0;
};

}  // namespace isoflop
