// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/sharded_adamw.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace isoflop {
namespace {

constexpr DType kExact = DType::f32;

// Rows of squares_.
constexpr std::int64_t kGradientRow = 0, kWeightRow = 1, kCopyRow = 2, kUnsharedRow = 3;
constexpr std::int64_t kSquares = 4;

Tensor column(const DeviceTable<double>& values) {
  const auto n = static_cast<std::int64_t>(values.view().size());
  return {const_cast<double*>(values.view().data()), DType::f64, n, 1};
}

/// Elements of `tensor` on the host.
std::vector<float> to_host(Backend& backend, Tensor tensor) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  backend.download(values.data(), tensor.data, tensor.size() * size_of(kExact));
  return values;
}

}  // namespace

ShardedAdamW::ShardedAdamW(const RunSpec& spec, Backend& backend, Mesh& mesh,
                           const ParameterLayout& layout, const ShardPlan& plan, Tensor weights,
                           Tensor gradient)
    : spec_(spec),
      backend_(backend),
      mesh_(mesh),
      layout_(layout),
      plan_(plan),
      weights_(weights),
      gradient_(gradient),
      first_moment_(backend.allocate(plan.n_elements() * size_of(kExact))),
      second_moment_(backend.allocate(plan.n_elements() * size_of(kExact))),
      squares_(backend.allocate(kSquares * static_cast<std::int64_t>(plan.units().size()) *
                                size_of(DType::f64))),
      step_(backend.allocate(sizeof(AdamWStep))),
      scale_(backend.allocate(size_of(DType::f32))),
      step_on_its_way_(backend.make_staging(sizeof(AdamWStep))) {
  if (weights.dtype != kExact) master_ = backend.allocate(plan.n_elements() * size_of(kExact));
  for (const Bucket& bucket : plan.buckets()) {
    shares_.push_back(bucket.my_elements);
    unit_shares_.push_back(bucket.my_units);
  }
  make_tables();
}

void ShardedAdamW::make_tables() {
  std::vector<AdamWPart> parts;
  std::vector<Range> mine, mine_in_master, unshared;
  for (const Bucket& bucket : plan_.buckets()) {
    for (std::int64_t i = bucket.my_units.begin; i < bucket.my_units.end; ++i) {
      const Unit& unit = plan_.units()[static_cast<std::size_t>(i)];
      const std::int64_t to_share = bucket.first - bucket.my_elements.begin;
      parts.push_back(part_of(bucket, unit));
      mine.push_back(unit.elements);
      mine_in_master.push_back({unit.elements.begin + to_share, unit.elements.end + to_share});
    }
  }
  std::vector<double> once, once_unshared;
  for (const Unit& unit : plan_.units()) {
    once.push_back(unit.owned ? 1 : 0);
    once_unshared.push_back(unit.owned && !unit.shared ? 1 : 0);
    if (!unit.shared) unshared.push_back(unit.elements);
  }
  parts_.emplace(backend_, parts);
  my_units_.emplace(backend_, mine);
  my_master_units_.emplace(backend_, master_ ? mine_in_master : mine);
  unshared_units_.emplace(backend_, unshared);
  counts_once_.emplace(backend_, once);
  counts_unshared_.emplace(backend_, once_unshared);
  ones_.emplace(backend_, std::vector<double>(plan_.units().size(), 1.0));
}

AdamWPart ShardedAdamW::part_of(const Bucket& bucket, const Unit& unit) const {
  const Range elements = unit.elements;
  const auto here = [&](Tensor arena) { return arena.slice(elements.begin, elements.size()); };
  return {.w = master(bucket, elements).f32(),
          .grad = here(gradient_).f32(),
          .m = share(*first_moment_, bucket, elements).f32(),
          .v = share(*second_moment_, bucket, elements).f32(),
          .rounded = master_ ? here(weights_).data : nullptr,
          .size = elements.size(),
          .learning_rate = unit.scales.learning_rate,
          .epsilon = static_cast<float>(spec_.adam_epsilon * unit.scales.epsilon),
          .weight_decay = static_cast<float>(spec_.weight_decay * unit.scales.weight_decay)};
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
  begin_updating();
  publish();
}

void ShardedAdamW::begin_step(std::int64_t step) {
  const auto n_updates = static_cast<double>(step + 1);
  const AdamWStep values{
      .learning_rate = spec_.peak_lr * lr_fraction_at(spec_, step),
      .bias_correction1 = static_cast<float>(1 - std::pow(spec_.adam_beta1, n_updates)),
      .bias_correction2 = static_cast<float>(1 - std::pow(spec_.adam_beta2, n_updates))};
  std::memcpy(step_on_its_way_->wait(), &values, sizeof(values));
  step_on_its_way_->send(step_->data());
}

void ShardedAdamW::measure(Measures& measures) {
  const auto total = [&](std::int64_t row, const DeviceTable<double>& counts, Measure measure) {
    backend_.dot(squares(row), column(counts), measures.term(measure));
  };
  square_units(gradient_, *my_units_, kGradientRow);
  total(kGradientRow, *counts_once_, Measure::gradient);
  total(kGradientRow, *counts_unshared_, Measure::unshared);
  square_units(master_ ? Tensor{master_->data(), kExact, plan_.n_elements(), 1} : weights_,
               *my_master_units_, kWeightRow);
  total(kWeightRow, *counts_once_, Measure::weights);
  if (!master_) return;
  square_units(weights_, *my_units_, kCopyRow);
  total(kCopyRow, *counts_once_, Measure::copy);
}

