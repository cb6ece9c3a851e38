// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "train/ranks/mesh.h"

namespace isoflop {

/// Sums that one step takes before it updates anything. Squares are of Euclidean norms.
enum class Measure : std::int64_t {
  gradient,     // squares, over the whole model
  weights,      // squares, of what is updated
  copy,         // squares, of what the model reads, where that is rounded
  unshared,     // squares of the gradient over what one tensor-parallel rank alone holds
  small_batch,  // the same of the first micro-batches of all logical ranks, added up
  loss,         // over the batch [nats]; the same on all tensor-parallel ranks
};
inline constexpr std::int64_t kMeasures = 6;

/// The measures of a step, in a backend's memory: the optimizer needs them there, and the host can
/// have them later, when nobody waits for them any more. All f64.
class Measures {
 public:
  Measures(Backend& backend, Mesh& mesh);

  /// Where this rank's term of a measure belongs, [1, 1]; the term of `loss` on the first
  /// tensor-parallel rank only.
  [[nodiscard]] Tensor term(Measure measure) const;
  /// All terms are there: adds them up over the tensor-parallel ranks.
  void add_up();
  /// The sums, in the order of Measure; gradient comes first.
  [[nodiscard]] Tensor sums() const;

  /// Starts the sums' way to the host: of one step more than the host may be ahead at a time.
  void send_to_host();
  /// Those that were sent first.
  [[nodiscard]] std::array<double, kMeasures> receive();

  [[nodiscard]] static std::int64_t size(int n_tensor) { return 8 * kMeasures * (n_tensor + 2); }

 private:
  Backend& backend_;
  Communicator& tensor_;
  std::unique_ptr<Buffer> memory_;
  Tensor terms_;  // [ranks, measures]
  std::vector<Tensor> by_rank_;
  std::vector<std::unique_ptr<Staging>> on_their_way_;
  std::size_t n_sent_ = 0, n_received_ = 0;
};

}  // namespace isoflop
