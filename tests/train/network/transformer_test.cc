// SPDX-License-Identifier: Apache-2.0
#include "train/network/transformer.h"

#include <cmath>

#include "base/rng.h"
#include "isoflop/model_shape.h"
#include "support/catch.h"
#include "support/reference_model.h"
#include "train/ranks/solo_communicator.h"

namespace isoflop {
namespace {

/// A model with weights, gradients and one micro-batch of random tokens on the CPU backend.
struct Fixture {
  Fixture(const ModelShape& shape_, std::int64_t n_seqs_)
      : shape(shape_), n_seqs(n_seqs_), n_rows(n_seqs_ * shape_.seq_len), layout(shape_) {
    weights_memory = backend->allocate(layout.size() * 4);
    gradients_memory = backend->allocate(layout.size() * 4);
    tokens.resize(static_cast<std::size_t>(n_rows));
    targets.resize(static_cast<std::size_t>(n_rows));
    losses.resize(static_cast<std::size_t>(n_rows));
    const Rng rng(7);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<std::int32_t>(rng.below(shape.vocab_size, 2 * i));
      targets[i] = static_cast<std::int32_t>(rng.below(shape.vocab_size, 2 * i + 1));
    }
  }

  /// Large enough that no gradient vanishes beside fp32's rounding; gains off 1.
  void randomize_weights() {
    for (const Parameter& parameter : layout.parameters()) {
      const Rng rng(11, static_cast<std::uint64_t>(parameter.offset));
      const bool gain = parameter.offset >= layout.matrices().end;
      for (std::int64_t i = 0; i < parameter.range().size(); ++i) {
        const double value = rng.normal(static_cast<std::uint64_t>(i));
        weights().f32()[parameter.offset + i] =
            static_cast<float>(gain ? 1 + 0.2 * value : 0.3 * value);
      }
    }
  }

  void accumulate_gradients(float loss_weight) {
    ModelTensors views = view_tensors(layout, gradients());
    transformer().accumulate_gradients(view_tensors(layout, weights()), rows(tokens), rows(targets),
                                       loss_weight, views, rows(losses));
  }

  Transformer& transformer() {
    if (!transformer_)
      transformer_ = std::make_unique<Transformer>(*backend, solo, shape, DType::f32, n_seqs);
    return *transformer_;
  }
  Tensor weights() const { return {weights_memory->data(), DType::f32, layout.size(), 1}; }
  Tensor gradients() const { return {gradients_memory->data(), DType::f32, layout.size(), 1}; }
  Tensor rows(std::vector<std::int32_t>& ids) const { return {ids.data(), DType::i32, n_rows, 1}; }
  Tensor rows(std::vector<float>& values) const { return {values.data(), DType::f32, n_rows, 1}; }

  std::unique_ptr<Backend> backend = make_cpu_backend();
  SoloCommunicator solo;
  ModelShape shape;
  std::int64_t n_seqs, n_rows;
  ParameterLayout layout;
  std::unique_ptr<Buffer> weights_memory, gradients_memory;
  std::unique_ptr<Transformer> transformer_;
  std::vector<std::int32_t> tokens, targets;
  std::vector<float> losses;
};

test::ReferenceWeights reference_weights(const Fixture& f) {
  test::ReferenceWeights weights;
  for (const Parameter& parameter : f.layout.parameters()) {
    const float* first = f.weights().f32() + parameter.offset;
    weights[parameter.name].assign(first, first + parameter.range().size());
  }
  return weights;
}

double reference_loss(const Fixture& f, const test::ReferenceWeights& weights) {
  const test::ReferenceModel model(f.shape);
  const auto length = static_cast<std::size_t>(f.shape.seq_len);
  double sum = 0;
  for (std::size_t first = 0; first < f.tokens.size(); first += length) {
    for (const double loss : model.losses(weights, std::span(f.tokens).subspan(first, length),
                                          std::span(f.targets).subspan(first, length))) {
      sum += loss;
    }
  }
  return sum / static_cast<double>(f.n_rows);
}

/// |gradient - finite difference| / |finite difference| of one tensor, in L2.
double gradient_error(const Fixture& f, const Parameter& parameter,
                      test::ReferenceWeights& weights) {
  constexpr double kStep = 1e-5;  // truncation ~ 1e-10, rounding ~ 1e-11 of the loss
  test::Vector& values = weights.at(parameter.name);
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    values[i] = value + kStep;
    const double above = reference_loss(f, weights);
    values[i] = value - kStep;
    const double below = reference_loss(f, weights);
    values[i] = value;
    const double expected = (above - below) / (2 * kStep);
    const double error =
        f.gradients().f32()[parameter.offset + static_cast<std::int64_t>(i)] - expected;
    difference += error * error;
    norm += expected * expected;
  }
  return std::sqrt(difference / norm);
}

struct NamedShape {
  const char* name;
  ModelShape shape;
};

std::vector<NamedShape> gradient_shapes() {
  using S = ModelShape;
  const auto gelu = FfnKind::gelu;
  const auto swiglu = FfnKind::swiglu;
  return {{"multi-head", S{2, 8, 2, 2, 4, 20, 11, 6, swiglu, false}},
          {"grouped-query", S{1, 8, 4, 2, 2, 12, 9, 5, swiglu, false}},
          {"multi-query, tied", S{2, 6, 3, 1, 2, 7, 13, 7, swiglu, true}},
          {"gelu", S{1, 8, 2, 1, 4, 16, 10, 6, gelu, false}},
          {"heads wider than the model, odd sizes", S{1, 5, 3, 1, 4, 3, 7, 9, swiglu, false}},
          {"one token", S{1, 4, 1, 1, 2, 6, 5, 1, gelu, true}}};
}

}  // namespace

TEST_CASE("the loss of every row equals the double-precision reference") {
  for (const auto& [name, shape] : gradient_shapes()) {
    INFO(name);
    Fixture f(shape, 3);
    f.randomize_weights();
    f.transformer().evaluate(view_tensors(f.layout, f.weights()), f.rows(f.tokens),
                             f.rows(f.targets), f.rows(f.losses));
    double sum = 0;
    for (const float loss : f.losses) sum += static_cast<double>(loss);
    // fp32: a few roundings of 6e-8 each.
    CHECK(sum / static_cast<double>(f.n_rows) ==
          Approx(reference_loss(f, reference_weights(f))).epsilon(2e-6));
  }
}

TEST_CASE("the gradient of every parameter tensor equals finite differences of the reference") {
  for (const auto& [name, shape] : gradient_shapes()) {
    Fixture f(shape, 2);
    f.randomize_weights();
    f.accumulate_gradients(1.0f / static_cast<float>(f.n_rows));
    test::ReferenceWeights weights = reference_weights(f);
    for (const Parameter& parameter : f.layout.parameters()) {
      const double error = gradient_error(f, parameter, weights);
      INFO(name << ": " << parameter.name << ": relative L2 error " << error);
      CHECK(error < 5e-6);  // fp32 sums of some tens of terms
    }
  }
}
}  // namespace isoflop
