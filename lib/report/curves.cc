// SPDX-License-Identifier: Apache-2.0
#include "report/curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "fit/points/curves.h"
#include "fit/points/settings.h"

namespace isoflop {
namespace {

constexpr double kBudgetTolerance = kSameBudget - 1;  // relative
constexpr double kSameCell = 0.02;

bool near(double a, double b, double tolerance) {
  return a > 0 && b > 0 && std::abs(std::log(a / b)) <= tolerance;
}

std::optional<double> metric_of(const Point& point, Metric metric) {
  return metric == Metric::bits_per_byte ? point.bits_per_byte : point.loss;
}

const Valley* valley_at(const ReportChapter& chapter, double budget) {
  if (!chapter.fit) return nullptr;
  for (const Valley& valley : chapter.fit->valleys) {
    if (near(valley.budget, budget, kBudgetTolerance)) return &valley;
  }
  return nullptr;
}

std::map<std::string, std::string> shapes_by_run(const ReportChapter& chapter) {
  std::map<std::string, std::string> shapes;
  for (const RunRecord& record : chapter.records) {
    shapes[record.run_id] = short_name(record.spec.shape);
  }
  return shapes;
}

template <class Value>
std::size_t count_distinct(const std::vector<Dot>& dots, const Value& value) {
  std::set<double> values;
  for (const Dot& dot : dots) {
    if (const std::optional<double> v = value(dot)) values.insert(*v);
  }
  return values.size();
}

bool same_setting(const Dot& dot, const Sample& sample) {
  const auto same = [](const std::optional<double>& a, const std::optional<double>& b) {
    return a.has_value() == b.has_value() && (!a || near(*a, *b, 1e-9));
  };
  return near(dot.scale, sample.scale, 1e-9) && near(dot.point->tokens, sample.tokens, 1e-9) &&
         same(dot.point->batch_tokens, sample.batch_tokens) &&
         same(dot.point->peak_lr, sample.peak_lr);
}

// The runs that the fit takes; without a fit the best of each size.
void mark_curve(const ReportChapter& chapter, std::vector<Curve>& curves) {
  std::vector<BudgetGroup> groups;
  if (chapter.fit) groups = group_by_budget(chapter.points, chapter.fit->scale);
  for (Curve& curve : curves) {
    double last_scale = 0;
    for (Dot& dot : curve.dots) {
      dot.on_curve = !chapter.fit && !near(dot.scale, last_scale, 1e-9);
      last_scale = dot.scale;
    }
    for (const BudgetGroup& group : groups) {
      if (!near(group.budget, curve.budget, kBudgetTolerance)) continue;
      for (const Sample& sample : one_per_scale(group).samples) {
        for (Dot& dot : curve.dots) dot.on_curve |= same_setting(dot, sample);
      }
    }
  }
}

void add_diverged(const ReportChapter& chapter, HeatMap& map) {
  for (const RunRecord& record : chapter.records) {
    if (record.outcome != RunOutcome::diverged) continue;
    const double compute =
        (flops_per_token(record.spec.shape, chapter.points.frame.convention) * record.spec.tokens())
            .value();
    if (short_name(record.spec.shape) == map.shape && near(compute, map.budget, kBudgetTolerance)) {
      map.diverged.push_back(&record);
    }
  }
}

const HyperCell* hyper_cell_at(const ReportChapter& chapter, const HeatMap& map) {
  if (!chapter.fit || !chapter.fit->hyper) return nullptr;
  const double params = map.dots.front().point->params.value_or(0);
  const HyperCell* found = nullptr;
  for (const HyperCell& cell : chapter.fit->hyper->cells) {
    if (!near(cell.budget, map.budget, kBudgetTolerance)) continue;
    if (found == nullptr || near(cell.params, params, kSameCell)) found = &cell;
  }
  return found;
}

/// As the fit takes it: M = 6 N where a point states one of them alone.
std::optional<double> scale_of_point(const Point& point, bool by_params) {
  const std::optional<double>& own = by_params ? point.params : point.flops_per_token;
  const std::optional<double>& other = by_params ? point.flops_per_token : point.params;
  if (own) return own;
  if (!other) return std::nullopt;
  return by_params ? *other / 6 : *other * 6;
}

}  // namespace

LossLaw::Scale scale_of(const ReportChapter& chapter) {
  if (chapter.fit) return chapter.fit->scale;
  const auto has_m = [](const Point& point) { return point.flops_per_token.has_value(); };
  const std::vector<Point>& points = chapter.points.points;
  return std::all_of(points.begin(), points.end(), has_m) ? LossLaw::Scale::flops_per_token
                                                          : LossLaw::Scale::params;
}

std::string scale_symbol(const ReportChapter& chapter) {
  return scale_of(chapter) == LossLaw::Scale::params ? "N" : "M";
}

std::string scale_unit(const ReportChapter& chapter) {
  if (scale_of(chapter) == LossLaw::Scale::params) return "parameters";
  return "FLOPs/token by " + std::string(to_string(chapter.points.frame.convention));
}

std::string metric_unit(const ReportChapter& chapter) {
  return chapter.points.frame.metric == Metric::bits_per_byte ? "bits/byte" : "nats/token";
}

std::vector<Dot> dots_of(const ReportChapter& chapter) {
  const bool by_params = scale_of(chapter) == LossLaw::Scale::params;
  const std::map<std::string, std::string> shapes = shapes_by_run(chapter);
  std::vector<Dot> dots;
  for (const Point& point : chapter.points.points) {
    const std::optional<double> scale = scale_of_point(point, by_params);
    const std::optional<double> metric = metric_of(point, chapter.points.frame.metric);
    if (!scale || !metric) continue;
    Dot dot{&point, 0, point.compute_flops(), *scale, *metric, "", false};
    dot.budget = point.budget.value_or(dot.compute);
    if (const Valley* valley = valley_at(chapter, dot.budget)) dot.budget = valley->budget;
    if (const auto shape = shapes.find(point.label); shape != shapes.end()) {
      dot.shape = shape->second;
    }
    dots.push_back(std::move(dot));
  }
  std::stable_sort(dots.begin(), dots.end(), [](const Dot& a, const Dot& b) {
    return std::tie(a.budget, a.scale, a.metric) < std::tie(b.budget, b.scale, b.metric);
  });
  return dots;
}

std::vector<Curve> curves_of(const ReportChapter& chapter) {
  std::vector<Curve> curves;
  for (Dot& dot : dots_of(chapter)) {
    if (curves.empty() || !near(curves.back().budget, dot.budget, kBudgetTolerance)) {
      curves.push_back({dot.budget, {}, valley_at(chapter, dot.budget)});
    }
    curves.back().dots.push_back(std::move(dot));
  }
  const auto no_curve = [&](const Curve& curve) {
    const auto scale = [](const Dot& dot) { return std::optional(dot.scale); };
    const auto is_stated = [](const Dot& dot) { return dot.point->budget.has_value(); };
    // Computes that are close by chance are no curve; the fit knows.
    const bool meant = !chapter.fit || std::all_of(curve.dots.begin(), curve.dots.end(), is_stated);
    return curve.valley == nullptr && (!meant || count_distinct(curve.dots, scale) < 3);
  };
  curves.erase(std::remove_if(curves.begin(), curves.end(), no_curve), curves.end());
  mark_curve(chapter, curves);
  return curves;
}

std::vector<HeatMap> heat_maps_of(const ReportChapter& chapter) {
  std::vector<HeatMap> maps;
  for (Dot& dot : dots_of(chapter)) {
    if (!dot.point->peak_lr || !dot.point->batch_tokens) continue;
    const bool same = !maps.empty() && near(maps.back().budget, dot.budget, kBudgetTolerance) &&
                      near(maps.back().scale, dot.scale, 1e-9);
    if (!same) maps.push_back({dot.budget, dot.scale, dot.shape, {}, {}, nullptr});
    maps.back().dots.push_back(std::move(dot));
  }
  const auto no_grid = [](const HeatMap& map) {
    const auto rate = [](const Dot& dot) { return dot.point->peak_lr; };
    const auto batch = [](const Dot& dot) { return dot.point->batch_tokens; };
    return count_distinct(map.dots, rate) < 3 && count_distinct(map.dots, batch) < 3;
  };
  maps.erase(std::remove_if(maps.begin(), maps.end(), no_grid), maps.end());
  for (HeatMap& map : maps) {
    add_diverged(chapter, map);
    map.cell = hyper_cell_at(chapter, map);
  }
  return maps;
}

std::string metric_text(double metric) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", metric);
  return text.data();
}

std::string batch_text(double batch_tokens) { return rounded_text(batch_tokens, 12); }

std::string budget_text(double compute) {
  if (!(compute > 0)) return "0";
  double exponent = std::floor(std::log10(compute) + 1e-9);
  if (compute / std::pow(10, exponent) >= 9.995) ++exponent;
  return rounded_text(compute / std::pow(10, exponent), 3) + "e" + rounded_text(exponent, 3);
}

}  // namespace isoflop
