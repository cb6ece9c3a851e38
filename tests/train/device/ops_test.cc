// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.h"
#include "support/count_memory.h"
#include "support/cpu_backends.h"
#include "support/op_cases.h"
#include "train/cpu/select.h"
#include "train/device/cpu_backend.h"

namespace isoflop {
namespace {

using test::every_cpu_backend;
using test::kStorages;
using test::Matrix;
using test::name_of;
using test::OpCase;
using test::OpOutput;
using test::random_matrix;

// A sum of n float products in any order is off by about 2^-24 sqrt(n) of its terms' size: 1e-6 at
// the longest sums here (n = 300), 1e-12 squared. A single element can be a difference of such sums
// that nearly cancel (dp - delta in attention): 1e-5, relative to itself plus the matrix's root
// mean square. The same for bf16, beyond what the one rounding of the output explains.
constexpr double kNmse = 1e-12, kWorst = 1e-5;

TEST_CASE("every operation agrees with its double-precision reference") {
  for (const DType storage : kStorages) {
    double worst_nmse = 0;
    for (const auto& backend : every_cpu_backend())
      for (const OpCase& op : test::op_cases(storage))
        for (const OpOutput& output : op.run(*backend)) {
          const auto error = error_of(output);
          INFO(backend->name() << ", " << name_of(storage) << ": " << describe(op.name, output));
          CHECK(output.guards_intact);
          CHECK(error.nmse <= (output.is_input ? 0 : kNmse));
          CHECK(error.worst <= (output.is_input ? 0 : kWorst));
          worst_nmse = std::max(worst_nmse, error.nmse);
        }
    INFO(name_of(storage) << ": worst NMSE " << worst_nmse);
    CHECK(worst_nmse > 0);  // the comparison saw floats
  }
}

bool equal_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y);
  });
}

using Results = std::vector<std::vector<OpOutput>>;

/// Every case's outputs, computed in the table's order or in reverse.
Results run_all(Backend& backend, DType storage, bool reverse = false) {
  const std::vector<OpCase>& cases = test::op_cases(storage);
  Results results(cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::size_t at = reverse ? cases.size() - 1 - i : i;
    results[at] = cases[at].run(backend);
  }
  return results;
}

void check_equal_bits(DType storage, const Results& first, const Results& second) {
  for (std::size_t i = 0; i < first.size(); ++i)
    for (std::size_t j = 0; j < first[i].size(); ++j) {
      INFO(test::op_cases(storage)[i].name << ": " << first[i][j].name);
      CHECK(equal_bits(first[i][j].got, second[i][j].got));
    }
}

TEST_CASE("equal inputs give equal bits, whatever ran before") {
  for (const auto& backend : every_cpu_backend())
    for (const DType storage : kStorages) {
      INFO(backend->name());
      const Results first = run_all(*backend, storage);
      check_equal_bits(storage, first, run_all(*backend, storage, true));
    }
}

TEST_CASE("backends in threads of their own give the bits of one alone") {
  for (const DType storage : kStorages) {
    const Results alone = run_all(*make_cpu_backend(), storage);
    std::array<Results, 2> together;
    std::vector<std::thread> threads;
    for (Results& results : together)
      threads.emplace_back(
          [&] { results = run_all(*make_cpu_backend(), storage, &results == &together[1]); });
    for (std::thread& thread : threads) thread.join();
    for (const Results& results : together) check_equal_bits(storage, alone, results);
  }
}

