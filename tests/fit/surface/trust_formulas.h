// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "stats/jet_model.h"

namespace isoflop::test {

// The formulas of trust_certify.py, b its parameters, x the point.
#define ISOFLOP_FORMULA(Name, Expression)             \
  struct Name {                                       \
    template <class T>                                \
    T operator()(const Inputs& x, const T* b) const { \
      using std::cos, std::exp, std::log;             \
      return Expression;                              \
    }                                                 \
  }

template <class T>
T square(const T& value) {
  return value * value;
}
template <class T>
T gauss(const T* b, double x) {
  using std::exp;
  return b[0] * exp(-square((x - b[1]) / b[2]));
}

ISOFLOP_FORMULA(ExponentialRise, b[0] * (1.0 - exp(b[1] * -x[0])));
ISOFLOP_FORMULA(TwoDecays, b[0] * exp(b[1] * -x[0]) + b[2] * exp(b[3] * -x[0]));
ISOFLOP_FORMULA(PowerLawAndConstant, b[0] + b[1] * exp(b[2] * -std::log(x[0])));
ISOFLOP_FORMULA(TwoGauss, b[0] * exp(b[1] * -x[0]) + gauss(b + 2, x[0]) + gauss(b + 5, x[0]));
ISOFLOP_FORMULA(Saturation, b[0] * b[1] * x[0] / (b[1] * x[0] + 1.0));
ISOFLOP_FORMULA(PowerOfShift, b[0] * exp(-log(b[1] + x[0]) / b[2]));
ISOFLOP_FORMULA(Rational22, (b[0] + b[1] * x[0] + b[2] * (x[0] * x[0])) /
                                (b[3] * x[0] + b[4] * (x[0] * x[0]) + 1.0));
ISOFLOP_FORMULA(Logistic, b[0] / (exp(b[1] - b[2] * x[0]) + 1.0));
ISOFLOP_FORMULA(Season, b[0] + b[1] * cos(2 * M_PI * x[0] / b[2]) + b[3] * x[0]);
ISOFLOP_FORMULA(Rational33, (b[0] + x[0] * (b[1] + x[0] * (b[2] + x[0] * b[3]))) /
                                (x[0] * (b[4] + x[0] * (b[5] + x[0] * b[6])) + 1.0));
ISOFLOP_FORMULA(Peak, b[0] / b[1] * exp(-0.5 * square((x[0] - b[2]) / b[1])));
ISOFLOP_FORMULA(Richards, b[0] * exp(-log(exp(b[1] - b[2] * x[0]) + 1.0) / b[3]));
ISOFLOP_FORMULA(RationalSparse,
                b[0] * (b[1] * x[0] + x[0] * x[0]) / (b[2] * x[0] + x[0] * x[0] + b[3]));
ISOFLOP_FORMULA(ThreeDecays,
                b[0] * exp(b[1] * -x[0]) + b[2] * exp(b[3] * -x[0]) + b[4] * exp(b[5] * -x[0]));
ISOFLOP_FORMULA(LossSurface,
                b[0] + b[1] * exp(b[3] * -std::log(x[0])) + b[2] * exp(b[4] * -std::log(x[1])));
ISOFLOP_FORMULA(KaplanSurface, exp(b[3] * log(exp((b[0] - b[2] * std::log(x[0])) / b[3]) +
                                              exp((b[1] - b[3] * std::log(x[1])) / b[3]))));
#undef ISOFLOP_FORMULA

inline std::map<std::string, std::unique_ptr<CurveModel>> trust_models() {
  std::map<std::string, std::unique_ptr<CurveModel>> models;
  models["exponential_rise"] = std::make_unique<JetModel<2, ExponentialRise>>();
  models["two_decays"] = std::make_unique<JetModel<4, TwoDecays>>();
  models["power_law"] = std::make_unique<JetModel<3, PowerLawAndConstant>>();
  models["two_gauss_low"] = std::make_unique<JetModel<8, TwoGauss>>();
  models["saturation"] = std::make_unique<JetModel<2, Saturation>>();
  models["power_of_shift"] = std::make_unique<JetModel<3, PowerOfShift>>();
  models["rational_2_2"] = std::make_unique<JetModel<5, Rational22>>();
  models["logistic"] = std::make_unique<JetModel<3, Logistic>>();
  models["season"] = std::make_unique<JetModel<4, Season>>();
  models["rational_3_3"] = std::make_unique<JetModel<7, Rational33>>();
  models["peak"] = std::make_unique<JetModel<3, Peak>>();
  models["richards"] = std::make_unique<JetModel<4, Richards>>();
  models["rational_sparse"] = std::make_unique<JetModel<4, RationalSparse>>();
  models["three_decays"] = std::make_unique<JetModel<6, ThreeDecays>>();
  models["loss_surface"] = std::make_unique<JetModel<5, LossSurface>>();
  models["kaplan_surface"] = std::make_unique<JetModel<4, KaplanSurface>>();
  return models;
}

}  // namespace isoflop::test
