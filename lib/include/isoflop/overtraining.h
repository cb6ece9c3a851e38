// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "isoflop/deadweight.h"
#include "isoflop/law.h"

namespace isoflop {

/// Size and tokens of one training run, and the FLOPs of its training and of its use: k N D and
/// k/3 N T for T tokens of inference, which is a forward pass alone.
struct LifetimeSplit {
  double size = 0, tokens = 0;
  double training_compute = 0, inference_compute = 0;
  [[nodiscard]] double total_compute() const { return training_compute + inference_compute; }
};

/// The cheapest way to a loss that will be used for `inference_tokens`, beside the split that is
/// cheapest to train.
struct InferenceAware {
  double inference_tokens = 0;
  double loss = 0;
  LifetimeSplit best, compute_optimal;  // both of `loss`
};

/// Minimises k N D + k/3 N T over L(N, D) = the loss that `compute` buys at its optimum
/// (arXiv:2401.00448). With a = A/N^alpha and b = B/D^beta its condition is alpha a =
/// beta b (1 + T / (3 D)), which along the curve of one loss has one root. Throws
/// Error(invalid_argument) unless compute is finite and > 0 and inference_tokens finite and >= 0,
/// and as optimal_allocation() does.
[[nodiscard]] InferenceAware inference_aware(const LossLaw& law, double compute,
                                             double inference_tokens);
/// The same at a given loss, which must be above the law's irreducible one.
[[nodiscard]] InferenceAware inference_aware_at_loss(const LossLaw& law, double loss,
                                                     double inference_tokens);

/// A model of another size than the optimal one, trained until it is as good.
struct SameLoss {
  double size = 0, tokens = 0;
  double compute = 0;           // k N D [FLOPs]
  double compute_multiple = 1;  // over that of the optimum
};

/// The tokens with which `size` reaches the loss of the optimum of `compute`, and what that costs;
/// nothing where it is too small to reach it with any. Throws Error(invalid_argument) unless both
/// are finite and > 0, and as optimal_allocation() does.
[[nodiscard]] std::optional<SameLoss> tokens_for_same_loss(const LossLaw& law, double size,
                                                           double compute);

/// R*: repetitions after which one more adds 1/e of what the first did (arXiv:2305.16264).
inline constexpr double kRepetitionDecay = 15.39;

/// The fresh tokens that training on `tokens` is worth where only `unique_tokens` are distinct:
/// D' = U + U R* (1 - exp(-R / R*)), R = tokens / U - 1 repetitions (arXiv:2305.16264); all
/// of them where none is repeated. Throws Error(invalid_argument) unless all are finite and > 0.
[[nodiscard]] double effective_tokens(double tokens, double unique_tokens,
                                      double repetition_decay = kRepetitionDecay);

}  // namespace isoflop
