// SPDX-License-Identifier: Apache-2.0
// Huber's function without a branch: with c = r cut off at -+delta, H = c (r - c / 2) and H' = c.
// The sums of derivatives leave the factors A and B out; they are multiplied in at the end. A point
// costs two exponentials, and a logarithm where the residual is of logarithms.
#include "fit/surface/surface_kernels.h"

#include "stats/vector_math.h"

namespace isoflop::ISOFLOP_FIT_ISA {
namespace {

void exp(std::int64_t n, const double* x, double* y) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, exp_of(load(x + i)));
}

void log(std::int64_t n, const double* x, double* y) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(y + i, log_of(load(x + i)));
}

void power(std::int64_t n, double exponent, const double* x, const double* scale, double* y) {
  for (std::int64_t i = 0; i < n; i += kLanes) {
    store(y + i, exp_of(-exponent * load(x + i)) * load(scale + i));
  }
}

double value(const SurfaceColumns& points, const ResidualLoss& loss, const double* s) {
  Vec sum = {};
  const Vec delta = splat(loss.delta);
  for (std::int64_t i = 0; i < points.n; i += kLanes) {
    const Vec f = s[0] + s[1] * exp_of(-s[3] * load(points.x + i)) +
                  s[2] * exp_of(-s[4] * load(points.y + i));
    const Vec r = (loss.logarithmic ? log_of(f) : f) - load(points.target + i);
    const Vec clamped = smaller(larger(r, -delta), delta);
    sum += load(points.weight + i) * clamped * (r - 0.5 * clamped);
  }
  return sum_of(sum);
}

// With p = x u and q = y v; first and second are dH/df and d2H/df2.
// Majorised: the second derivatives of Huber's function are those of the parabola that touches it
// at the residual and lies above, and those of the residual are left out.
template <bool kLogarithmic, bool kMajorised>
ISOFLOP_INLINE void sum_derivatives(const SurfaceColumns& points, double delta_value,
                                    const double* s, SurfaceDerivatives& result) {
  const Vec delta = splat(delta_value);
  Vec sum = {}, f1 = {}, fu = {}, fv = {}, fp = {}, fq = {}, fxp = {}, fyq = {};
  Vec h11 = {}, h1u = {}, h1v = {}, h1p = {}, h1q = {}, huu = {}, huv = {}, hup = {}, huq = {};
  Vec hvv = {}, hvp = {}, hvq = {}, hpp = {}, hpq = {}, hqq = {};
  for (std::int64_t i = 0; i < points.n; i += kLanes) {
    const Vec x = load(points.x + i);
    const Vec y = load(points.y + i);
    const Vec weight = load(points.weight + i);
    const Vec u = exp_of(-s[3] * x);
    const Vec v = exp_of(-s[4] * y);
    const Vec f = s[0] + s[1] * u + s[2] * v;
    const Vec r = (kLogarithmic ? log_of(f) : f) - load(points.target + i);
    const Vec clamped = smaller(larger(r, -delta), delta);
    sum += weight * clamped * (r - 0.5 * clamped);
    Vec first = weight * clamped;
    Vec second = clamped == r ? weight : (kMajorised ? first / r : Vec{});
    if constexpr (kLogarithmic) {
      // r = ln f: r_i = f_i / f and r_ij = f_ij / f - r_i r_j.
      const Vec inverse = 1 / f;
      second = (kMajorised ? second : second - first) * inverse * inverse;
      first *= inverse;
    }
    const Vec p = x * u;
    const Vec q = y * v;
    f1 += first;
    fu += first * u;
    fv += first * v;
    fp += first * p;
    fq += first * q;
    fxp += first * x * p;
    fyq += first * y * q;
    const Vec su = second * u, sv = second * v, sp = second * p, sq = second * q;
    h11 += second;
    h1u += su;
    h1v += sv;
    h1p += sp;
    h1q += sq;
    huu += su * u;
    huv += su * v;
    hup += su * p;
    huq += su * q;
    hvv += sv * v;
    hvp += sv * p;
    hvq += sv * q;
    hpp += sp * p;
    hpq += sp * q;
    hqq += sq * q;
  }
  const double a = s[1], b = s[2], p1 = sum_of(fp), q1 = sum_of(fq);
  constexpr double bend = kMajorised ? 0 : 1;
  result.value = sum_of(sum);
  const double gradient[5] = {sum_of(f1), sum_of(fu), sum_of(fv), -a * p1, -b * q1};
  const double hessian[15] = {sum_of(h11),
                              sum_of(h1u),
                              sum_of(huu),
                              sum_of(h1v),
                              sum_of(huv),
                              sum_of(hvv),
                              -a * sum_of(h1p),
                              -a * sum_of(hup) - bend * p1,
                              -a * sum_of(hvp),
                              a * a * sum_of(hpp) + bend * a * sum_of(fxp),
                              -b * sum_of(h1q),
                              -b * sum_of(huq),
                              -b * sum_of(hvq) - bend * q1,
                              a * b * sum_of(hpq),
                              b * b * sum_of(hqq) + bend * b * sum_of(fyq)};
  __builtin_memcpy(result.gradient, gradient, sizeof gradient);
  __builtin_memcpy(result.hessian, hessian, sizeof hessian);
}