void ShardedAdamW::square_units(Tensor x, const DeviceTable<Range>& units, std::int64_t row) {
  const Tensor all = squares(row);
  std::size_t done = 0;
  for (std::size_t i = 0; i < unit_shares_.size();) {
    Range run = unit_shares_[i];  // shares that follow one another are taken together
    for (++i; i < unit_shares_.size() && unit_shares_[i].begin == run.end; ++i) {
      run.end = unit_shares_[i].end;
    }
    const auto n = static_cast<std::size_t>(run.size());
    backend_.squared_norms(x, units.view().subspan(done, n), all.slice(run.begin, run.size()));
    done += n;
  }
  mesh_.data->all_gather(backend_, all, unit_shares_);
}

void ShardedAdamW::measure_unshared(Tensor arena, Tensor result) {
  const auto n = static_cast<std::int64_t>(unshared_units_->view().size());
  const Tensor unit_squares = squares(kUnsharedRow).slice(0, n);
  backend_.squared_norms(arena, unshared_units_->view(), unit_squares);
  backend_.dot(unit_squares, column(*ones_).slice(0, n), result);
}

void ShardedAdamW::update(const Measures& measures) {
  const Tensor scale{scale_->data(), DType::f32, 1, 1};
  backend_.clip_scale(measures.sums(), spec_.grad_clip, scale);
  backend_.adamw(parts_->view(), static_cast<float>(spec_.adam_beta1),
                 static_cast<float>(spec_.adam_beta2), static_cast<AdamWStep*>(step_->data()),
                 scale.f32());
  mesh_.data->all_gather(backend_, weights_, shares_);
}

void ShardedAdamW::begin_updating() {
  const float scale = 1;
  backend_.upload(scale_->data(), &scale, sizeof(scale));
}

Tensor ShardedAdamW::squares(std::int64_t row) const {
  const auto n = static_cast<std::int64_t>(plan_.units().size());
  return {static_cast<double*>(squares_->data()) + row * n, DType::f64, n, 1};
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

// Shares meet in the gradient's arena, which nobody needs between two steps.

void ShardedAdamW::store(Snapshot* snapshot) {
  const auto gather = [&](Buffer* shares, std::vector<float> Snapshot::*whole) {
    for (const Bucket& bucket : plan_.buckets()) {
      const Range mine = bucket.my_elements;
      backend_.copy(shares ? share(*shares, bucket, mine) : master(bucket, mine),
                    gradient_.slice(mine.begin, mine.size()));
    }
    mesh_.data->all_gather(backend_, gradient_, shares_);
    if (snapshot != nullptr) download(snapshot->*whole);
  };
  gather(nullptr, &Snapshot::weights);
  gather(first_moment_.get(), &Snapshot::first_moment);
  gather(second_moment_.get(), &Snapshot::second_moment);
}

void ShardedAdamW::load(const Snapshot* snapshot) {
  const Range all{0, snapshot == nullptr ? 0 : layout_.size()};
  const auto deal_out = [&](const std::vector<float> Snapshot::*whole, Buffer* shares) {
    if (snapshot != nullptr) upload(snapshot->*whole);
    mesh_.data->all_gather(backend_, gradient_, {&all, 1});
    for (const Bucket& bucket : plan_.buckets()) {
      const Range mine = bucket.my_elements;
      backend_.copy(gradient_.slice(mine.begin, mine.size()),
                    shares ? share(*shares, bucket, mine) : master(bucket, mine));
    }
  };
  deal_out(&Snapshot::weights, nullptr);
  deal_out(&Snapshot::first_moment, first_moment_.get());
  deal_out(&Snapshot::second_moment, second_moment_.get());
  begin_updating();
  publish();
}

void ShardedAdamW::download(std::vector<float>& whole) {
  for (const Bucket& bucket : plan_.buckets()) {
    const Range elements = bucket.elements;
    const std::vector<float> host =
        to_host(backend_, gradient_.slice(elements.begin, elements.size()));
    for (const ElementRun& run : element_runs(layout_, elements)) {
      if (!run.owned) continue;
      std::copy_n(host.begin() + (run.here.begin - elements.begin), run.here.size(),
                  whole.begin() + run.whole);
    }
  }
}

void ShardedAdamW::upload(const std::vector<float>& whole) {
  for (const Bucket& bucket : plan_.buckets()) {
    const Range elements = bucket.elements;
    std::vector<float> host(static_cast<std::size_t>(elements.size()));
    for (const ElementRun& run : element_runs(layout_, elements)) {
      std::copy_n(whole.begin() + run.whole, run.here.size(),
                  host.begin() + (run.here.begin - elements.begin));
    }
    const Tensor target = gradient_.slice(elements.begin, elements.size());
    backend_.upload(target.data, host.data(), target.size() * size_of(kExact));
  }
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
  std::int64_t my_units = 0;
  for (const Bucket& bucket : plan.buckets()) my_units += bucket.my_units.size();
  const auto n_units = static_cast<std::int64_t>(plan.units().size());
  return n_arrays * plan.n_elements() * size_of(kExact) +
         my_units * static_cast<std::int64_t>(sizeof(AdamWPart) + 2 * sizeof(Range)) +
         n_units * static_cast<std::int64_t>(sizeof(Range) + (kSquares + 3) * sizeof(double));
}

}  // namespace isoflop
