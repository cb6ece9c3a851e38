// SPDX-License-Identifier: Apache-2.0
// Against PyTorch's autograd on the same weights and tokens; tests/torch/make_reference writes the
// values and tests/torch/reference_rule.py says how the weights and tokens come about.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>

#include "base/json.h"
#include "base/rng.h"
#include "isoflop/error.h"
#include "support/catch.h"
#include "support/toy_dataset.h"
#include "train/cpu/select.h"
#include "train/device/cpu_backend.h"
#include "train/network/parameters.h"
#include "train/network/transformer.h"
#include "train/ranks/solo_communicator.h"
#include "train/trainer.h"

namespace isoflop {
namespace {

using Gradients = std::map<std::string, std::vector<float>>;  // by tensor

constexpr std::int64_t kLarge = std::numeric_limits<std::int64_t>::max();

std::filesystem::path data_folder() {
  return std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/train/data";
}

const JsonFile& reference() {
  static const JsonFile file = read_json_file(data_folder() / "torch_reference.json");
  return file;
}

std::int64_t count(const JsonReader& at, const char* key) { return at.at(key).integer(0, kLarge); }

ModelShape read_shape(const JsonReader& at) {
  return {.n_layers = count(at, "n_layers"),
          .d_model = count(at, "d_model"),
          .n_heads = count(at, "n_heads"),
          .n_kv_heads = count(at, "n_kv_heads"),
          .d_head = count(at, "d_head"),
          .d_ff = count(at, "d_ff"),
          .vocab_size = count(at, "vocab_size"),
          .seq_len = count(at, "seq_len"),
          .tied_embeddings = at.at("tied_embeddings").boolean()};
}

const Parameter& find_parameter(const ParameterLayout& layout, const std::string& name) {
  const auto& all = layout.parameters();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Parameter& parameter) { return parameter.name == name; });
  if (found == all.end()) throw Error(ErrorCode::invalid_argument, "no tensor " + name);
  return *found;
}

/// The rule for the weights: `names` in the order in which the reference numbers them.
void fill_weights(const std::vector<std::string>& names, std::uint64_t seed, double amplitude,
                  const ParameterLayout& layout, float* weights) {
  REQUIRE(names.size() == layout.parameters().size());
  for (std::size_t tensor = 0; tensor < names.size(); ++tensor) {
    const Parameter& parameter = find_parameter(layout, names[tensor]);
    const Rng rng(seed, tensor);
    const bool gain = parameter.offset >= layout.matrices().end;
    for (std::int64_t i = 0; i < parameter.range().size(); ++i) {
      const double symmetric = 2.0 * rng.uniform(static_cast<std::uint64_t>(i)) - 1.0;
      const double value = gain ? 1.0 + 0.25 * symmetric : amplitude * symmetric;
      weights[parameter.offset + i] = static_cast<float>(value);
    }
  }
}

/// One entry of "gradients".
struct GradientCase {
  explicit GradientCase(const JsonReader& at)
      : name(at.at("name").string()),
        shape(read_shape(at.at("shape"))),
        n_seqs(count(at, "n_seqs")),
        seed(static_cast<std::uint64_t>(count(at, "seed"))),
        weight_amplitude(at.at("weight_amplitude").positive()),
        loss(at.at("loss_double").number()) {
    const std::filesystem::path file = data_folder() / at.at("file").string();
    const std::int64_t double_offset = count(at, "double_offset");
    std::vector<float> values(static_cast<std::size_t>(2 * double_offset));
    std::ifstream stream(file, std::ios::binary);
    stream.read(reinterpret_cast<char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(float)));
    REQUIRE(stream);
    for (const JsonReader& tensor : at.at("tensors").elements()) {
      names.push_back(tensor.at("name").string());
      const std::int64_t n = count(tensor, "rows") * count(tensor, "cols");
      const auto part = [&](std::int64_t first) {
        return std::vector<float>(values.begin() + first, values.begin() + first + n);
      };
      single[names.back()] = part(count(tensor, "offset"));
      from_double[names.back()] = part(double_offset + count(tensor, "offset"));
    }
  }

  std::string name;
  ModelShape shape;
  std::int64_t n_seqs;
  std::uint64_t seed;
  double weight_amplitude, loss;
  std::vector<std::string> names;
  Gradients single, from_double;
};

/// isoflop's mean loss and gradients.
struct Computed {
  double loss = 0;
  Gradients gradients;
};

Computed compute(const GradientCase& given, Backend& backend) {
  const ParameterLayout layout(given.shape);
  const std::int64_t n_rows = given.n_seqs * given.shape.seq_len;
  std::vector<std::int32_t> tokens, targets;
  const Rng rng(given.seed);
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(2 * n_rows); ++i) {
    const auto id = static_cast<std::int32_t>(rng.below(given.shape.vocab_size, i));
    (i % 2 == 0 ? tokens : targets).push_back(id);
  }
  std::vector<float> losses(static_cast<std::size_t>(n_rows));
  const auto weights = backend.allocate(layout.size() * 4);
  const auto gradients = backend.allocate(layout.size() * 4);
  const auto arena = [&](Buffer& buffer) {
    return Tensor{buffer.data(), DType::f32, layout.size(), 1};
  };
  fill_weights(given.names, given.seed, given.weight_amplitude, layout, arena(*weights).f32());

  ModelTensors gradient_views = view_tensors(layout, arena(*gradients));
  SoloCommunicator solo;
  Transformer(backend, solo, given.shape, DType::f32, given.n_seqs)
      .accumulate_gradients(
          view_tensors(layout, arena(*weights)), {tokens.data(), DType::i32, n_rows, 1},
          {targets.data(), DType::i32, n_rows, 1}, 1.0f / static_cast<float>(n_rows),
          gradient_views, {losses.data(), DType::f32, n_rows, 1});

  Computed computed;
  computed.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(n_rows);
  for (const Parameter& parameter : layout.parameters()) {
    const float* first = arena(*gradients).f32() + parameter.offset;
    computed.gradients[parameter.name].assign(first, first + parameter.range().size());
  }
  return computed;
}

