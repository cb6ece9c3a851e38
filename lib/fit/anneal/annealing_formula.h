// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <memory>
#include <vector>

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

/// What one observation sees: steps of a curve and, with `slope` above 0, the same steps of a curve
/// with the same batches.
struct AnnealingRow {
  AnnealingTerms own = {}, reference = {};
  double slope = 0;
};

/// L / L_reference^slope, in whose logarithm what both have of a batch cancels: with the reference
/// in the fit, too, these are the conditional residuals of generalised least squares. x[0] is the
/// row.
template <class Law>
struct AnnealingOfRows {
  std::shared_ptr<const std::vector<AnnealingRow>> rows;
  Law law = {};
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    using std::log;
    const AnnealingRow& row = (*rows)[static_cast<std::size_t>(x[0])];
    const T loss = law(row.own, p);
    if (row.slope == 0) return loss;
    const T reference = law(row.reference, p);
    return loss * exp(log(reference) * (-row.slope));
  }
};

}  // namespace isoflop