TEST_CASE("an AdamW step of slices is the step of the whole, bit for bit") {
  // Ranks step slices of the parameters; how many there are must not matter.
  constexpr std::int64_t kSize = 203;
  const test::AdamWSettings settings{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.1426f, 0.25f};
  const Matrix w = random_matrix(kSize, 1, 1), grad = random_matrix(kSize, 1, 2);
  const Matrix m = random_matrix(kSize, 1, 4);
  Matrix v = random_matrix(kSize, 1, 3);
  for (double& x : v.values) x *= x;
  for (const auto& backend : every_cpu_backend()) {
    std::vector<std::vector<OpOutput>> steps;
    for (const std::int64_t slice : {kSize, std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
      test::OpRun run(*backend, DType::f32);
      const Tensor all[] = {run.in_out("w", w, w), run.input("grad", grad), run.in_out("m", m, m),
                            run.in_out("v", v, v), run.output("rounded", w, DType::bf16)};
      for (std::int64_t first = 0; first < kSize; first += slice) {
        const auto part = [&](Tensor t) { return t.slice(first, std::min(slice, kSize - first)); };
        test::adamw_step(*backend, part(all[0]), part(all[1]), part(all[2]), part(all[3]), settings,
                         part(all[4]));
      }
      steps.push_back(run.outputs());
      INFO(backend->name() << ", slices of " << slice);
      for (std::size_t i = 0; i < steps.front().size(); ++i)
        CHECK(equal_bits(steps.front()[i].got, steps.back()[i].got));
    }
  }
}

/// Compares the gradient of <weights, f(x)> with central differences of it.
void check_gradient(const Matrix& x, const Matrix& gradient, const Matrix& weights,
                    const std::function<Matrix(const Matrix&)>& f) {
  constexpr double kStep = 1e-5;  // truncation 1e-10, rounding 1e-16 / 1e-5 of the sum
  const auto objective = [&](const Matrix& at) {
    const Matrix y = f(at);
    double sum = 0;
    for (std::size_t i = 0; i < y.values.size(); ++i) sum += y.values[i] * weights.values[i];
    return sum;
  };
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    Matrix above = x, below = x;
    above.values[i] += kStep;
    below.values[i] -= kStep;
    const double difference = (objective(above) - objective(below)) / (2 * kStep);
    INFO("element " << i);
    CHECK(gradient.values[i] == Approx(difference).epsilon(1e-6).margin(1e-8));
  }
}

TEST_CASE("the reference's gradients agree with finite differences") {
  using namespace test::reference;
  SECTION("rmsnorm") {
    const Matrix x = random_matrix(3, 5, 1), gain = random_matrix(1, 5, 2);
    const Matrix dy = random_matrix(3, 5, 3);
    const auto gradient = rmsnorm_backward(dy, x, gain, rmsnorm(x, gain, 1e-5).inverse_rms);
    check_gradient(x, gradient.dx, dy, [&](const Matrix& at) { return rmsnorm(at, gain, 1e-5).y; });
    check_gradient(gain, gradient.dgain, dy,
                   [&](const Matrix& at) { return rmsnorm(x, at, 1e-5).y; });
  }
  SECTION("rope") {
    const AttentionDims dims{2, 3, 2, 1, 4};
    const Matrix x = random_matrix(6, dims.qkv_cols(), 1), dy = random_matrix(6, x.cols, 2);
    check_gradient(x, rope(dy, dims, 100, true), dy,
                   [&](const Matrix& at) { return rope(at, dims, 100, false); });
  }
  SECTION("attention") {
    const AttentionDims dims{2, 5, 4, 2, 6};
    const Matrix x = random_matrix(10, dims.qkv_cols(), 1);
    const Matrix dy = random_matrix(10, dims.n_heads * dims.d_head, 2);
    const auto forward = attention(x, dims);
    check_gradient(x, attention_backward(x, dims, forward.out, forward.log_sum_exp, dy), dy,
                   [&](const Matrix& at) { return attention(at, dims).out; });
  }
  SECTION("swiglu and gelu") {
    const Matrix x = random_matrix(2, 6, 1, 2), dact = random_matrix(2, 3, 2);
    check_gradient(x, swiglu_backward(dact, x), dact, swiglu);
    const Matrix dy = random_matrix(2, 6, 3);
    check_gradient(x, gelu_backward(dy, x), dy, gelu);
  }
  SECTION("cross entropy") {
    const Matrix x = random_matrix(3, 7, 1);
    const Ids targets{2, 0, 6};
    Matrix weights(3, 1);
    weights.values = {0.5, 0.5, 0.5};
    check_gradient(x, cross_entropy(x, targets, 0.5).dlogits, weights,
                   [&](const Matrix& at) { return cross_entropy(at, targets, 0.5).losses; });
  }
}

