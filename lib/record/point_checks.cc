// SPDX-License-Identifier: Apache-2.0
#include "record/point_checks.h"

#include <array>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr double kBudgetTolerance = 0.1;
constexpr std::size_t kHeldDigits = 15;  // by any double
constexpr double kMostFlops = 1e30;      // as of the budgets that are asked for
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

bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// Without point, exponent and zeros at either end.
std::string significant_digits(std::string_view number) {
  std::string digits(number.substr(0, number.find_first_of("eE")));
  std::erase_if(digits, [](char c) { return !is_digit(c); });
  digits.erase(0, digits.find_first_not_of('0'));
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits;
}

/// Every digit of a double above 2^53.
std::string whole_text(double value) {
  std::array<char, 400> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 0);
  return {text.data(), end.ptr};
}

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

std::optional<std::string> count_complaint(PointColumn column, std::string_view cell) {
  constexpr double kAllAreHeld = 9007199254740992;  // 2^53
  const std::optional<double> value = is_count(column) ? parse_double(cell) : std::nullopt;
  if (!value || *value < kAllAreHeld || significant_digits(cell).size() <= kHeldDigits) {
    return std::nullopt;
  }
  // What a double is printed as reads back.
  const std::string digits = significant_digits(cell);
  if (digits == significant_digits(exact_text(*value)) ||
      digits == significant_digits(whole_text(*value))) {
    return std::nullopt;
  }
  return "must be at most 2^53 = 9007199254740992, or a number that a double holds, got " +
         std::string(cell.substr(0, 100));
}

bool names_perplexity(std::string_view column) {
  std::string name(column);
  for (char& c : name) c = is_letter(c) ? static_cast<char>(c | 0x20) : c;
  for (const char* const word : {"ppl", "perplexity"}) {
    for (std::size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
      const std::size_t end = at + std::string_view(word).size();
      const bool begins = at == 0 || !is_letter(name[at - 1]);
      if (begins && (end == name.size() || !is_letter(name[end]))) return true;
    }
  }
  return false;
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

namespace {

std::optional<PointFault> fault_of_compute(const Point& point) {
  const auto too_much = [](PointColumn column, std::optional<double> flops) {
    return flops && *flops > kMostFlops
               ? std::optional(
                     PointFault{column, "must be at most 1e30 FLOPs, got " + exact_text(*flops)})
               : std::nullopt;
  };
  if (auto fault = too_much(kCompute, point.compute)) return fault;
  if (auto fault = too_much(kBudget, point.budget)) return fault;
  if (point.compute_flops() <= kMostFlops) return std::nullopt;
  return PointFault{kTokens, "times the model's FLOPs per token must be at most 1e30 FLOPs, got " +
                                 exact_text(point.tokens)};
}

}  // namespace

std::optional<PointFault> fault_of(const Point& point) {
  if (auto fault = fault_of_compute(point)) return fault;
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
