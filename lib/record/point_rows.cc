// SPDX-License-Identifier: Apache-2.0
#include "record/point_rows.h"

#include <utility>

#include "base/text.h"
#include "record/point_checks.h"

namespace isoflop {

void PointRows::read(Point& point) const {
  point.params = quantity(kParams);
  point.flops_per_token = quantity(kFlopsPerToken);
  require(point.params || point.flops_per_token, kParams, kFlopsPerToken);
  point.compute = quantity(kCompute);
  point.budget = quantity(kBudget);
  read_tokens(point);
  point.loss = quantity(kLoss);
  point.bits_per_byte = quantity(kBitsPerByte);
  if (columns_.loss_is_bits_per_byte) std::swap(point.loss, point.bits_per_byte);
  require(point.loss || point.bits_per_byte, kLoss, kBitsPerByte);
  point.batch_tokens = quantity(kBatchTokens);
  point.peak_lr = quantity(kPeakLr);
  point.seed = integer(kSeed);
  point.dataset = text(kDataset);
  if (const auto fault = fault_of(point)) complain(fault->column, fault->what);
}

std::string_view PointRows::text(PointColumn column) const {
  const ColumnOrigin& origin = columns_.ours[column];
  if (origin.constant) return *origin.constant;
  return origin.fields.empty() ? std::string_view() : rows_.fields()[origin.fields.front()];
}

bool PointRows::is_asked_for() const {
  for (const auto& [field, value] : columns_.where) {
    if (rows_.fields()[field] != value) return false;
  }
  return true;
}

std::optional<double> PointRows::quantity(PointColumn column) const {
  const ColumnOrigin& origin = columns_.ours[column];
  if (origin.constant) return parse_quantity(*origin.constant);
  std::optional<double> sum;
  for (const std::size_t field : origin.fields) {
    const std::string_view cell = rows_.fields()[field];
    if (cell.empty()) return std::nullopt;
    const std::optional<double> value = parse_in_unit(cell, origin.unit);
    if (!value) {
      rows_.fail_in(rows_.header()[field],
                    origin.unit.is_perplexity && parse_quantity(cell)
                        ? "must be a perplexity > 1, got " + std::string(cell)
                        : quantity_complaint(cell));
    }
    if (const auto complaint = count_complaint(column, cell)) {
      rows_.fail_in(rows_.header()[field], *complaint);
    }
    sum = sum.value_or(0) + *value;
  }
  return sum;
}

std::optional<std::int64_t> PointRows::integer(PointColumn column) const {
  const std::string_view cell = text(column);
  if (cell.empty()) return std::nullopt;
  const std::optional<std::int64_t> value = parse_integer(cell);
  if (!value) complain(column, "must be an integer, got \"" + std::string(cell) + "\"");
  return value;
}

void PointRows::read_tokens(Point& point) const {
  if (!columns_.tokens_from_compute) {
    const std::optional<double> tokens = quantity(kTokens);
    require(tokens.has_value(), kTokens, kTokens);
    point.tokens = *tokens;
  } else {
    require(point.params.has_value(), kParams, kParams);
    require(point.compute || point.budget, kCompute, kBudget);
    point.tokens = point.compute.value_or(point.budget.value_or(0)) / (6 * *point.params);
  }
}

void PointRows::require(bool has, PointColumn a, PointColumn b) const {
  if (!has) complain(columns_.ours[a].fields.empty() ? b : a, "is empty, must be a number > 0");
}

void PointRows::complain(PointColumn column, const std::string& what) const {
  const std::vector<std::size_t>& fields = columns_.ours[column].fields;
  rows_.fail_in(
      fields.empty() ? std::string(kPointColumnNames[column]) : rows_.header()[fields.front()],
      what);
}

}  // namespace isoflop
