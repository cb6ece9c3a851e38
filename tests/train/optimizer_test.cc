// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "support/catch.h"
#include "support/toy_dataset.h"
#include "train/network/parameters.h"
#include "train/network/transformer.h"
#include "train/ranks/solo_communicator.h"
#include "train/trainer.h"

namespace isoflop {
namespace {

/// AdamW in double on the gradients that the transformer gives for the same batches: clip to the
/// global norm, decoupled decay on matrices, bias correction, the spec's schedule.
class ReferenceOptimizer {
 public:
  explicit ReferenceOptimizer(const RunSpec& spec)
      : spec_(spec),
        layout_(spec.shape),
        m_(static_cast<std::size_t>(layout_.size())),
        v_(m_.size()),
        transformer_(*backend_, solo_, spec.shape, DType::f32, spec.batch_seqs()),
        gradients_(m_.size()) {}

  void step(std::int64_t step, std::vector<float>& weights) {
    compute_gradients(step, weights);
    double squares = 0;
    for (const float g : gradients_) squares += static_cast<double>(g) * static_cast<double>(g);
    const double norm = std::sqrt(squares);
    const double clip = norm > spec_.grad_clip ? spec_.grad_clip / norm : 1;
    clipped_ += norm > spec_.grad_clip;
    const double lr = spec_.peak_lr * lr_fraction_at(spec_, step);
    const auto t = static_cast<double>(step + 1);
    for (const Parameter& parameter : layout_.parameters()) {
      update(parameter, clip, lr, t, weights);
    }
  }
  [[nodiscard]] int n_clipped() const { return clipped_; }

 private:
  void update(const Parameter& parameter, double clip, double lr, double t,
              std::vector<float>& weights) {
    const TensorScales scales = tensor_scales(spec_, parameter.role);
    for (auto i = static_cast<std::size_t>(parameter.offset);
         i < static_cast<std::size_t>(parameter.range().end); ++i) {
      const double g = clip * static_cast<double>(gradients_[i]);
      m_[i] = spec_.adam_beta1 * m_[i] + (1 - spec_.adam_beta1) * g;
      v_[i] = spec_.adam_beta2 * v_[i] + (1 - spec_.adam_beta2) * g * g;
      const double m = m_[i] / (1 - std::pow(spec_.adam_beta1, t));
      const double v = v_[i] / (1 - std::pow(spec_.adam_beta2, t));
      const bool matrix = static_cast<std::int64_t>(i) < layout_.matrices().end;
      const double w = static_cast<double>(weights[i]);
      const double decay = matrix ? scales.weight_decay * spec_.weight_decay * w : 0;
      const double epsilon = scales.epsilon * spec_.adam_epsilon;
      weights[i] = static_cast<float>(w - scales.learning_rate * lr *
                                              (m / (std::sqrt(v) + epsilon) + decay));
    }
  }

  void compute_gradients(std::int64_t step, std::vector<float>& weights) {
    const auto length = static_cast<std::size_t>(spec_.shape.seq_len);
    std::vector<std::int32_t> tokens, targets, window(length + 1);
    for (std::int64_t s = 0; s < spec_.batch_seqs(); ++s) {
      dataset_.train_sequence(spec_.seed, step * spec_.batch_seqs() + s, window);
      tokens.insert(tokens.end(), window.begin(), window.end() - 1);
      targets.insert(targets.end(), window.begin() + 1, window.end());
    }
    std::vector<float> losses(tokens.size());
    std::fill(gradients_.begin(), gradients_.end(), 0.0f);
    const std::int64_t n = layout_.size(), n_rows = spec_.batch_tokens;
    ModelTensors gradients = view_tensors(layout_, {gradients_.data(), DType::f32, n, 1});
    transformer_.accumulate_gradients(
        view_tensors(layout_, {weights.data(), DType::f32, n, 1}),
        {tokens.data(), DType::i32, n_rows, 1}, {targets.data(), DType::i32, n_rows, 1},
        1.0f / static_cast<float>(n_rows), gradients, {losses.data(), DType::f32, n_rows, 1});
  }

  RunSpec spec_;
  test::ToyDataset dataset_;
  std::unique_ptr<Backend> backend_ = make_cpu_backend();
  SoloCommunicator solo_;
  ParameterLayout layout_;
  std::vector<double> m_, v_;
  Transformer transformer_;
  std::vector<float> gradients_;
  int clipped_ = 0;
};

}  // namespace

TEST_CASE("the trainer's steps are AdamW with clipping, decay, schedule and parametrisation") {
  const Parametrisation parametrisation =
      GENERATE(Parametrisation::standard, Parametrisation::mup, Parametrisation::complete_p);
  RunSpec spec = test::toy_spec();
  if (parametrisation != Parametrisation::standard) {
    spec.parametrisation = parametrisation;
    spec.base_d_model = spec.shape.d_model / 4;
    spec.base_n_layers = 1;
  }
  spec.n_steps = 12;
  spec.grad_clip = 0.9;      // clips some of the steps
  spec.weight_decay = 3;     // or it would hide in rounding
  spec.adam_epsilon = 1e-4;  // or gradients that are rounding noise alone would move weights
  ReferenceOptimizer reference(spec);
  std::vector<float> expected;
  double worst = 0;
  (void)train_observed(spec, test::ToyDataset(), {}, [&](std::int64_t steps_done, Tensor weights) {
    if (expected.empty()) {
      expected.assign(weights.f32(), weights.f32() + weights.size());
    } else {
      reference.step(steps_done - 1, expected);
    }
    double difference = 0, norm = 0;
    for (std::int64_t i = 0; i < weights.size(); ++i) {
      const double w = static_cast<double>(expected[static_cast<std::size_t>(i)]);
      difference += std::pow(static_cast<double>(weights.f32()[i]) - w, 2);
      norm += w * w;
    }
    worst = std::max(worst, std::sqrt(difference / norm));
  });
  CHECK(worst < 2e-6);  // fp32 weights, 12 steps
  CHECK(reference.n_clipped() > 0);
  CHECK(reference.n_clipped() < 12);
}

}  // namespace isoflop
