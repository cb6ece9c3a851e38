// SPDX-License-Identifier: Apache-2.0
#include "train/network/parametrisation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "base/rng.h"
#include "support/adamw_step.h"
#include "support/catch.h"
#include "support/toy_dataset.h"
#include "train/network/parameters.h"
#include "train/network/transformer.h"
#include "train/ranks/solo_communicator.h"

namespace isoflop {
namespace {

constexpr std::int64_t kVocab = 16, kLength = 16, kSeqs = 8, kRows = kLength * kSeqs;
constexpr std::int64_t kProbeRows = 2 * kLength;  // of a batch that is not trained on
constexpr std::int64_t kBaseWidth = 32, kBaseDepth = 2;
constexpr std::size_t kSteps = 4;

RunSpec spec_of(Parametrisation parametrisation, std::int64_t d_model, std::int64_t n_layers) {
  RunSpec spec = test::toy_spec();
  spec.shape = {.n_layers = n_layers,
                .d_model = d_model,
                .n_heads = d_model / 16,
                .n_kv_heads = d_model / 16,
                .d_head = 16,
                .d_ff = 2 * d_model,
                .vocab_size = kVocab,
                .seq_len = kLength};
  spec.batch_tokens = kRows;
  spec.peak_lr = 0.01;
  spec.init_std = 0.1;  // close to 1 / sqrt(d) at the base, so that every layer says something
  spec.parametrisation = parametrisation;
  if (parametrisation != Parametrisation::standard) {
    spec.base_d_model = kBaseWidth;
    spec.base_n_layers = kBaseDepth;
  }
  return spec;
}

/// A few steps of training with a tensor's own settings, and what the model computes on the way.
class SmallRun {
 public:
  explicit SmallRun(const RunSpec& spec)
      : spec_(spec),
        layout_(spec.shape),
        weights_(static_cast<std::size_t>(layout_.size())),
        gradients_(weights_.size()),
        first_moment_(weights_.size()),
        second_moment_(weights_.size()),
        transformer_(*backend_, solo_, spec.shape, DType::f32, kSeqs) {
    std::uint64_t index = 0;
    for (const Parameter& parameter : layout_.parameters()) {
      const TensorRole role = tensor_role(parameter.name);
      const double std = tensor_scales(spec, role).init_std;
      const Rng rng(spec.seed, index++);
      for (std::int64_t i = 0; i < parameter.rows * parameter.cols; ++i) {
        weights_[static_cast<std::size_t>(parameter.offset + i)] =
            role == TensorRole::norm
                ? 1.0f
                : static_cast<float>(std * rng.normal(static_cast<std::uint64_t>(i)));
      }
    }
  }

  void step() {
    ++n_steps_;
    load(n_steps_, kRows);
    std::fill(gradients_.begin(), gradients_.end(), 0.0f);
    ModelTensors gradients = view(gradients_);
    transformer_.accumulate_gradients(view(weights_), tokens(kRows), targets(kRows), 1.0f / kRows,
                                      gradients, losses(kRows));
    for (const Parameter& parameter : layout_.parameters()) update(parameter);
  }

  /// log p of every token in every probe row.
  std::vector<double> log_probabilities() { return log_probabilities(view(weights_)); }

  /// The first coordinates of what enters the head, by a head that shows them: logit 0 is 0 and
  /// logit i coordinate i.
  std::vector<double> features() {
    const std::int64_t d = spec_.shape.d_model;
    std::vector<float> probe(static_cast<std::size_t>(kVocab * d));
    for (std::int64_t i = 1; i < kVocab; ++i) probe[static_cast<std::size_t>(i * d + i)] = 1;
    ModelTensors model = view(weights_);
    model.head = {probe.data(), DType::f32, kVocab, d};
    std::vector<double> values = log_probabilities(model);
    for (std::size_t i = kProbeRows; i < values.size(); ++i) values[i] -= values[i % kProbeRows];
    values.erase(values.begin(), values.begin() + kProbeRows);
    return values;
  }

 private:
  std::vector<double> log_probabilities(const ModelTensors& model) {
    load(0, kProbeRows);
    std::vector<double> values;
    for (std::int32_t token = 0; token < kVocab; ++token) {
      std::fill(targets_.begin(), targets_.end(), token);
      transformer_.evaluate(model, tokens(kProbeRows), targets(kProbeRows), losses(kProbeRows));
      for (std::size_t i = 0; i < kProbeRows; ++i) {
        values.push_back(-static_cast<double>(losses_[i]));
      }
    }
    return values;
  }