void derivatives(const SurfaceColumns& points, const ResidualLoss& loss, const double* surface,
                 SurfaceDerivatives& result) {
  if (loss.logarithmic)
    sum_derivatives<true, false>(points, loss.delta, surface, result);
  else
    sum_derivatives<false, false>(points, loss.delta, surface, result);
}

void majorant(const SurfaceColumns& points, const ResidualLoss& loss, const double* surface,
              SurfaceDerivatives& result) {
  if (loss.logarithmic)
    sum_derivatives<true, true>(points, loss.delta, surface, result);
  else
    sum_derivatives<false, true>(points, loss.delta, surface, result);
}

// Four rows at a time: one accumulator would wait for its own additions.
void dots(std::int64_t n, const double* a, std::int64_t n_rows, const double* rows, double* out) {
  std::int64_t j = 0;
  for (; j + 4 <= n_rows; j += 4) {
    const double* row = rows + j * n;
    Vec s0 = {}, s1 = {}, s2 = {}, s3 = {};
    for (std::int64_t i = 0; i < n; i += kLanes) {
      const Vec x = load(a + i);
      s0 += x * load(row + i);
      s1 += x * load(row + n + i);
      s2 += x * load(row + 2 * n + i);
      s3 += x * load(row + 3 * n + i);
    }
    out[j] = sum_of(s0);
    out[j + 1] = sum_of(s1);
    out[j + 2] = sum_of(s2);
    out[j + 3] = sum_of(s3);
  }
  for (; j < n_rows; ++j) {
    Vec s0 = {};
    for (std::int64_t i = 0; i < n; i += kLanes) s0 += load(a + i) * load(rows + j * n + i);
    out[j] = sum_of(s0);
  }
}

void product(std::int64_t n, const double* a, const double* b, double* out) {
  for (std::int64_t i = 0; i < n; i += kLanes) store(out + i, load(a + i) * load(b + i));
}

ISOFLOP_INLINE Vec linear_residual(const LinearColumns& points, const double* linear,
                                   std::int64_t i) {
  return linear[0] * load(points.one + i) + linear[1] * load(points.u + i) +
         linear[2] * load(points.v + i) - load(points.target + i);
}

double linear_value(const LinearColumns& points, double delta_value, const double* linear) {
  const Vec delta = splat(delta_value);
  Vec sum = {};
  for (std::int64_t i = 0; i < points.n; i += kLanes) {
    const Vec r = linear_residual(points, linear, i);
    const Vec clamped = smaller(larger(r, -delta), delta);
    sum += load(points.weight + i) * clamped * (r - 0.5 * clamped);
  }
  return sum_of(sum);
}

void huber_weights(const LinearColumns& points, double delta_value, const double* linear,
                   double* weights) {
  const Vec delta = splat(delta_value);
  for (std::int64_t i = 0; i < points.n; i += kLanes) {
    const Vec r = linear_residual(points, linear, i);
    const Vec size = larger(r, -r);
    store(weights + i, load(points.weight + i) * (size > delta ? delta / size : splat(1)));
  }
}

}  // namespace

extern const SurfaceKernels kKernels;
const SurfaceKernels kKernels = {.name = ISOFLOP_FIT_ISA_NAME,
                                 .exp = exp,
                                 .log = log,
                                 .power = power,
                                 .value = value,
                                 .derivatives = derivatives,
                                 .majorant = majorant,
                                 .dots = dots,
                                 .product = product,
                                 .linear_value = linear_value,
                                 .huber_weights = huber_weights};

}  // namespace isoflop::ISOFLOP_FIT_ISA
