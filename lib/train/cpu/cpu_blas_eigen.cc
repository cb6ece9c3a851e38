// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Core>

#include "train/cpu/cpu_blas.h"

namespace isoflop {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;
using ConstMatrix = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;

template <class A, class B>
void product_of(const A& a, const B& b, const Product& p) {
  Matrix c(p.c, p.m, p.n, Eigen::OuterStride<>(p.c_stride));
  if (p.accumulate)
    c.noalias() += a * b;
  else
    c.noalias() = a * b;
}

template <class A>
void with_a(const A& a, const Product& p) {
  const Eigen::OuterStride<> stride(p.b_stride);
  if (p.b_transposed)
    product_of(a, ConstMatrix(p.b, p.n, p.k, stride).transpose(), p);
  else
    product_of(a, ConstMatrix(p.b, p.k, p.n, stride), p);
}

}  // namespace

void blas_product(const Product& p) {
  const Eigen::OuterStride<> stride(p.a_stride);
  if (p.a_transposed)
    with_a(ConstMatrix(p.a, p.k, p.m, stride).transpose(), p);
  else
    with_a(ConstMatrix(p.a, p.m, p.k, stride), p);
}

void use_one_blas_thread() { Eigen::setNbThreads(1); }

bool blas_knows_the_machine() { return false; }

const char* blas_name() { return "Eigen"; }

}  // namespace isoflop
