// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "fit/trust/trust_warnings.h"

namespace isoflop {
namespace {

// Twice what seeds of one run differ by; small models at small budgets are the noisiest.
constexpr double kMoreThanSeeds = 0.01;
// More are no grid of settings.
constexpr std::size_t kMaxSettings = 30;
constexpr std::size_t kColumnsNamed = 3;

/// Runs of one size and length, with every mapped setting the same.
using Cell = std::vector<const Point*>;

std::string key_of(const std::optional<double>& value) {
  return value ? rounded_text(*value, 6) : std::string();
}

std::vector<Cell> cells_of(const PointSet& points) {
  std::map<std::vector<std::string>, Cell> cells;
  for (const Point& point : points.points) {
    std::vector<std::string> key = {key_of(point.params), key_of(point.flops_per_token),
                                    key_of(point.tokens), key_of(point.budget), point.dataset};
    // What the form data_constrained knows is no unknown setting.
    const auto fresh = point.other.find("unique_tokens");
    key.push_back(fresh == point.other.end() ? std::string() : fresh->second);
    key.push_back(key_of(point.batch_tokens));
    key.push_back(key_of(point.peak_lr));
    const auto decay = point.other.find("weight_decay");
    key.push_back(decay == point.other.end() ? std::string() : decay->second);
    cells[key].push_back(&point);
  }
  std::vector<Cell> several;
  for (auto& [key, cell] : cells) {
    if (cell.size() > 1) several.push_back(std::move(cell));
  }
  return several;
}

bool are_seeds(const Cell& cell) {
  std::set<std::optional<std::int64_t>> seeds;
  for (const Point* point : cell) seeds.insert(point->seed);
  return seeds.size() == cell.size() && !seeds.contains(std::nullopt);
}

double metric_in(const Point& point, Metric metric) {
  const auto& value = metric == Metric::bits_per_byte ? point.bits_per_byte : point.loss;
  return value.value_or(point.loss.value_or(1));
}

/// The largest metric of a cell above its least, as a share.
double spread_in(const Cell& cell, Metric metric) {
  const auto [low, high] =
      std::minmax_element(cell.begin(), cell.end(), [metric](const Point* a, const Point* b) {
        return metric_in(*a, metric) < metric_in(*b, metric);
      });
  return metric_in(**high, metric) / metric_in(**low, metric) - 1;
}

/// The settings that a column has, if it differs within every cell; else none.
std::set<std::string> settings_in(const std::vector<Cell>& cells, const std::string& column) {
  std::set<std::string> settings;
  for (const Cell& cell : cells) {
    std::set<std::string> of_cell;
    for (const Point* point : cell) {
      const auto found = point->other.find(column);
      if (found == point->other.end()) return {};
      of_cell.insert(found->second);
    }
    if (of_cell.size() < 2) return {};
    settings.merge(of_cell);
  }
  return settings;
}

/// Columns that no part of a fit knows and that tell runs of every cell apart by settings that come
/// back in others: names and times do not.
std::vector<std::string> telling_columns(const std::vector<Cell>& cells) {
  std::size_t n_runs = 0;
  for (const Cell& cell : cells) n_runs += cell.size();
  const std::size_t most = cells.size() == 1 ? n_runs : std::min(kMaxSettings, n_runs - 1);
  std::vector<std::string> names;
  for (const auto& [name, value] : cells.front().front()->other) {
    const std::size_t n_settings = settings_in(cells, name).size();
    if (n_settings > 0 && n_settings <= most) names.push_back(name);
  }
  return names;
}

bool mentions(const std::string& name, std::initializer_list<std::string_view> words) {
  std::string lower = name;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

std::string advice(const std::vector<std::string>& columns) {
  if (columns.empty()) return "No column says how they differ: keep the best run of each.";
  Words named(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(
                                                     std::min(columns.size(), kColumnsNamed)));
  std::string text = (columns.size() == 1 ? "The column " : "The columns ") + join(named, ", ") +
                     (columns.size() == 1 ? " tells" : " tell") + " them apart: ";
  for (const std::string& name : columns) {
    const bool is_rate = mentions(name, {"lr", "learning_rate", "learning rate"});
    if (!is_rate && !mentions(name, {"batch", "bs"})) continue;
    return text + "say what it is (--columns " + (is_rate ? "peak_lr=" : "batch_tokens=") + name +
           "), or keep the best run of each.";
  }
  return text + "keep the best run of each.";
}

void warn_of_unknown_settings(const PointSet& points, Words& warnings) {
  const std::vector<Cell> cells = cells_of(points);
  if (cells.empty()) return;
  std::vector<double> spreads;
  std::size_t n_runs = 0;
  for (const Cell& cell : cells) {
    spreads.push_back(spread_in(cell, points.frame.metric));
    n_runs = std::max(n_runs, cell.size());
  }
  std::sort(spreads.begin(), spreads.end());
  if (!(spreads[spreads.size() / 2] > kMoreThanSeeds)) return;
  const std::vector<std::string> columns = telling_columns(cells);
  if (columns.empty() && std::all_of(cells.begin(), cells.end(), are_seeds)) return;
  warnings.push_back(std::to_string(cells.size()) + " cells of one size and length hold up to " +
                     std::to_string(n_runs) + " runs each whose losses are up to " +
                     percent_text(spreads.back()) + " apart, more than seeds are: every one " +
                     "enters the laws as if it were tuned. " + advice(columns));
}

}  // namespace

void warn_of_cells(const PointSet& points, Words& warnings) {
  warn_of_unknown_settings(points, warnings);
}

}  // namespace isoflop
