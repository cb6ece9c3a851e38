// SPDX-License-Identifier: Apache-2.0
// Sums over points, compiled once per instruction set. Plain types only: see vector_math.h.
#pragma once

#include <cstdint>

namespace isoflop {

/// Columns are padded to this many doubles with points of weight 0.
inline constexpr std::int64_t kColumnBlock = 8;

/// Points as columns of `n` doubles, n a multiple of kColumnBlock: x and y the centred logarithms
/// of size and tokens, target the loss or its logarithm.
struct SurfaceColumns {
  std::int64_t n = 0;
  const double *x = nullptr, *y = nullptr, *target = nullptr, *weight = nullptr;
};

/// Huber's function of r = predicted - target, or of ln(predicted) - target; delta may be infinite.
struct ResidualLoss {
  bool logarithmic = true;
  double delta = 1e-3;
};

/// Of (E, A, B, alpha, beta); the Hessian's lower triangle by rows.
struct SurfaceDerivatives {
  double value = 0;
  double gradient[5] = {};
  double hessian[15] = {};
};

/// The surface as linear in E, A, B: residuals E one + A u + B v - target. For residuals of the
/// logarithm all four are over the loss, to first order the same; for those of the loss `one` is 1.
struct LinearColumns {
  std::int64_t n = 0;
  const double *one = nullptr, *u = nullptr, *v = nullptr, *target = nullptr, *weight = nullptr;
};

struct SurfaceKernels {
  const char* name;
  void (*exp)(std::int64_t n, const double* x, double* y);
  void (*log)(std::int64_t n, const double* x, double* y);
  /// y_i = e^(-exponent x_i) scale_i.
  void (*power)(std::int64_t n, double exponent, const double* x, const double* scale, double* y);
  double (*value)(const SurfaceColumns& points, const ResidualLoss& loss, const double* surface);
  void (*derivatives)(const SurfaceColumns& points, const ResidualLoss& loss, const double* surface,
                      SurfaceDerivatives& result);
  /// The same with the Hessian, positive semidefinite, of a step of re-weighted least squares.
  void (*majorant)(const SurfaceColumns& points, const ResidualLoss& loss, const double* surface,
                   SurfaceDerivatives& result);
  /// out_j = sum of a_i rows_ij, `n_rows` rows of n doubles one after another.
  void (*dots)(std::int64_t n, const double* a, std::int64_t n_rows, const double* rows,
               double* out);
  /// out = a b.
  void (*product)(std::int64_t n, const double* a, const double* b, double* out);
  /// Sum of weight H(residual).
  double (*linear_value)(const LinearColumns& points, double delta, const double* linear);
  /// weights = weight H'(residual) / residual: those of one step of re-weighted least squares.
  void (*huber_weights)(const LinearColumns& points, double delta, const double* linear,
                        double* weights);
};

/// The best that this machine can run, and all of them, slowest first.
[[nodiscard]] const SurfaceKernels& surface_kernels();
struct KernelList {
  const SurfaceKernels* const* first;
  int n;
};
[[nodiscard]] KernelList available_surface_kernels();

}  // namespace isoflop