  void load(std::int64_t batch, std::int64_t n_rows) {
    std::array<std::int32_t, kLength + 1> window{};
    for (std::int64_t s = 0; s < n_rows / kLength; ++s) {
      dataset_.train_sequence(spec_.seed, batch * kSeqs + s, window);
      const auto first = static_cast<std::ptrdiff_t>(s * kLength);
      std::copy(window.begin(), window.end() - 1, tokens_.begin() + first);
      std::copy(window.begin() + 1, window.end(), targets_.begin() + first);
    }
  }

  void update(const Parameter& parameter) {
    const TensorScales scales = tensor_scales(spec_, tensor_role(parameter.name));
    const auto t = static_cast<double>(n_steps_);
    const test::AdamWSettings settings{
        .learning_rate = static_cast<float>(spec_.peak_lr * scales.learning_rate),
        .beta1 = static_cast<float>(spec_.adam_beta1),
        .beta2 = static_cast<float>(spec_.adam_beta2),
        .epsilon = static_cast<float>(spec_.adam_epsilon * scales.epsilon),
        .weight_decay = static_cast<float>(spec_.weight_decay * scales.weight_decay),
        .bias_correction1 = static_cast<float>(1 - std::pow(spec_.adam_beta1, t)),
        .bias_correction2 = static_cast<float>(1 - std::pow(spec_.adam_beta2, t)),
        .grad_scale = 1};
    const auto part = [&](std::vector<float>& arena) {
      return Tensor{arena.data() + parameter.offset, DType::f32, parameter.rows, parameter.cols};
    };
    test::adamw_step(*backend_, part(weights_), part(gradients_), part(first_moment_),
                     part(second_moment_), settings);
  }

  ModelTensors view(std::vector<float>& arena) {
    return view_tensors(layout_, {arena.data(), DType::f32, layout_.size(), 1});
  }
  Tensor tokens(std::int64_t n) { return {tokens_.data(), DType::i32, n, 1}; }
  Tensor targets(std::int64_t n) { return {targets_.data(), DType::i32, n, 1}; }
  Tensor losses(std::int64_t n) { return {losses_.data(), DType::f32, n, 1}; }

  RunSpec spec_;
  test::ToyDataset dataset_{kVocab};
  std::unique_ptr<Backend> backend_ = make_cpu_backend();
  SoloCommunicator solo_;
  ParameterLayout layout_;
  std::vector<float> weights_, gradients_, first_moment_, second_moment_;
  Transformer transformer_;
  std::array<std::int32_t, kRows> tokens_{}, targets_{};
  std::array<float, kRows> losses_{};
  std::int64_t n_steps_ = 0;
};

double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares / static_cast<double>(a.size()));
}

struct Change {
  double logits, features;
};

/// RMS changes since the start, after each of `n_steps` steps.
std::vector<Change> changes(const RunSpec& spec, std::size_t n_steps) {
  SmallRun run(spec);
  const std::vector<double> logits = run.log_probabilities(), features = run.features();
  std::vector<Change> result;
  for (std::size_t i = 0; i < n_steps; ++i) {
    run.step();
    result.push_back({rms_difference(run.log_probabilities(), logits),
                      rms_difference(run.features(), features)});
  }
  return result;
}

struct Observed {
  std::int64_t size;  // width or depth
  std::vector<Change> steps;
};

/// Largest over smallest change of `field` after step `i`, over all sizes.
double spread(const std::vector<Observed>& runs, std::size_t i, double Change::*field) {
  double low = runs.front().steps[i].*field, high = low;
  for (const Observed& run : runs) {
    low = std::min(low, run.steps[i].*field);
    high = std::max(high, run.steps[i].*field);
  }
  return high / low;
}

std::vector<Observed> over_widths(Parametrisation parametrisation) {
  std::vector<Observed> runs;
  for (const std::int64_t d_model : {32, 64, 128, 256}) {
    runs.push_back({d_model, changes(spec_of(parametrisation, d_model, kBaseDepth), kSteps)});
  }
  return runs;
}

