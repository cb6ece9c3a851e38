// SPDX-License-Identifier: Apache-2.0
#include "record/point_checks.h"

#include <cmath>
#include <numbers>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kBudgetTolerance = 0.1;
// A run of fewer tokens than a millionth of its parameters is less than one step of anybody's.
constexpr double kImpossibleTokensPerParam = 1e-6;
// ln of the largest vocabulary in use (2^18) is 12.5: above that and a little, guessing is better.
constexpr double kLeastMetric = 1e-9;  // no text is as certain as that
constexpr double kLargestLoss = 14;
constexpr double kLargestBitsPerByte = kLargestLoss / std::numbers::ln2;
// Perplexities of trained models are from 3 to some hundreds; losses of their tables go below this.
constexpr double kNoLawAbove = 6;
// Text, tokenizer and rounding being the same, bytes per token do not move by so much.
constexpr double kSameBytesPerToken = 1.05;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::optional<double> parse_quantity(std::string_view cell) {
  const std::optional<double> value = parse_double(cell);
  if (!value || !std::isnormal(*value) || *value < 0) return std::nullopt;
  return value;
}

std::string quantity_complaint(std::string_view cell) {
  std::string text = "must be a number > 0, got \"" + std::string(cell.substr(0, 100)) + "\"";
  const std::optional<double> value = parse_double(cell);
  if (value && *value > 0 && std::isfinite(*value)) {
    return text + ", which is below the smallest normal double";
  }
  std::string_view number = cell;
  while (!number.empty() && is_letter(number.back())) number.remove_suffix(1);
  if (number.size() < cell.size() && parse_quantity(trim(number))) {
    text += "; units belong to isoflop import --units";
  }
  return text;
}

std::optional<std::string> metric_complaint(Metric metric, double value) {
  const bool is_loss = metric == Metric::loss_nats;
  const double largest = is_loss ? kLargestLoss : kLargestBitsPerByte;
  if (value < kLeastMetric) {
    return "must be at least " + rounded_text(kLeastMetric) + ", got " + rounded_text(value, 6);
  }
  if (value <= largest) return std::nullopt;
  return "must be at most " + rounded_text(largest, 3) +
         (is_loss ? " nats per token" : " bits per byte") + ", got " + rounded_text(value, 6) +
         (is_loss ? "; a perplexity? (isoflop import --units loss=ppl)" : "");
}

std::optional<PointFault> fault_of(const Point& point) {
  const double compute = point.compute_flops();
  if (!std::isfinite(compute)) {
    return PointFault{kTokens, "times the model's FLOPs per token is beyond a double, got " +
                                   exact_text(point.tokens)};
  }
  if (point.compute && point.budget &&
      std::abs(*point.budget / *point.compute - 1) > kBudgetTolerance) {
    return PointFault{kBudget, "must be within 10 % of compute, got " + exact_text(*point.budget) +
                                   " beside " + exact_text(*point.compute)};
  }
  const auto metric_fault = [](PointColumn column, Metric metric,
                               std::optional<double> value) -> std::optional<PointFault> {
    const auto complaint = value ? metric_complaint(metric, *value) : std::nullopt;
    return complaint ? std::optional(PointFault{column, *complaint}) : std::nullopt;
  };
  if (auto fault = metric_fault(kLoss, Metric::loss_nats, point.loss)) return fault;
  return metric_fault(kBitsPerByte, Metric::bits_per_byte, point.bits_per_byte);
}

void UnitWatch::Extremes::see(double value, std::int64_t row) {
  if (low_row == 0 || value < low) {
    low = value;
    low_row = row;
  }
  if (high_row == 0 || value > high) {
    high = value;
    high_row = row;
  }
}

void UnitWatch::see_losses(const Point& point, std::int64_t row) {
  if (!point.loss) return;
  loss_.see(*point.loss, row);
  if (!point.bits_per_byte) return;
  bytes_per_token_.see(*point.loss / (std::numbers::ln2 * *point.bits_per_byte), row);
}

void UnitWatch::see(const Point& point, std::int64_t row) {
  if (point.params && point.tokens < kImpossibleTokensPerParam * *point.params)
    few_tokens_.add(row);
  see_losses(point, row);
}

std::vector<std::string> UnitWatch::warnings() const {
  std::vector<std::string> all;
  const auto warn = [&](const Count& count, const std::string& what) {
    if (count.n == 0) return;
    all.push_back((count.n == 1 ? "1 row has " : std::to_string(count.n) + " rows have ") + what +
                  " (the first is row " + std::to_string(count.first_row) + ")");
  };
  warn(few_tokens_,
       "fewer tokens than a millionth of the parameters; are tokens in millions or "
       "billions? (isoflop import --units tokens=B)");
  if (loss_.low_row != 0 && loss_.low > kNoLawAbove) {
    all.push_back("no row has a loss below 6 nats per token (the lowest is " +
                  rounded_text(loss_.low) + ", row " + std::to_string(loss_.low_row) +
                  "); are they perplexities? (isoflop import --units loss=ppl)");
  }
  if (bytes_per_token_.high > kSameBytesPerToken * bytes_per_token_.low) {
    all.push_back("loss and bits_per_byte say that a token is from " +
                  rounded_text(bytes_per_token_.low, 3) + " (row " +
                  std::to_string(bytes_per_token_.low_row) + ") to " +
                  rounded_text(bytes_per_token_.high, 3) + " bytes (row " +
                  std::to_string(bytes_per_token_.high_row) +
                  "): two tokenizers or validation sets, whose losses cannot be fitted together");
  }
  return all;
}

}  // namespace isoflop