/// By the name of the case: products of [rows, in] by [in, out], and in attention 2 products
/// forward and 4 backward over l (l + 1) / 2 visible pairs a head.
std::int64_t expected_flops(const std::string& name) {
  long r = 0, in = 0, out = 0;
  if (std::sscanf(name.c_str(), "linear_%*s %ld %ld %ld", &r, &in, &out) == 3)
    return 2 * r * in * out;
  for (const AttentionDims& d : test::attention_dims())
    for (const std::string pass : {"forward", "backward"})
      if (name == test::case_name("attention_" + pass, d.n_seqs, d.seq_len, d.n_heads, d.n_kv_heads,
                                  d.d_head))
        return (pass == "forward" ? 2 : 4) * 2 * d.d_head * d.n_seqs * d.n_heads *
               (d.seq_len * (d.seq_len + 1) / 2);
  return 0;
}

TEST_CASE("FLOPs are counted where the products are done") {
  for (const auto& backend : every_cpu_backend())
    for (const OpCase& op : test::op_cases(DType::f32)) {
      INFO(backend->name() << ": " << op.name);
      const std::int64_t before = backend->counted_flops();
      (void)op.run(*backend);
      CHECK(backend->counted_flops() - before == expected_flops(op.name));
    }
}

TEST_CASE("a sum adds its inputs in order") {
  // Of terms that cancel any other order shows.
  const Matrix x[] = {random_matrix(1, 77, 1, 1e4), random_matrix(1, 77, 2),
                      random_matrix(1, 77, 3), random_matrix(1, 77, 4, 1e4)};
  Matrix want = x[0];
  for (std::size_t k = 1; k < std::size(x); ++k)
    want = test::stored_as(DType::f32, plus(want, x[k]));
  for (const auto& backend : every_cpu_backend()) {
    test::OpRun run(*backend, DType::f32);
    const std::array inputs{run.input("0", x[0]), run.input("1", x[1]), run.input("2", x[2]),
                            run.input("3", x[3])};
    backend->sum(inputs, run.output("y", want));
    INFO(backend->name());
    CHECK(equal_bits(run.outputs().back().got, want.values));
  }
}

TEST_CASE("operations on bf16 allocate nothing once they have run") {
  const auto backend = make_cpu_backend();
  test::OpRun run(*backend, DType::bf16);
  const AttentionDims dims{1, 50, 2, 1, 8};
  const Matrix x(50, 32, 1), w(32, 32, 1), row(1, 32, 1), heads(50, 16, 1), per_head(50, 2, 1);
  const Tensor a = run.input("a", x), b = run.input("b", x), c = run.output("c", x);
  const Tensor d = run.in_out("d", x, x), weights = run.input("w", w), gain = run.input("g", row);
  const Tensor dw = run.output("dw", w, DType::f32), dgain = run.output("dg", row, DType::f32);
  const Tensor rms = run.output("rms", Matrix(50, 1), DType::f32);
  const Tensor lse = run.output("lse", per_head, DType::f32), out = run.output("out", heads);
  const auto use_all = [&] {
    backend->linear_forward(a, weights, c);
    backend->linear_backward_weight(a, b, dw);
    backend->rmsnorm_forward(d, a, gain, 1e-5f, c, rms);
    backend->rmsnorm_backward(a, b, gain, rms, d, dgain);
    backend->attention_forward(a, dims, out, lse);
    backend->attention_backward(a, dims, out, lse, out, c);
    backend->rope(c, dims, 10000.0f, false);
    backend->sum(std::array{a, b, c, d}, c);
  };
  use_all();
  const std::int64_t before = test::count_memory().n_allocations;
  use_all();
  CHECK(test::count_memory().n_allocations == before);
}