// The initial values are so small that the stream is mostly the embedding, and the steps so small
// that the final norm does not yet hide how far the blocks move it.
std::vector<Observed> over_depths(Parametrisation parametrisation) {
  std::vector<Observed> runs;
  for (const std::int64_t n_layers : {2, 4, 8, 32}) {
    RunSpec spec = spec_of(parametrisation, kBaseWidth, n_layers);
    spec.peak_lr = 3e-4;
    spec.init_std = 0.02;
    runs.push_back({n_layers, changes(spec, kSteps)});
  }
  return runs;
}

void check_tensor(const RunSpec& spec, TensorRole role, const TensorScales& want) {
  const TensorScales got = tensor_scales(spec, role);
  CHECK(got.init_std == Approx(want.init_std));
  CHECK(got.learning_rate == Approx(want.learning_rate));
  CHECK(got.epsilon == Approx(want.epsilon));
  CHECK(got.weight_decay == Approx(want.weight_decay));
}

}  // namespace

TEST_CASE("standard leaves every tensor the spec's own values, bit for bit") {
  for (const std::int64_t d_model : {32, 96}) {
    const RunSpec spec = spec_of(Parametrisation::standard, d_model, 3);
    for (const TensorRole role :
         {TensorRole::embedding, TensorRole::hidden_in, TensorRole::hidden_out, TensorRole::head}) {
      CHECK(tensor_scales(spec, role) == TensorScales{spec.init_std, 1, 1, 1});
    }
    CHECK(tensor_scales(spec, TensorRole::norm) == TensorScales{0, 1, 1, 0});
  }
}

TEST_CASE("at the base shape all parametrisations are the standard one") {
  const RunSpec standard = spec_of(Parametrisation::standard, kBaseWidth, kBaseDepth);
  for (const Parametrisation parametrisation :
       {Parametrisation::mup, Parametrisation::complete_p}) {
    const RunSpec spec = spec_of(parametrisation, kBaseWidth, kBaseDepth);
    for (const TensorRole role : {TensorRole::embedding, TensorRole::hidden_in,
                                  TensorRole::hidden_out, TensorRole::head, TensorRole::norm}) {
      CHECK(tensor_scales(spec, role) == tensor_scales(standard, role));
    }
  }
}

TEST_CASE("factors at four times the width and three times the depth") {
  const RunSpec mup = spec_of(Parametrisation::mup, 4 * kBaseWidth, 3 * kBaseDepth);
  check_tensor(mup, TensorRole::embedding, {0.1, 1, 0.25, 1});
  check_tensor(mup, TensorRole::hidden_in, {0.05, 0.25, 0.25, 4});
  check_tensor(mup, TensorRole::hidden_out, {0.05, 0.25, 0.25, 4});
  check_tensor(mup, TensorRole::head, {0.025, 0.25, 1, 4});
  check_tensor(mup, TensorRole::norm, {0, 1, 0.25, 0});
  const RunSpec complete_p = spec_of(Parametrisation::complete_p, 4 * kBaseWidth, 3 * kBaseDepth);
  check_tensor(complete_p, TensorRole::embedding, {0.1, 1, 0.25, 1});
  check_tensor(complete_p, TensorRole::hidden_in, {0.05, 0.25, 1.0 / 12, 4});
  check_tensor(complete_p, TensorRole::hidden_out, {0.05 / 3, 1.0 / 12, 0.25, 12});
  check_tensor(complete_p, TensorRole::head, {0.025, 0.25, 1, 4});
  check_tensor(complete_p, TensorRole::norm, {0, 1, 1.0 / 12, 0});
}

TEST_CASE("every parameter has a role") {
  std::vector<int> counts(5);
  RunSpec spec = spec_of(Parametrisation::standard, 32, 3);
  const ParameterLayout layout(spec.shape);
  for (const Parameter& parameter : layout.parameters()) {
    ++counts[static_cast<std::size_t>(tensor_role(parameter.name))];
  }
  CHECK(counts == std::vector<int>{1, 6, 6, 1, 7});
  spec.shape.ffn = FfnKind::gelu;
  const ParameterLayout gelu_layout(spec.shape);
  for (const Parameter& parameter : gelu_layout.parameters()) {
    if (parameter.name.find("mlp.up_proj") == std::string::npos) continue;
    CHECK(tensor_role(parameter.name) == TensorRole::hidden_in);
  }
}

