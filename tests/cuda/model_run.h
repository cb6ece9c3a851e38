// SPDX-License-Identifier: Apache-2.0
// A few steps of small models on CUDA devices and on the CPU, and how to compare them.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "cuda_backend.h"
#include "support/catch.h"
#include "support/mesh_run.h"
#include "support/relative_difference.h"

namespace isoflop::test {

inline constexpr int kSteps = 3;

inline RunSpec model_spec(const ModelShape& shape) {
  RunSpec spec = toy_spec();
  spec.shape = shape;
  spec.batch_tokens = 4 * shape.seq_len;
  spec.micro_batch_seqs = 1;
  spec.data_parallel = 2;
  spec.init_std = 0.2;       // no gradient vanishes beside rounding
  spec.adam_epsilon = 1e-3;  // nor does Adam divide rounding by rounding
  spec.grad_clip = 0.5;      // clips
  spec.warmup_steps = 0;
  return spec;
}

struct NamedShape {
  const char* name;
  ModelShape shape;
};

/// Odd sizes, grouped queries, tied embeddings; heads that the tensor cores take and that they do
/// not.
inline std::vector<NamedShape> model_shapes() {
  const auto swiglu = FfnKind::swiglu;
  return {{"multi-head", ModelShape{2, 24, 4, 4, 6, 43, 17, 13, swiglu, false}},
          {"grouped queries", ModelShape{2, 32, 4, 2, 8, 56, 64, 24, swiglu, true}},
          {"heads of 32", ModelShape{1, 64, 2, 1, 32, 96, 33, 70, FfnKind::gelu, false}}};
}

inline Outcome run_on_cuda(const RunSpec& spec, int n_tensor = 1, int n_data = 1,
                           int n_devices = 1) {
  return run_mesh(spec, n_tensor, n_data, kSteps,
                  [&](int rank) { return make_cuda_backend_on(rank % n_devices); });
}
inline Outcome run_on_cpu(const RunSpec& spec) {
  return run_mesh(spec, 1, 1, kSteps, [](int) { return make_cpu_backend(); });
}

inline void check_close(const RunSpec& spec, const std::vector<float>& a,
                        const std::vector<float>& b, double tolerance, const std::string& what) {
  const ParameterLayout whole(spec.shape);
  for (const Parameter& parameter : whole.parameters()) {
    const double error = relative_difference(a, b, parameter.range());
    INFO(what << " of " << parameter.name << ": relative L2 difference " << error);
    CHECK(error <= tolerance);
  }
}

inline void check_close(const RunSpec& spec, const Outcome& a, const Outcome& b, double tolerance) {
  CHECK(b.copies_agree);
  check_close(spec, a.gradient, b.gradient, tolerance, "gradient");
  check_close(spec, a.weights, b.weights, tolerance, "weights");
  check_close(spec, a.first_moment, b.first_moment, tolerance, "first moment");
  check_close(spec, a.second_moment, b.second_moment, 2 * tolerance, "second moment");
  for (int step = 0; step < kSteps; ++step) {
    const StepMeasures& x = a.measures[static_cast<std::size_t>(step)];
    const StepMeasures& y = b.measures[static_cast<std::size_t>(step)];
    INFO("step " << step);
    CHECK(y.loss == Approx(x.loss).epsilon(tolerance));
    CHECK(y.norms.gradient == Approx(x.norms.gradient).epsilon(tolerance));
    CHECK(y.norms.weights == Approx(x.norms.weights).epsilon(tolerance));
  }
}

/// The largest relative L2 difference of any tensor of the first step's gradients.
inline double worst_gradient(const RunSpec& spec, const Outcome& a, const Outcome& b) {
  double worst = 0;
  const ParameterLayout whole(spec.shape);
  for (const Parameter& parameter : whole.parameters()) {
    worst = std::max(worst, relative_difference(a.gradient, b.gradient, parameter.range()));
  }
  return worst;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

inline void check_same_bits(const Outcome& a, const Outcome& b) {
  CHECK(b.copies_agree);
  CHECK(same_bits(a.gradient, b.gradient));
  CHECK(same_bits(a.weights, b.weights));
  CHECK(same_bits(a.first_moment, b.first_moment));
  CHECK(same_bits(a.second_moment, b.second_moment));
  for (std::size_t step = 0; step < kSteps; ++step) {
    CHECK(a.measures[step].loss == b.measures[step].loss);
    CHECK(a.measures[step].norms.gradient == b.measures[step].norms.gradient);
    CHECK(a.measures[step].small_batch_square == b.measures[step].small_batch_square);
  }
}

}  // namespace isoflop::test
