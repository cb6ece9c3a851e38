// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <cblas.h>

#include "train/cpu/cpu_blas.h"

namespace isoflop {

void blas_product(const Product& p) {
  cblas_sgemm(CblasRowMajor, p.a_transposed ? CblasTrans : CblasNoTrans,
              p.b_transposed ? CblasTrans : CblasNoTrans, static_cast<blasint>(p.m),
              static_cast<blasint>(p.n), static_cast<blasint>(p.k), 1.0f, p.a,
              static_cast<blasint>(p.a_stride), p.b, static_cast<blasint>(p.b_stride),
              p.accumulate ? 1.0f : 0.0f, p.c, static_cast<blasint>(p.c_stride));
}

void use_one_blas_thread() { openblas_set_num_threads(1); }

bool blas_knows_the_machine() { return true; }

const char* blas_name() {
  static const std::string name = std::string("OpenBLAS ") + openblas_get_corename();
  return name.c_str();
}

}  // namespace isoflop
