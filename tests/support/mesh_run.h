// SPDX-License-Identifier: Apache-2.0
// A few steps of training by the ranks of a mesh, on any backend, put together from all of them.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "support/toy_dataset.h"
#include "train/device/bf16.h"
#include "train/ranks/mesh.h"
#include "train/ranks/thread_communicator.h"
#include "train/replica.h"

namespace isoflop::test {

/// Arenas of the whole model, in f32.
struct Outcome {
  std::vector<StepMeasures> measures;  // of each step
  std::vector<float> gradient;         // of the first step, summed
  std::vector<float> weights;          // at the end, from the model's own copies
  std::vector<float> first_moment, second_moment;
  bool copies_agree = true;  // measures of all ranks; weights that several ranks hold
};

/// A tensor of f32 or bf16 on the host, as floats.
inline std::vector<float> to_floats(Backend& backend, Tensor tensor) {
  const auto n = static_cast<std::size_t>(tensor.size());
  std::vector<float> floats(n);
  if (tensor.dtype == DType::f32) {
    backend.download(floats.data(), tensor.data, tensor.size() * 4);
    return floats;
  }
  std::vector<std::uint16_t> halves(n);
  backend.download(halves.data(), tensor.data, tensor.size() * 2);
  for (std::size_t i = 0; i < n; ++i) floats[i] = lift_bf16(halves[i]);
  return floats;
}

/// Copies what this rank's arena holds of `elements` into an arena of the whole model; false where
/// another rank had put other values there.
inline bool scatter(const ParameterLayout& layout, const std::vector<float>& arena, Range elements,
                    std::vector<float>& whole) {
  bool agree = true;
  for (const ElementRun& run : element_runs(layout, elements)) {
    for (std::int64_t i = 0; i < run.here.size(); ++i) {
      float& target = whole[static_cast<std::size_t>(run.whole + i)];
      const float value = arena[static_cast<std::size_t>(run.here.begin + i)];
      agree = agree && (std::isnan(target) || target == value);
      target = value;
    }
  }
  return agree;
}

using MakeBackend = std::function<std::unique_ptr<Backend>(int rank)>;

inline Outcome run_mesh(const RunSpec& spec, int n_tensor, int n_data, std::int64_t n_steps,
                        const MakeBackend& make) {
  const ToyDataset dataset(spec.shape.vocab_size);
  const auto n = static_cast<std::size_t>(ParameterLayout(spec.shape).size());
  Outcome outcome;
  for (auto* arena : {&outcome.gradient, &outcome.weights}) arena->assign(n, NAN);
  Snapshot snapshot{{}, std::vector<float>(n), std::vector<float>(n), std::vector<float>(n)};
  std::mutex mutex;
  run_ranks(n_tensor * n_data, [&](Communicator& host) {
    const std::unique_ptr<Backend> backend = make(host.rank());
    const std::unique_ptr<Communicator> connected = backend->connect(host);
    Communicator& world = connected ? *connected : host;
    Mesh mesh(world, n_tensor);
    Replica replica(spec, dataset, mesh, *backend);
    replica.optimizer().initialize();
    for (std::int64_t step = 0; step < n_steps; ++step) {
      replica.start_step(step);
      const StepMeasures measures = replica.finish_step();
      const std::vector<float> gradient = to_floats(*backend, replica.gradients().arena(0));
      const std::lock_guard lock(mutex);
      if (outcome.measures.size() <= static_cast<std::size_t>(step)) {
        outcome.measures.push_back(measures);
      }
      const StepMeasures& first = outcome.measures[static_cast<std::size_t>(step)];
      if (measures.loss != first.loss || measures.norms.gradient != first.norms.gradient ||
          measures.norms.weights != first.norms.weights) {
        outcome.copies_agree = false;
      }
      if (step > 0) continue;
      const ShardPlan plan(spec, replica.layout(), mesh.data->rank(), mesh.data->size());
      for (const Bucket& bucket : plan.buckets()) {
        if (!scatter(replica.layout(), gradient, bucket.my_elements, outcome.gradient)) {
          outcome.copies_agree = false;
        }
      }
    }
    replica.optimizer().store(mesh.data->rank() == 0 ? &snapshot : nullptr);
    const std::vector<float> weights = to_floats(*backend, replica.weights());
    const std::lock_guard lock(mutex);
    if (!scatter(replica.layout(), weights, {0, replica.layout().size()}, outcome.weights)) {
      outcome.copies_agree = false;
    }
  });
  outcome.first_moment = snapshot.first_moment;
  outcome.second_moment = snapshot.second_moment;
  return outcome;
}

}  // namespace isoflop::test
