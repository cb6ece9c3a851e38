// SPDX-License-Identifier: Apache-2.0
#include "record/outlier_rules.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr std::size_t kEpochLeavesOut = 5;  // arXiv:2404.10102, their script's number
constexpr double kDiverged = 1.5;           // times the lowest loss of the same N and D
constexpr double kFewestTokensPerParam = 0.1, kMostTokensPerParam = 1e5;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value;
  hash *= 0x9e3779b97f4a7c15u;
  hash ^= hash >> 32;
  hash *= 0xd6e8feb86659fd93u;
  return hash ^ (hash >> 29);
}

// Of all that was measured or chosen; not of names.
std::uint64_t hash_of(const Point& point) {
  std::uint64_t hash = mix(1, std::bit_cast<std::uint64_t>(point.tokens));
  for (const auto& value : {point.params, point.flops_per_token, point.compute, point.budget,
                            point.loss, point.bits_per_byte, point.batch_tokens, point.peak_lr}) {
    hash = mix(hash, std::bit_cast<std::uint64_t>(value.value_or(0)));
  }
  hash = mix(hash, static_cast<std::uint64_t>(point.seed.value_or(-1)));
  return mix(hash, std::hash<std::string>()(point.dataset));
}

std::pair<double, double> cell_of(const Point& point) {
  return {point.params.value_or(0), point.tokens};
}

}  // namespace

std::size_t FirstRows::slot_of(std::uint64_t hash) const {
  const std::size_t mask = hashes_.size() - 1;
  std::size_t slot = hash & mask;
  while (rows_[slot] != 0 && hashes_[slot] != hash) slot = (slot + 1) & mask;
  return slot;
}

void FirstRows::grow() {
  const std::vector<std::uint64_t> hashes = std::move(hashes_);
  const std::vector<std::uint32_t> rows = std::move(rows_);
  const std::size_t size = std::max<std::size_t>(1024, 2 * rows.size());
  hashes_.assign(size, 0);
  rows_.assign(size, 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == 0) continue;
    const std::size_t slot = slot_of(hashes[i]);
    hashes_[slot] = hashes[i];
    rows_[slot] = rows[i];
  }
}

std::optional<std::int64_t> FirstRows::find_or_add(std::uint64_t hash, std::int64_t row) {
  if (4 * n_used_ >= 3 * rows_.size()) grow();
  const std::size_t slot = slot_of(hash);
  if (rows_[slot] != 0) return rows_[slot];
  hashes_[slot] = hash;
  rows_[slot] = static_cast<std::uint32_t>(row);
  ++n_used_;
  return std::nullopt;
}

void OutlierRules::learn(const Point& point) {
  if (!point.loss) return;
  if (rule_ == ImportPreset::Rule::five_highest_losses) {
    const auto place = std::upper_bound(highest_losses_.begin(), highest_losses_.end(), *point.loss,
                                        std::greater<>());
    highest_losses_.insert(place, *point.loss);
    if (highest_losses_.size() > kEpochLeavesOut) highest_losses_.pop_back();
  } else if (rule_ == ImportPreset::Rule::diverged_in_cell) {
    double& lowest = lowest_loss_of_cell_.try_emplace(cell_of(point), *point.loss).first->second;
    lowest = std::min(lowest, *point.loss);
  }
}

void OutlierRules::judge(const Point& point, std::int64_t row, std::string_view experiment,
                         std::vector<OutlierReason>& reasons) {
  if (const auto first = first_rows_.find_or_add(hash_of(point), row)) {
    reasons.push_back({"duplicate", "of row " + std::to_string(*first)});
  }
  const double ratio = point.tokens / point.params.value_or(point.tokens);
  if (ratio < kFewestTokensPerParam || ratio > kMostTokensPerParam) {
    reasons.push_back({"tokens_per_param", rounded_text(ratio, 3)});
  }
  if (point.loss && vocab_size_ && *point.loss > std::log(*vocab_size_)) {
    reasons.push_back({"loss_above_ln_vocab", rounded_text(*point.loss, 4)});
  }
  if (!highest_losses_.empty() && point.loss && *point.loss >= highest_losses_.back()) {
    reasons.push_back({"five_highest_losses", "Epoch leaves them out"});
  }
  if (const auto lowest = lowest_loss_of_cell_.find(cell_of(point));
      lowest != lowest_loss_of_cell_.end() && point.loss &&
      *point.loss > kDiverged * lowest->second) {
    reasons.push_back({"diverged", rounded_text(*point.loss, 4) +
                                       " where the lowest of this N and "
                                       "D is " +
                                       rounded_text(lowest->second, 4)});
  }
  if (rule_ == ImportPreset::Rule::raw_loss_view && experiment.ends_with("raw_loss")) {
    reasons.push_back({"raw_loss_view", "the same runs are there as exp_loss"});
  }
}

}  // namespace isoflop
