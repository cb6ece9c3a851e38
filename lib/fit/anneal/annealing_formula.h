// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "stats/jet_model.h"

namespace isoflop {

/// What the law sees of some steps: x[0] and x[1] are ln S1 about the curves' centre, one sd of S1
/// below and above its mean over the steps, by which the mean of S1^-alpha is found to third order;
/// x[2] is the mean of S2 in units of its largest.
using AnnealingTerms = Inputs;

template <class T>
T mean_power(const AnnealingTerms& x, const T& alpha) {
  using std::exp;
  return 0.5 * (exp(alpha * (-x[0])) + exp(alpha * (-x[1])));
}

/// L0 + A S1^-alpha - C S2; three parameters where no curve has a decay.
template <bool kDecay>
struct AnnealingFormula {
  template <class T>
  T operator()(const AnnealingTerms& x, const T* p) const {
    T loss = p[0] + p[1] * mean_power(x, p[2]);
    if constexpr (kDecay) loss = loss - p[3] * x[2];
    return loss;
  }
};

/// The same with the loss at `target` in the place of L0.
template <bool kDecay>
struct AnnealingAtTarget {
  AnnealingTerms target = {};
  template <class T>
  T operator()(const AnnealingTerms& x, const T* p) const {
    T loss = p[0] + p[1] * (mean_power(x, p[2]) - mean_power(target, p[2]));
    if constexpr (kDecay) loss = loss - p[3] * (x[2] - target[2]);
    return loss;
  }
};

}  // namespace isoflop