TEST_CASE("squared_norms sum in double") {
  const std::vector<Range> parts{{0, 0}, {0, 1}, {1, 32}, {7, 39}, {200, 233}, {0, 1000}};
  const Matrix x = random_matrix(10, 100, 5);
  const Matrix want = test::column(test::reference::squared_norms(x, parts));
  for (const auto& backend : every_cpu_backend()) {
    INFO(backend->name());
    test::OpRun run(*backend, DType::f32);
    const Tensor in = run.input("x", x), sums = run.output("sums", want, DType::f64);
    backend->squared_norms(in, run.table(parts), sums);
    const std::vector<double> got = run.outputs().back().got;
    for (std::size_t i = 0; i < parts.size(); ++i)
      CHECK(got[i] == Approx(want.values[i]).epsilon(1e-14));
  }
}

TEST_CASE("a measure that is not finite stops the updates from then on") {
  for (const double broken : {double{NAN}, double{INFINITY}, -double{INFINITY}})
    for (const auto& backend : every_cpu_backend()) {
      const auto buffer = backend->allocate(64);
      const Tensor scale{buffer->data(), DType::f32, 1, 1};
      std::vector<double> measures{4.0, 1.0, 2.0};
      const auto scale_after = [&] {
        const DeviceTable<double> table(*backend, measures);
        backend->clip_scale({const_cast<double*>(table.view().data()), DType::f64, 3, 1}, 1, scale);
        float value = 0;
        backend->download(&value, scale.data, sizeof(value));
        return value;
      };
      CHECK(scale_after() == 0.5f);
      measures[2] = broken;
      CHECK(scale_after() == -1.0f);
      measures[2] = 2;
      CHECK(scale_after() == -1.0f);

      test::OpRun run(*backend, DType::f32);
      const Matrix ones(1, 3, 1.0);
      const Tensor w = run.in_out("w", ones, ones), grad = run.input("grad", ones);
      const Tensor m = run.in_out("m", ones, ones), v = run.in_out("v", ones, ones);
      test::adamw_step(*backend, w, grad, m, v, {0.1f, 0.9f, 0.9f, 1, 0, 1, 1, -1.0f});
      for (const OpOutput& output : run.outputs()) CHECK(output.got == ones.values);
    }
}

TEST_CASE("the vector power of two is within 2 ulp from -126 to 127 and keeps NaN") {
  std::vector<float> x;
  for (int i = -1260000; i <= 1270000; i += 7) x.push_back(static_cast<float>(i) * 1e-4f);
  std::vector<float> y(x.size());
  for (const CpuKernels* kernels : available_cpu_kernels()) {
    kernels->exp2(static_cast<std::int64_t>(x.size()), x.data(), y.data());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp2(static_cast<double>(x[i]));
      const auto rounded = static_cast<float>(want);
      const double ulp = static_cast<double>(std::nextafter(rounded, INFINITY) - rounded);
      worst = std::max(worst, std::abs(static_cast<double>(y[i]) - want) / ulp);
    }
    INFO(kernels->isa << ": " << worst << " ulp");
    CHECK(worst <= 2);
    const std::vector<float> edges{NAN, -INFINITY, INFINITY, -1000, 1000, 0};
    std::vector<float> at_edges(edges.size());
    kernels->exp2(static_cast<std::int64_t>(edges.size()), edges.data(), at_edges.data());
    CHECK(std::isnan(at_edges[0]));
    for (const std::size_t low : {1u, 3u}) CHECK((at_edges[low] >= 0 && at_edges[low] < 1.2e-38f));
    for (const std::size_t high : {2u, 4u}) CHECK(at_edges[high] > 1e38f);
    CHECK(at_edges[5] == 1.0f);
  }
}

}  // namespace
}  // namespace isoflop