/// |x - expected|^2 and |expected|^2.
struct SquaredError {
  double difference = 0, norm = 0;
  void add(const std::vector<float>& x, const std::vector<float>& expected) {
    REQUIRE(x.size() == expected.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto value = static_cast<double>(expected[i]);
      difference += std::pow(static_cast<double>(x[i]) - value, 2);
      norm += value * value;
    }
  }
  [[nodiscard]] double relative() const { return std::sqrt(difference / norm); }
};

/// fp32 rounds by 6e-8; sums of some hundreds of products, three to six layers deep, lose a digit.
constexpr double kModelTolerance = 2e-6, kTensorTolerance = 1e-5;

void check_gradients(const Gradients& found, const Gradients& expected, const std::string& what) {
  SquaredError whole;
  double worst = 0;
  std::string worst_name;
  for (const auto& [name, values] : expected) {
    SquaredError tensor;
    tensor.add(found.at(name), values);
    whole.add(found.at(name), values);
    if (tensor.relative() <= worst) continue;
    worst = tensor.relative();
    worst_name = name;
  }
  INFO(what << ": model " << whole.relative() << ", worst " << worst << " " << worst_name);
  CHECK(whole.relative() <= kModelTolerance);
  CHECK(worst <= kTensorTolerance);
}

struct TrainingCase {
  RunSpec spec;
  std::vector<std::string> names;
  std::uint64_t weight_seed;
  double weight_amplitude;
  std::vector<double> single, from_double;  // losses
};

TrainingCase read_training(const JsonReader& at) {
  TrainingCase run;
  RunSpec& spec = run.spec;
  spec.shape = read_shape(at.at("shape"));
  spec.dataset = "toy";
  spec.dataset_hash = "toy-hash";
  spec.batch_tokens = count(at, "batch_seqs") * spec.shape.seq_len;
  spec.n_steps = count(at, "n_steps");
  spec.warmup_steps = count(at, "warmup_steps");
  spec.peak_lr = at.at("peak_lr").positive();
  spec.schedule.milestones.clear();
  for (const JsonReader& milestone : at.at("milestones").elements()) {
    const auto pair = milestone.elements(2);
    spec.schedule.milestones.push_back({pair[0].number(), pair[1].number()});
  }
  spec.weight_decay = at.at("weight_decay").number();
  spec.adam_beta1 = at.at("adam_beta1").number();
  spec.adam_beta2 = at.at("adam_beta2").number();
  spec.adam_epsilon = at.at("adam_epsilon").number();
  spec.grad_clip = at.at("grad_clip").number();
  spec.micro_batch_seqs = 2;
  spec.data_parallel = 2;
  spec.seed = static_cast<std::uint64_t>(count(at, "data_seed"));
  spec.validation_tokens = spec.shape.seq_len;
  for (const JsonReader& name : at.at("tensors").elements()) run.names.push_back(name.string());
  run.weight_seed = static_cast<std::uint64_t>(count(at, "weight_seed"));
  run.weight_amplitude = at.at("weight_amplitude").positive();
  for (const JsonReader& x : at.at("losses").elements()) run.single.push_back(x.number());
  for (const JsonReader& x : at.at("losses_double").elements())
    run.from_double.push_back(x.number());
  return run;
}

/// The losses of a run of isoflop's trainer that starts from the reference's weights.
std::vector<double> train_losses(const TrainingCase& run) {
  std::vector<double> losses;
  TrainOptions options;
  options.on_step = [&](const StepMetrics& metrics) {
    losses.push_back(metrics.loss_nats);
    return true;
  };
  const ParameterLayout layout(run.spec.shape);
  const test::ToyDataset dataset(run.spec.shape.vocab_size);
  (void)train_observed(run.spec, dataset, options, [&](std::int64_t steps_done, Tensor weights) {
    if (steps_done > 0) return;
    fill_weights(run.names, run.weight_seed, run.weight_amplitude, layout, weights.f32());
  });
  return losses;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("every gradient tensor equals PyTorch's, on every instruction set") {
  for (const JsonReader& at : reference().reader().at("gradients").elements()) {
    const GradientCase given(at);
    for (const CpuKernels* kernels : available_cpu_kernels()) {
      const std::string what = given.name + ", " + kernels->isa;
      const Computed computed = compute(given, *make_cpu_backend(*kernels));
      INFO(what << ": loss " << computed.loss << ", expected " << given.loss);
      CHECK(std::abs(computed.loss - given.loss) <= 1e-6);
      check_gradients(computed.gradients, given.single, what + ", PyTorch in fp32");
      check_gradients(computed.gradients, given.from_double, what + ", PyTorch in fp64");
    }
  }
}

TEST_CASE("a hundred steps of training have PyTorch's losses") {
  const TrainingCase run = read_training(reference().reader().at("training"));
  const std::vector<double> losses = train_losses(run);
  REQUIRE(losses.size() == 100);
  const double single = largest_difference(losses, run.single);
  const double from_double = largest_difference(losses, run.from_double);
  INFO("largest difference of a loss: " << single << " from fp32, " << from_double << " from fp64");
  CHECK(single <= 1e-5);
  CHECK(from_double <= 1e-5);
}
}  // namespace isoflop
