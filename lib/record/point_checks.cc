// SPDX-License-Identifier: Apache-2.0
#include "record/point_checks.h"

#include <cmath>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kBudgetTolerance = 0.1;
// A run of fewer tokens than a millionth of its parameters is less than one step of anybody's.
constexpr double kImpossibleTokensPerParam = 1e-6;
// ln of the largest vocabulary in use (2^18) is 12.5; a mean loss above twice that is no mean loss.
constexpr double kLargestLoss = 25;
constexpr double kLargestBitsPerByte = 16;  // 8 bits are what an untrained model of bytes needs

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
  return std::nullopt;
}

void UnitWatch::see(const Point& point, std::int64_t row) {
  if (point.params && point.tokens < kImpossibleTokensPerParam * *point.params)
    few_tokens_.add(row);
  if (point.loss && *point.loss > kLargestLoss) large_loss_.add(row);
  if (point.bits_per_byte && *point.bits_per_byte > kLargestBitsPerByte) high_bits_.add(row);
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
  warn(large_loss_, "a loss above 25 nats per token; is it another quantity, or a sum?");
  warn(high_bits_, "more than 16 bits per byte; is it another quantity, or a sum?");
  return all;
}

}  // namespace isoflop
