// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>

#include <Eigen/Core>

namespace isoflop {

inline constexpr int kMaxParameters = 10;
/// On the stack: fits of a handful of parameters are made by the thousand.
using ParameterVector = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kMaxParameters, 1>;
using ParameterMatrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kMaxParameters, kMaxParameters>;

/// What a model is evaluated at; unused entries are 0.
using Inputs = std::array<double, 4>;

struct Observation {
  Inputs x = {};
  double y = 0;
  double weight = 1;
};

/// y = f(x; theta) with exact first and second derivatives in theta. jet_model.h makes one from a
/// formula.
class CurveModel {
 public:
  virtual ~CurveModel() = default;
  [[nodiscard]] virtual int n_params() const = 0;
  [[nodiscard]] virtual double value(const Inputs& x, const ParameterVector& theta) const = 0;
  virtual double gradient(const Inputs& x, const ParameterVector& theta,
                          ParameterVector& gradient) const = 0;
  virtual double hessian(const Inputs& x, const ParameterVector& theta, ParameterVector& gradient,
                         ParameterMatrix& hessian) const = 0;
};

}  // namespace isoflop
