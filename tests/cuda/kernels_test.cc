// SPDX-License-Identifier: Apache-2.0
// Shapes that take the ways through the kernels which the table of operations is too small for.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "cuda_backend.h"
#include "device_under_test.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/op_cases.h"

namespace isoflop {
namespace {

using test::Ids;
using test::Matrix;
using test::OpOutput;
using test::OpRun;

constexpr std::array kStorages{DType::f32, DType::bf16};
// Sums of up to n = 90,000 terms of float products in trees: 2^-24 sqrt(n) of their size.
constexpr double kNmse = 1e-11, kWorst = 2e-5;

void check(const std::string& name, const OpRun& run) {
  for (const OpOutput& output : run.outputs()) {
    const auto error = error_of(output);
    INFO(describe(name, output));
    CHECK(output.guards_intact);
    CHECK(error.nmse <= (output.is_input ? 0 : kNmse));
    CHECK(error.worst <= (output.is_input ? 0 : kWorst));
  }
}

Matrix random_of(DType storage, std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  return test::stored_as(storage, test::random_matrix(rows, cols, seed));
}

/// Small whole numbers: their sums are exact in any order.
Matrix whole_numbers(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Matrix m = test::random_matrix(rows, cols, seed, 3);
  for (double& v : m.values) v = std::round(v);
  return m;
}

/// Every seventh row has token `frequent`.
Ids skewed_ids(std::int64_t n, std::int64_t vocab, std::int32_t frequent) {
  Ids ids = test::random_ids(n, vocab, 3);
  for (std::size_t i = 0; i < ids.size(); i += 7) ids[i] = frequent;
  return ids;
}

TEST_CASE("the gradient of an embedding counts every row once, however tokens are spread") {
  test::fresh_device();
  CudaBackend backend(0);
  struct Case {
    std::int64_t rows, vocab, cols, first, held;
  };
  // Runs inside a chunk of 64 rows and over many, one digit and two, tokens of other ranks, columns
  // beyond those of a warp and off the width of a pack; more than one block of 2048 rows to sort.
  for (const auto& [rows, vocab, cols, first, held] :
       {Case{64, 1, 8, 0, 1}, Case{65, 1, 8, 0, 1}, Case{5000, 3, 8, 0, 3},
        Case{4500, 256, 24, 0, 256}, Case{3000, 70000, 16, 0, 70000}, Case{2500, 300, 13, 100, 150},
        Case{700, 40, 300, 0, 40}, Case{130, 2, 150, 0, 2}, Case{1000, 512, 8, 511, 1},
        Case{300, 9, 8, 20, 5}})
    for (const DType storage : kStorages)
      for (const std::uint64_t seed : {1u, 2u}) {
        test::set_order(seed);
        const Ids ids = skewed_ids(rows, vocab, static_cast<std::int32_t>(vocab / 2));
        const Matrix dx = whole_numbers(rows, cols, 1), dw = whole_numbers(held, cols, 2);
        const Matrix want = test::reference::embedding(ids, dw, dx, first, dw).dw;
        OpRun run(backend, storage);
        backend.embedding_backward(run.ids(ids), run.input("dx", dx), first,
                                   run.in_out("dw", dw, want, DType::f32));
        const OpOutput got = run.outputs().back();
        INFO(test::case_name("embedding_backward", rows, vocab, cols, first, held));
        CHECK(got.guards_intact);
        CHECK(got.got == got.want);
      }
}

TEST_CASE("the norm's rows are held in every layout") {
  test::fresh_device();
  CudaBackend backend(0);
  constexpr float kEpsilon = 1e-5f;
  // A warp, a block of 128 and one of 512 threads to a row, by packs and by elements; with more
  // rows than blocks of the backward pass.
  for (const auto& [rows, cols] :
       {std::array{5, 128}, std::array{9, 256}, std::array{9, 512}, std::array{4, 768},
        std::array{3, 1024}, std::array{3, 2048}, std::array{2, 4096}, std::array{2, 8192},
        std::array{5, 129}, std::array{2, 1001}, std::array{131, 3000}, std::array{1600, 760}})
    for (const DType storage : kStorages) {
      const std::string name = test::case_name("rmsnorm", rows, cols, size_of(storage));
      const Matrix x = random_of(storage, rows, cols, 1), delta = random_of(storage, rows, cols, 2);
      const Matrix gain = random_of(storage, 1, cols, 3), dy = random_of(storage, rows, cols, 4);
      const Matrix sum = test::stored_as(storage, plus(x, delta)), dx = delta;
      const Matrix dgain = random_of(DType::f32, 1, cols, 6);
      const auto want = test::reference::rmsnorm(sum, gain, kEpsilon);
      OpRun forward(backend, storage);
      backend.rmsnorm_forward(forward.in_out("residual", x, sum), forward.input("delta", delta),
                              forward.input("gain", gain), kEpsilon, forward.output("y", want.y),
                              forward.output("inverse_rms", want.inverse_rms, DType::f32));
      check(name, forward);
      const Matrix inverse = test::stored_as(DType::f32, want.inverse_rms);
      const auto gradient = test::reference::rmsnorm_backward(dy, sum, gain, inverse);
      OpRun backward(backend, storage);
      backend.rmsnorm_backward(
          backward.input("dy", dy), backward.input("residual", sum), backward.input("gain", gain),
          backward.input("inverse_rms", inverse, DType::f32),
          backward.in_out("dresidual", dx, plus(dx, gradient.dx)),
          backward.in_out("dgain", dgain, plus(dgain, gradient.dgain), DType::f32));
      check(name, backward);
    }
  OpRun run(backend, DType::f32);
  const Matrix wide(1, 8196, 1.0), one(1, 1);
  CHECK_THROWS_AS(backend.rmsnorm_forward(run.input("x", wide), Tensor{}, run.input("g", wide), 0,
                                          run.output("y", wide), run.output("u", one)),
                  Error);
}

TEST_CASE("rows of logits of any length: a warp's, a block's, longer than shared memory") {
  test::fresh_device();
  CudaBackend backend(0);
  constexpr float kScale = 0.125f;
  for (const auto& [rows, vocab] :
       {std::array{9, 256}, std::array{9, 1025}, std::array{3, 2048}, std::array{3, 8191},
        std::array{3, 50257}, std::array{2, 81919}, std::array{2, 90001}})
    for (const DType storage : kStorages) {
      const Matrix logits = random_of(storage, rows, vocab, 1);
      Ids targets = test::random_ids(rows, vocab, 2);
      targets.back() = vocab - 1;
      targets.front() = 0;
      const auto want = test::reference::cross_entropy(logits, targets, kScale);
      const std::vector<Range> whole{{0, vocab}};
      const Matrix statistics = test::reference::vocabulary_statistics(logits, targets, whole);
      const Matrix given = test::stored_as(DType::f32, statistics);
      OpRun run(backend, storage);
      const Tensor ids = run.ids(targets);
      backend.cross_entropy(run.in_out("logits", logits, want.dlogits), ids, kScale,
                            run.output("losses", want.losses, DType::f32));
      backend.cross_entropy(run.input("same logits", logits), ids, 0,
                            run.output("losses alone", want.losses, DType::f32));
      backend.vocabulary_statistics(run.input("logits again", logits), ids, 0,
                                    run.output("statistics", statistics, DType::f32));
      backend.vocabulary_cross_entropy(run.in_out("logits for all", logits, want.dlogits), ids, 0,
                                       run.input("given", given, DType::f32), kScale,
                                       run.output("losses of all", want.losses, DType::f32));
      check(test::case_name("cross_entropy", rows, vocab, size_of(storage)), run);
    }
}

TEST_CASE("one logit that is not finite makes its row's loss NaN, wherever it is") {
  test::fresh_device();
  CudaBackend backend(0);
  const Ids targets{1, 1, 1};
  for (const std::int64_t vocab : {3, 257, 1500, 90001})
    for (const DType storage : kStorages)
      for (const std::int64_t at : {std::int64_t{0}, vocab / 2, vocab - 1})
        for (const double value : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
          Matrix logits = random_of(storage, 3, vocab, 1);
          logits(1, at) = value;
          OpRun run(backend, storage);
          const Tensor x = run.input("logits", logits), ids = run.ids(targets);
          backend.cross_entropy(x, ids, 0.5f, run.output("losses", Matrix(3, 1), DType::f32));
          const std::vector<OpOutput> outputs = run.outputs();
          INFO(test::case_name("V", vocab, "at", at, "value", value));
          CHECK(std::isfinite(outputs[1].got[0]));
          CHECK(std::isnan(outputs[1].got[1]));
          CHECK(std::isfinite(outputs[1].got[2]));
          const auto& gradient = outputs[0].got;
          for (std::int64_t c : {std::int64_t{0}, at, vocab - 1}) {
            CHECK(std::isnan(gradient[static_cast<std::size_t>(vocab + c)]));
            CHECK(std::isfinite(gradient[static_cast<std::size_t>(c)]));
            CHECK(std::isfinite(gradient[static_cast<std::size_t>(2 * vocab + c)]));
          }
        }
}

/// A tensor one element behind the beginning of `memory`, where no pack is aligned.
Tensor behind_first(Tensor memory, std::int64_t rows, std::int64_t cols) {
  return {static_cast<std::byte*>(memory.data) + size_of(memory.dtype), memory.dtype, rows, cols};
}
Matrix with_first(const Matrix& m) {
  Matrix all(1, m.rows * m.cols + 1, 7.0);
  std::copy(m.values.begin(), m.values.end(), all.values.begin() + 1);
  return all;
}

/// OpRun's tensors, all of them behind_first().
struct ShiftedRun {
  OpRun run;
  Tensor input(const std::string& name, const Matrix& m, std::optional<DType> dtype = {}) {
    return behind_first(run.input(name, with_first(m), dtype), m.rows, m.cols);
  }
  Tensor in_out(const std::string& name, const Matrix& before, const Matrix& want,
                std::optional<DType> dtype = {}) {
    return behind_first(run.in_out(name, with_first(before), with_first(want), dtype), before.rows,
                        before.cols);
  }
  Tensor output(const std::string& name, const Matrix& want, std::optional<DType> dtype = {}) {
    return in_out(name, Matrix(want.rows, want.cols, 3.0), want, dtype);
  }
};

TEST_CASE("slices that begin at any element are operands like others") {
  test::fresh_device();
  CudaBackend backend(0);
  const std::int64_t rows = 6, cols = 64, vocab = 50;
  for (const DType storage : kStorages) {
    ShiftedRun all{OpRun(backend, storage)};
    const auto random = [&](std::int64_t r, std::int64_t c, std::uint64_t seed) {
      return random_of(storage, r, c, seed);
    };
    const Matrix x = random(rows, cols, 1), y = random(rows, cols, 2), gain = random(1, cols, 3);
    const Matrix wide = random(rows, 2 * cols, 4), table = random(vocab, cols, 5);
    const Matrix dgain = random_of(DType::f32, 1, cols, 6), dw = whole_numbers(vocab, cols, 7);
    const Ids ids = test::random_ids(rows, vocab, 8);
    const Tensor tokens = all.run.ids(ids);

    const auto norm = test::reference::rmsnorm(x, gain, 1e-5f);
    const Matrix inverse = test::stored_as(DType::f32, norm.inverse_rms);
    backend.rmsnorm_forward(all.input("x", x), {}, all.input("gain", gain), 1e-5f,
                            all.output("norm", norm.y),
                            all.output("inverse_rms", norm.inverse_rms, DType::f32));
    const auto gradient = test::reference::rmsnorm_backward(y, x, gain, inverse);
    backend.rmsnorm_backward(all.input("dy", y), all.input("residual", x),
                             all.input("gain again", gain), all.input("u", inverse, DType::f32),
                             all.in_out("dresidual", y, plus(y, gradient.dx)),
                             all.in_out("dgain", dgain, plus(dgain, gradient.dgain), DType::f32));

    const AttentionDims dims{2, 3, 2, 1, 16};
    backend.rope(all.in_out("qkv", x, test::reference::rope(x, dims, 100, false)), dims, 100,
                 false);
    backend.swiglu_forward(all.input("gate_up", wide),
                           all.output("swiglu", test::reference::swiglu(wide)));
    backend.swiglu_backward(
        all.input("dact", x),
        all.in_out("gate_up again", wide, test::reference::swiglu_backward(x, wide)));
    backend.gelu_forward(all.input("to gelu", x), all.output("gelu", test::reference::gelu(x)));
    backend.gelu_backward(all.input("dgelu", y),
                          all.in_out("gelu's x", x, test::reference::gelu_backward(y, x)));

    const auto embedding = test::reference::embedding(ids, table, x, 0, dw);
    backend.embedding_forward(tokens, all.input("table", table), 0, all.output("row", embedding.x));
    backend.embedding_backward(tokens, all.input("dx", x), 0,
                               all.in_out("dw", dw, embedding.dw, DType::f32));
    const Ids targets = test::random_ids(rows, cols, 9);
    const auto loss = test::reference::cross_entropy(x, targets, 0.5);
    backend.cross_entropy(all.in_out("logits", x, loss.dlogits), all.run.ids(targets), 0.5f,
                          all.output("losses", loss.losses, DType::f32));
    backend.cast(all.input("lifted", x), all.output("f32", x, DType::f32));
    backend.cast(all.input("f32 too", x, DType::f32), all.output("rounded", x));
    backend.sum(std::array{all.input("a", x), all.input("b", y)}, all.output("sum", plus(x, y)));
    check("slices", all.run);
  }
}

TEST_CASE("a sum of many tensors rounds once and may go to any of them") {
  test::fresh_device();
  CudaBackend backend(0);
  constexpr std::int64_t kSize = 1030;
  for (const DType storage : kStorages)
    for (const std::size_t n : {17u, 256u}) {
      OpRun run(backend, storage);
      std::vector<Tensor> x;
      Matrix want(1, kSize);
      for (std::size_t k = 0; k < n; ++k) {
        // In bf16 sums of 1 + 2^-7 would stay 1 if each of them were rounded.
        const Matrix term = Matrix(1, kSize, k == 0 ? 1 : 0x1p-9);
        want = plus(want, term);
        if (k + 1 < n) x.push_back(run.input(test::case_name("x", k), term));
      }
      x.push_back(run.in_out("last", Matrix(1, kSize, 0x1p-9), test::stored_as(storage, want)));
      backend.sum(x, x.back());
      CHECK(run.outputs().back().got == run.outputs().back().want);
      const std::vector<Tensor> too_many(257, x[0]);
      CHECK_THROWS_AS(backend.sum(too_many, x[0]), Error);
    }
}

/// Doubles and other plain values in the device's memory.
template <class T>
struct OnDevice {
  CudaBackend& backend;
  std::int64_t n;
  std::unique_ptr<Buffer> memory;
  OnDevice(CudaBackend& b, const std::vector<T>& values)
      : backend(b), n(static_cast<std::int64_t>(values.size())), memory(b.allocate(n_bytes())) {
    backend.upload(memory->data(), values.data(), n_bytes());
  }
  [[nodiscard]] std::int64_t n_bytes() const { return n * static_cast<std::int64_t>(sizeof(T)); }
  [[nodiscard]] T* data() const { return static_cast<T*>(memory->data()); }
  [[nodiscard]] Tensor tensor(DType dtype) const { return {memory->data(), dtype, n, 1}; }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> result(static_cast<std::size_t>(n));
    backend.download(result.data(), memory->data(), n_bytes());
    return result;
  }
};

TEST_CASE("measures are sums in double") {
  test::fresh_device();
  CudaBackend backend(0);
  const std::vector<Range> parts{{0, 0}, {0, 1}, {1, 32}, {7, 39}, {200, 5233}, {3, 40000}};
  for (const DType storage : kStorages) {
    const Matrix x = random_of(storage, 10, 4000, 5);
    OpRun run(backend, storage);
    const OnDevice<Range> ranges(backend, parts);
    const OnDevice<double> sums(backend, std::vector<double>(parts.size(), NAN));
    backend.squared_norms(run.input("x", x), {ranges.data(), parts.size()},
                          sums.tensor(DType::f64));
    const auto want = test::reference::squared_norms(x, parts);
    for (std::size_t i = 0; i < parts.size(); ++i)
      CHECK(sums.values()[i] == Approx(want[i]).epsilon(1e-13));  // 40,000 additions
  }
  const Matrix losses = random_of(DType::f32, 3, 5001, 6);
  OpRun run(backend, DType::f32);
  const OnDevice<double> sums(backend, {NAN, NAN, NAN});
  backend.row_sums(run.input("losses", losses), sums.tensor(DType::f64));
  for (std::int64_t r = 0; r < 3; ++r) {
    const auto first = losses.values.begin() + r * losses.cols;
    const double want = std::accumulate(first, first + losses.cols, 0.0);
    CHECK(sums.values()[static_cast<std::size_t>(r)] == Approx(want).epsilon(1e-12));
  }
}

TEST_CASE("a dot product keeps NaN that a factor of zero hides") {
  test::fresh_device();
  CudaBackend backend(0);
  const auto dot = [&](const std::vector<double>& a, const std::vector<double>& b) {
    const OnDevice<double> x(backend, a), y(backend, b), result(backend, {3.0});
    backend.dot(x.tensor(DType::f64), y.tensor(DType::f64), result.tensor(DType::f64));
    return result.values()[0];
  };
  CHECK(dot({}, {}) == 0);
  CHECK(dot({2, 3}, {5, 7}) == 31);
  CHECK(dot(std::vector<double>(5000, 0.5), std::vector<double>(5000, 4.0)) == 10000);
  CHECK(std::isnan(dot({1, NAN}, {1, 0})));
  CHECK(std::isnan(dot({1, INFINITY}, {1, 0})));
}

TEST_CASE("the factor of clipping, and what forbids a step") {
  test::fresh_device();
  CudaBackend backend(0);
  const auto scale = [&](const std::vector<double>& measures, double max_norm, float before) {
    const OnDevice<double> x(backend, measures);
    const OnDevice<float> result(backend, {before});
    backend.clip_scale(x.tensor(DType::f64), max_norm, result.tensor(DType::f32));
    return result.values()[0];
  };
  CHECK(scale({16.0, 5.0}, 1, 0) == 0.25f);
  CHECK(scale({0.25}, 1, 1) == 1.0f);
  CHECK(scale({0.0}, 1, 1) == 1.0f);
  CHECK(scale({16.0}, 1, -1) == -1.0f);
  for (const double value : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
    CHECK(scale({value, 1.0}, 1, 0) == -1.0f);
    std::vector<double> measures(70, 1.0);
    measures[69] = value;
    CHECK(scale(measures, 1, 0) == -1.0f);
  }
}

/// The parameters of one AdamW step, and a copy of it in double.
struct AdamWProblem {
  Matrix w, grad, m, v;
  explicit AdamWProblem(std::int64_t n)
      : w(test::random_matrix(1, n, 1)),
        grad(test::random_matrix(1, n, 2)),
        m(test::random_matrix(1, n, 3)),
        v(test::random_matrix(1, n, 4)) {
    for (double& x : v.values) x = static_cast<double>(static_cast<float>(x * x));
  }
  void step(std::size_t i, const AdamWPart& part, float beta1, float beta2, const AdamWStep& s,
            float scale) {
    const double g = grad.values[i] * scale, b1 = beta1, b2 = beta2;
    double &mi = m.values[i], &vi = v.values[i], &wi = w.values[i];
    mi = b1 * mi + (1 - b1) * g;
    vi = b2 * vi + (1 - b2) * g * g;
    wi -= part.learning_rate * s.learning_rate *
          (mi / s.bias_correction1 / (std::sqrt(vi / s.bias_correction2) + part.epsilon) +
           part.weight_decay * wi);
  }
};

TEST_CASE("an AdamW step of parts of all sizes and alignments") {
  test::fresh_device();
  CudaBackend backend(0);
  constexpr std::int64_t kSize = 42000;
  constexpr float kBeta1 = 0.9f, kBeta2 = 0.95f, kScale = 0.25f;
  const AdamWStep step{0.01, 0.271f, 0.1426f};
  // Element 3 is a multiple of four elements behind an aligned address in no array.
  const std::vector<Range> ranges{{0, 3}, {3, 4}, {4, 20000}, {20001, 20001}, {20003, 41990}};
  for (const bool rounds : {false, true})
    for (const float scale : {kScale, -1.0f}) {
      AdamWProblem problem(kSize), want = problem;
      OpRun run(backend, DType::f32);
      std::vector<AdamWPart> parts;
      std::vector<std::size_t> changed;
      for (const Range& range : ranges)
        parts.push_back({nullptr, nullptr, nullptr, nullptr, nullptr, range.size(),
                         1.0 + 0.5 * static_cast<double>(parts.size()), 1e-8f, 0.1f});
      for (std::size_t p = 0; p < parts.size() && scale >= 0; ++p)
        for (std::int64_t i = ranges[p].begin; i < ranges[p].end; ++i)
          want.step(static_cast<std::size_t>(i), parts[p], kBeta1, kBeta2, step, scale);
      Matrix rounded(1, kSize, 5.0);
      if (scale >= 0)
        for (const Range& r : ranges)
          std::copy(want.w.values.begin() + r.begin, want.w.values.begin() + r.end,
                    rounded.values.begin() + r.begin);
      const Tensor w = run.in_out("w", problem.w, want.w);
      const Tensor grad = run.input("grad", problem.grad);
      const Tensor m = run.in_out("m", problem.m, want.m), v = run.in_out("v", problem.v, want.v);
      const Tensor low = run.in_out("rounded", Matrix(1, kSize, 5.0),
                                    rounds ? rounded : Matrix(1, kSize, 5.0), DType::bf16);
      for (std::size_t p = 0; p < parts.size(); ++p) {
        const std::int64_t at = ranges[p].begin;
        parts[p].w = w.f32() + at;
        parts[p].grad = grad.f32() + at;
        parts[p].m = m.f32() + at;
        parts[p].v = v.f32() + at;
        if (rounds) parts[p].rounded = static_cast<std::uint16_t*>(low.data) + at;
      }
      const OnDevice<AdamWPart> on_device(backend, parts);
      const OnDevice<AdamWStep> step_on_device(backend, {step});
      const OnDevice<float> scale_on_device(backend, {scale});
      backend.adamw({on_device.data(), parts.size()}, kBeta1, kBeta2, step_on_device.data(),
                    scale_on_device.data());
      check(test::case_name("adamw", rounds, scale), run);
    }
}

TEST_CASE("what AdamW makes of an element does not depend on the part it is in") {
  test::fresh_device();
  CudaBackend backend(0);
  constexpr std::int64_t kSize = 203;
  const AdamWProblem problem(kSize);
  const OnDevice<AdamWStep> step(backend, {{0.01, 0.271f, 0.1426f}});
  const OnDevice<float> scale(backend, {0.25f});
  std::vector<std::vector<double>> results;
  for (const std::int64_t slice : {kSize, std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
    OpRun run(backend, DType::f32);
    const Tensor w = run.in_out("w", problem.w, problem.w), grad = run.input("g", problem.grad);
    const Tensor m = run.in_out("m", problem.m, problem.m),
                 v = run.in_out("v", problem.v, problem.v);
    std::vector<AdamWPart> parts;
    for (std::int64_t at = 0; at < kSize; at += slice)
      parts.push_back({w.f32() + at, grad.f32() + at, m.f32() + at, v.f32() + at, nullptr,
                       std::min(slice, kSize - at), 1.0, 1e-8f, 0.1f});
    const OnDevice<AdamWPart> on_device(backend, parts);
    backend.adamw({on_device.data(), parts.size()}, 0.9f, 0.95f, step.data(), scale.data());
    results.push_back(run.outputs()[0].got);
    CHECK(results.back() == results.front());
  }
}

}  // namespace
}  // namespace isoflop
