// SPDX-License-Identifier: Apache-2.0
#include "record/import_units.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <span>

#include "base/text.h"
#include "isoflop/error.h"
#include "record/point_checks.h"

namespace isoflop {
namespace {

constexpr int kLargestExponent = 1000;        // beyond any double
constexpr std::size_t kLongestMantissa = 64;  // digits; 17 make a double

struct NamedUnit {
  std::string_view name;
  ForeignUnit unit;
};

constexpr long double kLn2 = std::numbers::ln2_v<long double>;
constexpr std::array kCounts = {NamedUnit{"1", {}},  NamedUnit{"K", {3}}, NamedUnit{"M", {6}},
                                NamedUnit{"B", {9}}, NamedUnit{"G", {9}}, NamedUnit{"T", {12}}};
// A PFLOP-day is 1e15 FLOP/s for 86,400 s.
constexpr std::array kFlops = {NamedUnit{"FLOP", {}},          NamedUnit{"MFLOP", {6}},
                               NamedUnit{"GFLOP", {9}},        NamedUnit{"TFLOP", {12}},
                               NamedUnit{"PFLOP", {15}},       NamedUnit{"EFLOP", {18}},
                               NamedUnit{"ZFLOP", {21}},       NamedUnit{"PFLOP-day", {17, 864}},
                               NamedUnit{"PF-day", {17, 864}}, NamedUnit{"EFLOP-day", {20, 864}}};
constexpr std::array kLosses = {NamedUnit{"nats", {}},
                                NamedUnit{"bits", {0, kLn2}},
                                NamedUnit{"bits_per_byte", {0, 1, true}},
                                NamedUnit{"nats_per_byte", {0, 1 / kLn2, true}},
                                NamedUnit{"ppl", {0, 1, false, true}},
                                NamedUnit{"perplexity", {0, 1, false, true}}};
constexpr std::array kBits = {NamedUnit{"bits", {}}, NamedUnit{"nats", {0, 1 / kLn2}}};
constexpr std::array kRates = {NamedUnit{"1", {}}};

std::span<const NamedUnit> units_of(PointColumn column) {
  switch (column) {
    case kParams:
    case kTokens:
    case kBatchTokens:
      return kCounts;
    case kFlopsPerToken:
    case kCompute:
    case kBudget:
      return kFlops;
    case kLoss:
      return kLosses;
    case kBitsPerByte:
      return kBits;
    default:
      return kRates;
  }
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

std::optional<double> log_of_perplexity(std::string_view cell) {
  const std::optional<double> perplexity = parse_quantity(cell);
  if (!perplexity || !(*perplexity > 1)) return std::nullopt;
  return std::log(*perplexity);
}

}  // namespace

ForeignUnit unit_of(PointColumn column, const std::string& name) {
  const std::string where = "units: " + std::string(kPointColumnNames[column]) + "=" + name + ": ";
  if (!is_quantity(column)) {
    throw Error(ErrorCode::invalid_argument, where + "this column has no unit");
  }
  std::string wanted = lower(name);
  if (wanted.size() > 3 && wanted.ends_with('s') && wanted != "nats" && wanted != "bits") {
    wanted.pop_back();
  }
  std::vector<std::string> known;
  for (const NamedUnit& unit : units_of(column)) {
    if (lower(unit.name) == wanted) return unit.unit;
    known.emplace_back(unit.name);
  }
  if (const std::optional<double> factor = parse_quantity(name)) return {0, *factor};
  throw Error(ErrorCode::invalid_argument,
              where + "is no unit of it; there are " + join(known, ", ") +
                  ", and any number > 0 of ours in one of theirs" + did_you_mean(name, known));
}

std::optional<double> parse_in_unit(std::string_view cell, const ForeignUnit& unit) {
  if (unit.is_ours()) return parse_quantity(cell);
  if (unit.is_perplexity) return log_of_perplexity(cell);
  const std::size_t exponent = cell.find_first_of("eE");
  int shift = unit.decimal_shift;
  if (exponent != std::string_view::npos) {
    std::string_view digits = cell.substr(exponent + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    int own = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), own);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (std::abs(own) > kLargestExponent) return std::nullopt;
    shift += own;
  }
  const std::string_view mantissa = cell.substr(0, exponent);
  std::array<char, 80> moved;
  if (mantissa.size() > kLongestMantissa) return std::nullopt;
  char* end = std::copy(mantissa.begin(), mantissa.end(), moved.data());
  *end++ = 'e';
  end = std::to_chars(end, moved.data() + moved.size(), shift).ptr;
  const auto value = parse_quantity({moved.data(), static_cast<std::size_t>(end - moved.data())});
  if (!value || unit.multiplier == 1) return value;
  const double product = static_cast<double>(*value * unit.multiplier);
  return std::isnormal(product) ? std::optional(product) : std::nullopt;
}

}  // namespace isoflop
