// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "support/op_cases.h"
#include "train/contract/backend.h"

namespace isoflop::test {

/// Some operations of a step, with and without a workspace, and what they work on.
struct BackendStep {
  static constexpr std::int64_t kRows = 70, kCols = 24, kVocab = 9;
  Backend& backend;
  OpRun run;
  Tensor tokens, table, x, y, gain, inverse, dx, dw, dgain, losses, w;
  Matrix start = random_matrix(kRows, kCols, 1);

  explicit BackendStep(Backend& b) : backend(b), run(b, DType::bf16) {
    const Matrix row(1, kCols, 0.5), embeddings = random_matrix(kVocab, kCols, 2);
    tokens = run.ids(random_ids(kRows, kVocab, 3));
    table = run.in_out("table", embeddings, embeddings);
    x = run.in_out("x", start, start);
    y = run.output("y", start);
    gain = run.in_out("gain", row, row);
    inverse = run.output("inverse", Matrix(kRows, 1), DType::f32);
    dx = run.in_out("dx", start, start);
    dw = run.in_out("dw", Matrix(kVocab, kCols), embeddings, DType::f32);
    dgain = run.in_out("dgain", Matrix(1, kCols), row, DType::f32);
    losses = run.output("losses", Matrix(kRows, 1), DType::f32);
    w = run.in_out("w", Matrix(kCols, kCols, 0.25), row);
  }
  void operator()() {
    backend.embedding_forward(tokens, table, 0, y);
    backend.rmsnorm_forward(x, y, gain, 1e-5f, y, inverse);
    backend.linear_forward(y, w, dx);
    backend.rmsnorm_backward(y, x, gain, inverse, dx, dgain);
    backend.embedding_backward(tokens, dx, 0, dw);
    backend.rope(x, {10, 7, 2, 1, 6}, 100, false);
    backend.cross_entropy(dx, tokens, 0.5f, losses);
  }
  [[nodiscard]] std::vector<std::vector<double>> results() const {
    std::vector<std::vector<double>> values;
    for (const auto& output : run.outputs()) values.push_back(output.got);
    return values;
  }
};

}  // namespace isoflop::test
