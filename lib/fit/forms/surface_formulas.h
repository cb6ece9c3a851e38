// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "stats/jet_model.h"

namespace isoflop {

/// The forms of the loss surface as formulas for JetModel, in FormContext's u, v and w: x[0], x[1]
/// and x[2]. Above each stand its parameters.

/// (E, A, B, alpha, beta): E + A e^(-alpha u) + B e^(-beta v).
struct Chinchilla {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    return p[0] + p[1] * exp(p[3] * -x[0]) + p[2] * exp(p[4] * -x[1]);
  }
};

/// (ln of the size's term alone, of the data's term alone, alpha_N, alpha_D), at u = v = 0.
struct Kaplan {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    using std::log;
    const T size = (p[0] - p[2] * x[0]) / p[3];
    const T data = (p[1] - p[3] * x[1]) / p[3];
    // The larger one outside: neither overflows where alpha_D is small.
    const bool size_first = plain(size) > plain(data);
    const T& larger = size_first ? size : data;
    const T& smaller = size_first ? data : size;
    return exp(p[3] * (larger + log(exp(smaller - larger) + 1.0)));
  }
};

/// (E, a, b, eta): E + (a M^eta + b M^-eta) C^-eta with ln M = v - u and ln C = u + v.
struct Overtraining {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    const double m = x[1] - x[0];
    const double c = x[0] + x[1];
    return p[0] + p[1] * exp(p[3] * (m - c)) + p[2] * exp(p[3] * (-m - c));
  }
};

/// (E, A, B, alpha, beta, R_D*, R_N*).
struct DataConstrained {
  // Effective ln of `unique (1 + r)`, what goes beyond `unique` counting ever less.
  template <class T>
  static T effective(const T& log_unique, const T& excess, const T& half) {
    using std::exp;
    using std::log;
    return log_unique + log(half * (1.0 - exp(-excess / half)) + 1.0);
  }
  /// ln of the effective size: what is beyond the best for the unique tokens counts ever less.
  template <class T>
  static T size(const Inputs& x, const T* p) {
    using std::exp;
    using std::log;
    const T best = (log(p[3] * p[1] / (p[4] * p[2])) + p[4] * x[2]) / p[3];
    const T excess = exp(x[0] - best) - 1.0;
    return plain(excess) > 0 ? effective(best, excess, p[6]) : p[6] * 0.0 + x[0];
  }
  /// ln of the effective tokens.
  template <class T>
  static T tokens(const Inputs& x, const T* p) {
    if (x[1] <= x[2]) return p[5] * 0.0 + x[1];
    return effective(p[5] * 0.0 + x[2], p[5] * 0.0 + std::expm1(x[1] - x[2]), p[5]);
  }
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    return p[0] + p[1] * exp(-(size(x, p) * p[3])) + p[2] * exp(-(p[4] * tokens(x, p)));
  }
};

/// (E, A, B, alpha, beta, kappa, gamma): E + A e^(-alpha u) + B e^(kappa u - beta v - gamma u v).
struct Interaction {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    const T data = p[5] * x[0] - p[4] * x[1] - p[6] * (x[0] * x[1]);
    return p[0] + p[1] * exp(p[3] * -x[0]) + p[2] * exp(data);
  }
};

/// (E, A, B, alpha, beta): E + S / sqrt(1 + (S / G)^2), S the sum of the two terms, G what lies
/// between E and the upper bound.
struct Bounded {
  double upper = 0;
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    using std::sqrt;
    const T sum = p[1] * exp(p[3] * -x[0]) + p[2] * exp(p[4] * -x[1]);
    const T share = sum / (upper - p[0]);
    return p[0] + sum / sqrt(share * share + 1.0);
  }
};

/// (E, T, s, p, q, k): E + T (s e^(-p u / k) + (1 - s) e^(-q v / k))^k. At u = v = 0 neither the
/// level T nor the slopes s p T and (1 - s) q T depend on k.
struct Skaling {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    using std::log;
    const T size = log(p[2]) - p[3] * x[0] / p[5];
    const T data = log(1.0 - p[2]) - p[4] * x[1] / p[5];
    // The larger one outside: neither overflows where k is small.
    const bool size_first = plain(size) > plain(data);
    const T& larger = size_first ? size : data;
    const T& smaller = size_first ? data : size;
    return p[0] + p[1] * exp(p[5] * (larger + log(exp(smaller - larger) + 1.0)));
  }
};

/// (E, A, B, C, a, b, g) in u, v and m = ln(batch / batch0), x[3]: E + A e^(-a u) + B e^(-b m) + C
/// e^(-g (v - m)).
struct ThreeTerm {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    return p[0] + p[1] * exp(p[4] * -x[0]) + p[2] * exp(p[5] * -x[3]) +
           p[3] * exp(p[6] * (x[3] - x[1]));
  }
};

/// (E, A, s, B, gamma, alpha, beta) in u, v and ln(G / G0), x[2]: E + A (1 - s + s e^(-gamma g))
/// e^(-alpha u) + B e^(-beta v).
struct MoeGranularity {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    const T share = 1.0 - p[2] + p[2] * exp(p[4] * -x[2]);
    return p[0] + p[1] * share * exp(p[5] * -x[0]) + p[3] * exp(p[6] * -x[1]);
  }
};

/// (c, A, B, alpha, beta, d, w, gamma, zeta) in u, v and e = ln(n_experts / their mean), x[2]: c +
/// A e^(-alpha u + d e - gamma u e) + B e^(-beta v + w e - zeta v e).
struct MoeExperts {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    const T size = p[5] * x[2] - p[3] * x[0] - p[7] * (x[0] * x[2]);
    const T data = p[6] * x[2] - p[4] * x[1] - p[8] * (x[1] * x[2]);
    return p[0] + p[1] * exp(size) + p[2] * exp(data);
  }
};

/// (E, A, B, alpha, beta, P, delta, kappa) in u, v, ln R and ln(N / U), R = D / U - 1: E + A
/// e^(-alpha u) + B e^(-beta v) + P R^delta (N / U)^kappa. ln R is -inf for fresh data.
struct RepetitionDamage {
  template <class T>
  T operator()(const Inputs& x, const T* p) const {
    using std::exp;
    const T sum = p[0] + p[1] * exp(p[3] * -x[0]) + p[2] * exp(p[4] * -x[1]);
    if (!std::isfinite(x[2])) return sum;
    return sum + p[5] * exp(p[6] * x[2] + p[7] * x[3]);
  }
};

}  // namespace isoflop
