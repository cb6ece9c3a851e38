// SPDX-License-Identifier: Apache-2.0
#include "train/sharded_adamw.h"

#include <algorithm>
#include <cmath>

namespace isoflop {
namespace {

constexpr DType kExact = DType::f32;

/// Elements of `tensor` on the host.
std::vector<float> to_host(Backend& backend, Tensor tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  backend.download(values.data(), tensor.data, tensor.size() * size_of(kExact));
  return values;
}

}  // namespace

ShardedAdamW::ShardedAdamW(const RunSpec& spec, Backend& backend, Mesh& mesh,
                           const ParameterLayout& layout, const ShardPlan& plan, Tensor weights)
    : spec_(spec),
      backend_(backend),
      mesh_(mesh),
      layout_(layout),
      plan_(plan),
      weights_(weights),
      first_moment_(backend.allocate(plan.n_elements() * size_of(kExact))),
      second_moment_(backend.allocate(plan.n_elements() * size_of(kExact))),
      gradient_squares_(plan.units().size()),
      weight_squares_(plan.units().size()) {
  if (weights.dtype != kExact) {
    master_ = backend.allocate(plan.n_elements() * size_of(kExact));
    copy_squares_.resize(plan.units().size());
  }
  for (const Bucket& bucket : plan.buckets()) {
    shares_.push_back(bucket.my_elements);
    unit_shares_.push_back(bucket.my_units);
  }
}

void ShardedAdamW::initialize() {
  for (const Bucket& bucket : plan_.buckets()) {
    std::vector<float> values(static_cast<std::size_t>(bucket.my_elements.size()));
    initial_values(layout_, spec_, bucket.my_elements, values);
    const Tensor target = master(bucket, bucket.my_elements);
    backend_.upload(target.data, values.data(), target.size() * size_of(kExact));
    for (Buffer* moment : {first_moment_.get(), second_moment_.get()}) {
      backend_.zero(share(*moment, bucket, bucket.my_elements));
    }
  }
  publish();
}

Norms ShardedAdamW::measure(Tensor gradient) {
  squared_norms(gradient);
  mesh_.data->all_gather(gradient_squares_, unit_shares_);
  mesh_.data->all_gather(weight_squares_, unit_shares_);
  if (master_) mesh_.data->all_gather(copy_squares_, unit_shares_);
  const auto norm = [&](std::span<const double> squares, bool unshared_only) {
    return std::sqrt(mesh_.tensor->sum(total(squares, unshared_only)));
  };
  return {norm(gradient_squares_, false),
          norm(weight_squares_, false) + 0 * norm(copy_squares_, false),  // NaN and infinity show
          norm(gradient_squares_, true)};
}

void ShardedAdamW::squared_norms(Tensor gradient) {
  for (const Bucket& bucket : plan_.buckets()) {
    const auto first = static_cast<std::size_t>(bucket.my_units.begin);
    const auto n = static_cast<std::size_t>(bucket.my_units.size());
    if (n == 0) continue;
    const std::int64_t origin = bucket.my_elements.begin;
    parts_.clear();
    for (std::size_t i = first; i < first + n; ++i) {
      const Range unit = plan_.units()[i].elements;
      parts_.push_back({unit.begin - origin, unit.end - origin});
    }
    backend_.squared_norms(gradient.slice(origin, bucket.my_elements.size()), parts_,
                           std::span(gradient_squares_).subspan(first, n));
    backend_.squared_norms(master(bucket, bucket.my_elements), parts_,
                           std::span(weight_squares_).subspan(first, n));
    if (!master_) continue;
    backend_.squared_norms(weights_.slice(origin, bucket.my_elements.size()), parts_,
                           std::span(copy_squares_).subspan(first, n));
  }
}

double ShardedAdamW::total(std::span<const double> squares, bool unshared_only) const {
  double sum = 0;
  for (std::size_t i = 0; i < squares.size(); ++i) {
    const Unit& unit = plan_.units()[i];
    const bool counts = unit.owned && !(unshared_only && unit.shared);
    sum += (counts ? 1.0 : 0.0) * squares[i];  // 0 * NaN is NaN: a broken copy shows
  }
  return sum;
}

void ShardedAdamW::update(Tensor gradient, double gradient_norm, std::int64_t step) {
  const auto n_updates = static_cast<double>(step + 1);
  const double learning_rate = spec_.peak_lr * lr_fraction_at(spec_, step);
  AdamWSettings settings{
      .learning_rate = 0,
      .beta1 = static_cast<float>(spec_.adam_beta1),
      .beta2 = static_cast<float>(spec_.adam_beta2),
      .epsilon = 0,
      .weight_decay = 0,
      .bias_correction1 = static_cast<float>(1 - std::pow(spec_.adam_beta1, n_updates)),
      .bias_correction2 = static_cast<float>(1 - std::pow(spec_.adam_beta2, n_updates)),
      .grad_scale = static_cast<float>(std::min(1.0, spec_.grad_clip / gradient_norm))};
  for_each_piece([&](const Bucket& bucket, Range elements, const TensorScales& scales) {
    settings.learning_rate = static_cast<float>(learning_rate * scales.learning_rate);
    settings.epsilon = static_cast<float>(spec_.adam_epsilon * scales.epsilon);
    settings.weight_decay = static_cast<float>(spec_.weight_decay * scales.weight_decay);
    const auto here = [&](Tensor arena) { return arena.slice(elements.begin, elements.size()); };
    backend_.adamw(
        master(bucket, elements), here(gradient), share(*first_moment_, bucket, elements),
        share(*second_moment_, bucket, elements), settings, master_ ? here(weights_) : Tensor{});
  });
  mesh_.data->all_gather(backend_, weights_, shares_);
}

template <class Visit>
void ShardedAdamW::for_each_piece(Visit visit) const {
  for (const Bucket& bucket : plan_.buckets()) {
    const auto& units = plan_.units();
    for (std::int64_t i = bucket.my_units.begin; i < bucket.my_units.end;) {
      const Unit& first = units[static_cast<std::size_t>(i)];
      Range elements = first.elements;
      for (++i; i < bucket.my_units.end; ++i) {
        const Unit& next = units[static_cast<std::size_t>(i)];
        if (next.scales != first.scales) break;
        elements.end = next.elements.end;
      }
      visit(bucket, elements, first.scales);
    }
  }
}

/// Makes `weights` of all ranks equal to the master weights.
void ShardedAdamW::publish() {
  if (master_) {
    for (const Bucket& bucket : plan_.buckets()) {
      const Range mine = bucket.my_elements;
      backend_.cast(master(bucket, mine), weights_.slice(mine.begin, mine.size()));
    }
  }
  mesh_.data->all_gather(backend_, weights_, shares_);
}

void ShardedAdamW::store(Snapshot& snapshot) {
  for_each_piece([&](const Bucket& bucket, Range elements, const TensorScales&) {
    const auto scatter = [&](Tensor values, std::vector<float>& whole) {
      const std::vector<float> host = to_host(backend_, values);
      for (const ElementRun& run : element_runs(layout_, elements)) {
        if (!run.owned) continue;
        std::copy_n(host.begin() + (run.here.begin - elements.begin), run.here.size(),
                    whole.begin() + run.whole);
      }
    };
    scatter(master(bucket, elements), snapshot.weights);
    scatter(share(*first_moment_, bucket, elements), snapshot.first_moment);
    scatter(share(*second_moment_, bucket, elements), snapshot.second_moment);
  });
}

void ShardedAdamW::load(const Snapshot& snapshot) {
  for_each_piece([&](const Bucket& bucket, Range elements, const TensorScales&) {
    std::vector<float> host(static_cast<std::size_t>(elements.size()));
    const auto gather = [&](const std::vector<float>& whole, Tensor values) {
      for (const ElementRun& run : element_runs(layout_, elements)) {
        std::copy_n(whole.begin() + run.whole, run.here.size(),
                    host.begin() + (run.here.begin - elements.begin));
      }
      backend_.upload(values.data, host.data(), values.size() * size_of(kExact));
    };
    gather(snapshot.weights, master(bucket, elements));
    gather(snapshot.first_moment, share(*first_moment_, bucket, elements));
    gather(snapshot.second_moment, share(*second_moment_, bucket, elements));
  });
  publish();
}

Tensor ShardedAdamW::master(const Bucket& bucket, Range elements) const {
  if (master_) return share(*master_, bucket, elements);
  return weights_.slice(elements.begin, elements.size());
}

Tensor ShardedAdamW::share(Buffer& buffer, const Bucket& bucket, Range elements) {
  const std::int64_t first = bucket.first + elements.begin - bucket.my_elements.begin;
  return {static_cast<float*>(buffer.data()) + first, kExact, elements.size(), 1};
}

std::int64_t ShardedAdamW::size(const RunSpec& spec, const ShardPlan& plan) {
  const int n_arrays = storage_type(spec.precision) == kExact ? 2 : 3;
  return n_arrays * plan.n_elements() * size_of(kExact) +
         2 * static_cast<std::int64_t>(plan.units().size() * sizeof(double));
}

}  // namespace isoflop
