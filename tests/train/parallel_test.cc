// SPDX-License-Identifier: Apache-2.0
// Whether the ranks of a mesh together do what one rank does. Each tensor is looked at on its own:
// a norm's gradient that was not summed over the tensor-parallel ranks leaves the loss as it was.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/mesh_run.h"
#include "support/relative_difference.h"

namespace isoflop {
namespace {

constexpr int kSteps = 3;

RunSpec spec_of(const ModelShape& shape) {
  RunSpec spec = test::toy_spec();
  spec.shape = shape;
  spec.batch_tokens = 8 * shape.seq_len;
  spec.micro_batch_seqs = 1;
  spec.data_parallel = 4;
  spec.init_std = 0.2;       // no gradient vanishes beside rounding
  spec.adam_epsilon = 1e-3;  // nor does Adam divide rounding by rounding
  spec.grad_clip = 0.5;      // clips
  spec.warmup_steps = 0;
  return spec;
}

test::Outcome run_mesh(const RunSpec& spec, int n_tensor, int n_data) {
  return test::run_mesh(spec, n_tensor, n_data, kSteps, [](int) { return make_cpu_backend(); });
}

/// Every tensor of `b` within `tolerance` of `a`, in relative L2.
void check_close(const RunSpec& spec, const std::vector<float>& a, const std::vector<float>& b,
                 double tolerance, const std::string& what) {
  const ParameterLayout whole(spec.shape);
  for (const Parameter& parameter : whole.parameters()) {
    const double error = test::relative_difference(a, b, parameter.range());
    INFO(what << " of " << parameter.name << ": relative L2 difference " << error);
    CHECK(error <= tolerance);
  }
}

void check_same(const RunSpec& spec, const test::Outcome& one, const test::Outcome& many) {
  CHECK(many.copies_agree);
  for (int step = 0; step < kSteps; ++step) {
    const StepMeasures& a = one.measures[static_cast<std::size_t>(step)];
    const StepMeasures& b = many.measures[static_cast<std::size_t>(step)];
    INFO("step " << step);
    CHECK(b.loss == Approx(a.loss).epsilon(1e-6));
    CHECK(b.norms.gradient == Approx(a.norms.gradient).epsilon(1e-5));
    CHECK(b.norms.weights == Approx(a.norms.weights).epsilon(1e-6));
  }
  check_close(spec, one.gradient, many.gradient, 1e-5, "gradient");
  check_close(spec, one.weights, many.weights, 1e-5, "weights");
  check_close(spec, one.first_moment, many.first_moment, 1e-5, "first moment");
  check_close(spec, one.second_moment, many.second_moment, 2e-5, "second moment");  // of squares
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct NamedShape {
  const char* name;
  ModelShape shape;
};

/// Odd vocabulary and d_ff everywhere; key/value heads more, fewer and much fewer than ranks.
std::vector<NamedShape> shapes() {
  const auto swiglu = FfnKind::swiglu;
  return {
      {"multi-head", ModelShape{2, 24, 4, 4, 6, 43, 17, 13, swiglu, false}},
      {"grouped-query, 2 heads for 4 ranks", ModelShape{2, 20, 8, 2, 4, 30, 23, 9, swiglu, false}},
      {"multi-query, tied", ModelShape{2, 16, 4, 1, 4, 21, 19, 10, swiglu, true}},
      {"gelu", ModelShape{1, 16, 4, 4, 4, 37, 29, 8, FfnKind::gelu, false}}};
}

}  // namespace

TEST_CASE("tensor x data parallel ranks compute what one rank does, tensor by tensor") {
  for (const auto& [name, shape] : shapes()) {
    const RunSpec spec = spec_of(shape);
    const test::Outcome one = run_mesh(spec, 1, 1);
    REQUIRE(one.measures.back().norms.gradient > spec.grad_clip);
    for (const int n_tensor : {1, 2, 4}) {
      for (const int n_data : {1, 2, 4}) {
        INFO(name << ": " << n_tensor << " x " << n_data);
        check_same(spec, one, run_mesh(spec, n_tensor, n_data));
      }
    }
  }
}

TEST_CASE("data parallel ranks do not change a bit of what tensor-parallel ones compute") {
  for (const int n_tensor : {1, 2}) {
    RunSpec spec = spec_of(shapes().front().shape);
    spec.shape.d_ff = 2000;  // several units to a layer
    const test::Outcome one = run_mesh(spec, n_tensor, 1);
    for (const int n_data : {2, 3, 4}) {
      const test::Outcome many = run_mesh(spec, n_tensor, n_data);
      CHECK(same_bits(one.weights, many.weights));
      CHECK(same_bits(one.second_moment, many.second_moment));
      for (int step = 0; step < kSteps; ++step) {
        const auto& a = one.measures[static_cast<std::size_t>(step)];
        const auto& b = many.measures[static_cast<std::size_t>(step)];
        CHECK(a.loss == b.loss);
        CHECK(a.norms.gradient == b.norms.gradient);
        CHECK(a.small_batch_square == b.small_batch_square);
      }
    }
  }
}

TEST_CASE("the small-batch gradient is that of the first micro-batches, whoever computes it") {
  // With one sequence a logical rank, all small batches together are the batch.
  RunSpec spec = spec_of(shapes().front().shape);
  spec.data_parallel = 1;
  spec.micro_batch_seqs = spec.batch_seqs();
  const test::Outcome whole = run_mesh(spec, 1, 1);
  CHECK(whole.measures[0].small_batch_square ==
        Approx(std::pow(whole.measures[0].norms.unshared_gradient, 2)).epsilon(1e-6));
  spec.micro_batch_seqs = 1;
  const double small = run_mesh(spec, 1, 1).measures[0].small_batch_square;
  CHECK(small > whole.measures[0].small_batch_square);  // noisier
  RunSpec first_sequence = spec;
  first_sequence.batch_tokens = spec.shape.seq_len;
  CHECK(small ==
        Approx(std::pow(run_mesh(first_sequence, 1, 1).measures[0].norms.unshared_gradient, 2))
            .epsilon(1e-6));
  CHECK(run_mesh(spec, 2, 1).measures[0].norms.unshared_gradient <
        whole.measures[0].norms.gradient);
}

TEST_CASE("initial weights are those of the whole model, whoever holds them") {
  const RunSpec spec = spec_of(shapes()[1].shape);
  const ParameterLayout whole(spec.shape);
  std::vector<float> expected(static_cast<std::size_t>(whole.size()));
  initial_values(whole, spec, {0, whole.size()}, expected);
  for (const int n_ranks : {2, 4}) {
    for (int rank = 0; rank < n_ranks; ++rank) {
      const ParameterLayout layout(spec.shape, {rank, n_ranks});
      std::vector<float> part(static_cast<std::size_t>(layout.size()));
      initial_values(layout, spec, {0, layout.size()}, part);
      std::int64_t n_elements = 0;
      for (const ElementRun& run : element_runs(layout, {0, layout.size()})) {
        for (std::int64_t i = 0; i < run.here.size(); ++i, ++n_elements) {
          REQUIRE(part[static_cast<std::size_t>(run.here.begin + i)] ==
                  expected[static_cast<std::size_t>(run.whole + i)]);
        }
      }
      CHECK(n_elements * n_ranks >= whole.size() * 9 / 10);  // gaps hold none
    }
  }
}

TEST_CASE("a shape that ranks cannot share is refused") {
  const ModelShape shape{1, 16, 6, 3, 4, 32, 16, 8, FfnKind::swiglu, false};
  CHECK_NOTHROW(check_tensor_parallel(shape, 3));
  CHECK_NOTHROW(check_tensor_parallel(shape, 6));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(check_tensor_parallel(shape, 2)),
             contains("tensor_parallel: must be a divisor of n_kv_heads = 3, or a multiple of it "
                      "that divides n_heads = 6, got 2"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(check_tensor_parallel(shape, 0)), contains("must be > 0"));
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(check_tensor_parallel(shape, 48)), contains("at most d_ff"));
}

}  // namespace isoflop