TEST_CASE("AdamW cannot tell a multiplier from scaled settings") {
  const double theta = 1.0 / 8;
  constexpr std::int64_t kSize = 64;
  const std::unique_ptr<Backend> backend = make_cpu_backend();
  std::vector<float> w(kSize), v(kSize), g_w(kSize), g_v(kSize), m_w(kSize), m_v(kSize), s_w(kSize),
      s_v(kSize);
  const auto tensor = [](std::vector<float>& x) { return Tensor{x.data(), DType::f32, kSize, 1}; };
  const Rng rng(1);
  for (std::size_t i = 0; i < kSize; ++i) {
    w[i] = static_cast<float>(rng.normal(i));
    v[i] = static_cast<float>(theta) * w[i];
  }
  for (std::uint64_t t = 1; t <= 20; ++t) {
    for (std::size_t i = 0; i < kSize; ++i) {
      g_v[i] = static_cast<float>(Rng(2, t).normal(i));  // of V: what does not know of theta
      g_w[i] = static_cast<float>(theta) * g_v[i];
    }
    // Epsilon of the gradients' own size, so that it matters.
    test::AdamWSettings settings{.learning_rate = 0.01f,
                                 .beta1 = 0.9f,
                                 .beta2 = 0.95f,
                                 .epsilon = 0.1f,
                                 .weight_decay = 0.5f,
                                 .bias_correction1 = static_cast<float>(1 - std::pow(0.9, t)),
                                 .bias_correction2 = static_cast<float>(1 - std::pow(0.95, t)),
                                 .grad_scale = 1};
    test::adamw_step(*backend, tensor(w), tensor(g_w), tensor(m_w), tensor(s_w), settings);
    settings.learning_rate *= static_cast<float>(theta);
    settings.epsilon /= static_cast<float>(theta);
    settings.weight_decay /= static_cast<float>(theta);
    test::adamw_step(*backend, tensor(v), tensor(g_v), tensor(m_v), tensor(s_v), settings);
  }
  // theta is a power of two: only the products lr decay and eps / theta can round differently.
  for (std::size_t i = 0; i < kSize; ++i) CHECK(v[i] == Approx(theta * w[i]).epsilon(1e-6));
}

// The factor 2 leaves room for what does not follow the width: how far the small base model itself
// is from the limit (its head says more at the start), and the batch's own noise.
TEST_CASE("with muP and CompleteP a step moves models of all widths by as much") {
  for (const Parametrisation parametrisation :
       {Parametrisation::mup, Parametrisation::complete_p}) {
    const std::vector<Observed> runs = over_widths(parametrisation);
    for (std::size_t i = 0; i < kSteps; ++i) {
      CAPTURE(to_string(parametrisation), i);
      CHECK(spread(runs, i, &Change::logits) < 2);
      CHECK(spread(runs, i, &Change::features) < 2);
    }
  }
}

TEST_CASE("with the standard parametrisation logits move like the width") {
  const std::vector<Observed> runs = over_widths(Parametrisation::standard);
  for (std::size_t i = 0; i < kSteps; ++i) {
    CAPTURE(i);
    CHECK(spread(runs, i, &Change::logits) > 0.5 * 256 / 32);
    CHECK(runs.back().steps[i].logits > runs.front().steps[i].logits);
  }
}

TEST_CASE("with CompleteP a step moves models of all depths by as much") {
  const std::vector<Observed> runs = over_depths(Parametrisation::complete_p);
  for (std::size_t i = 0; i < kSteps; ++i) {
    CAPTURE(i);
    CHECK(spread(runs, i, &Change::logits) < 1.5);
    CHECK(spread(runs, i, &Change::features) < 1.5);
  }
}

TEST_CASE("with muP, as with the standard parametrisation, deep models move further") {
  for (const Parametrisation parametrisation : {Parametrisation::standard, Parametrisation::mup}) {
    const std::vector<Observed> runs = over_depths(parametrisation);
    CHECK(spread(runs, 0, &Change::logits) > 0.5 * 32 / 2);
    for (std::size_t i = 0; i < kSteps; ++i) {
      CAPTURE(to_string(parametrisation), i);
      CHECK(spread(runs, i, &Change::logits) > 3);
      CHECK(spread(runs, i, &Change::features) > 3);
      CHECK(runs.back().steps[i].logits > runs.front().steps[i].logits);
    }
  }
}

}  // namespace isoflop
