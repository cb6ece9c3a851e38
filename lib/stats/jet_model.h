// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <utility>

#include <ceres/jet.h>

#include "stats/curve_model.h"

namespace isoflop {

/// A value with first and second derivatives: Ceres's jet of jets. Ceres mixes jets with their own
/// scalar only, hence the operators with double below.
template <int P>
using SecondJet = ceres::Jet<ceres::Jet<double, P>, P>;

template <int P>
SecondJet<P> operator+(SecondJet<P> jet, double s) {
  jet.a.a += s;
  return jet;
}
template <int P>
SecondJet<P> operator+(double s, SecondJet<P> jet) {
  jet.a.a += s;
  return jet;
}
template <int P>
SecondJet<P> operator-(SecondJet<P> jet, double s) {
  jet.a.a -= s;
  return jet;
}
template <int P>
SecondJet<P> operator*(SecondJet<P> jet, double s) {
  jet.a = jet.a * s;
  for (int i = 0; i < P; ++i) jet.v[i] = jet.v[i] * s;
  return jet;
}
template <int P>
SecondJet<P> operator*(double s, SecondJet<P> jet) {
  return std::move(jet) * s;
}
template <int P>
SecondJet<P> operator-(double s, const SecondJet<P>& jet) {
  return -1.0 * jet + s;
}
template <int P>
SecondJet<P> operator/(SecondJet<P> jet, double s) {
  return std::move(jet) * (1 / s);
}
template <int P>
SecondJet<P> operator/(double s, const SecondJet<P>& jet) {
  return SecondJet<P>(ceres::Jet<double, P>(s)) / jet;
}

/// The value behind a jet: what a formula may branch on.
inline double plain(double x) { return x; }
template <class T, int P>
double plain(const ceres::Jet<T, P>& jet) {
  return plain(jet.a);
}

/// A model of P parameters from a formula: `template <class T> T operator()(const Inputs& x, const
/// T* theta) const`, in +, -, *, / and the functions exp, log, sqrt, sin, cos, tanh, atan.
template <int P, class Formula>
class JetModel final : public CurveModel {
 public:
  static_assert(P <= kMaxParameters);
  explicit JetModel(Formula formula = {}) : formula_(std::move(formula)) {}

  [[nodiscard]] int n_params() const override { return P; }

  [[nodiscard]] double value(const Inputs& x, const ParameterVector& theta) const override {
    return formula_(x, theta.data());
  }

  double gradient(const Inputs& x, const ParameterVector& theta,
                  ParameterVector& gradient) const override {
    using Jet = ceres::Jet<double, P>;
    std::array<Jet, P> jets;
    for (int i = 0; i < P; ++i) jets[i] = Jet(theta[i], i);
    const Jet y = formula_(x, jets.data());
    gradient = y.v;
    return y.a;
  }

  double hessian(const Inputs& x, const ParameterVector& theta, ParameterVector& gradient,
                 ParameterMatrix& hessian) const override {
    using Jet = ceres::Jet<double, P>;
    std::array<SecondJet<P>, P> jets;
    for (int i = 0; i < P; ++i) jets[i] = SecondJet<P>(Jet(theta[i], i), i);
    const SecondJet<P> y = formula_(x, jets.data());
    gradient = y.a.v;
    hessian.resize(P, P);
    for (int i = 0; i < P; ++i) hessian.row(i) = y.v[i].v.transpose();
    return y.a.a;
  }

 private:
  Formula formula_;
};

}  // namespace isoflop
