// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "stats/jet_model.h"

namespace isoflop {

/// What the law sees of some steps: x[2] is the mean of S2 in units of its largest; x[0], x[1] and
/// x[3] are ln S1 about the curves' centre at the nodes of Gauss and Legendre's rule for S1 even
/// about its mean, of which a mean of S1^-alpha is exact to the fifth power of S1.
using AnnealingTerms = Inputs;
inline constexpr double kOuterNode = 1.3416407864998738;  // sqrt(9 / 5), in sds of S1

template <class T>
T mean_power(const AnnealingTerms& x, const T& alpha) {
  using std::exp;
  return (5.0 / 18) * (exp(alpha * (-x[0])) + exp(alpha * (-x[3]))) +
         (8.0 / 18) * exp(alpha * (-x[1]));
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
