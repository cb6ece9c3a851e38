// SPDX-License-Identifier: Apache-2.0
// Every run keeps its curve while M and C = M D are counted anew. C then varies along a curve, and
// each loss is moved to the curve's mean C at its own M by the surface of these counts, L
// f(M, C / M) / f(M, D); where that surface is unusable or at a bound, only conventions under which
// C spreads by at most 1 % are told. The minima are not freed of their bias. embedding_transition
// solves v = u for the line v(u) = ln(vocabulary matrices) over u = ln(non-embedding parameters).
#include "isoflop/conventions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/text.h"
#include "fit/points/curves.h"
#include "fit/points/settings.h"
#include "fit/surface/loss_law_fit.h"
#include "fit/valley/isoflop_fit.h"
#include "fit/valley/parabola.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::optional<std::int64_t> count_in(const Point& point, const char* column) {
  const auto entry = point.other.find(column);
  if (entry == point.other.end()) return std::nullopt;
  const std::optional<std::int64_t> value = parse_integer(entry->second);
  if (!value || *value < 1) {
    throw Error(ErrorCode::invalid_argument, point.label + ", column " + column +
                                                 ": must be an integer > 0, got \"" +
                                                 entry->second + "\"");
  }
  return value;
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

/// Whether the cell of `column` is one of `yes`; not so if it is empty or one of `no`, in upper or
/// lower case.
bool says(const Point& point, const char* column, const std::vector<std::string>& yes,
          const std::vector<std::string>& no) {
  const auto entry = point.other.find(column);
  if (entry == point.other.end()) return false;
  const auto is_in = [value = lower_case(entry->second)](const std::vector<std::string>& words) {
    return std::find(words.begin(), words.end(), value) != words.end();
  };
  if (is_in(yes)) return true;
  if (is_in(no)) return false;
  throw Error(ErrorCode::invalid_argument, point.label + ", column " + column +
                                               ": must be one of " + join(yes, ", ") + " or of " +
                                               join(no, ", ") + ", got \"" + entry->second + "\"");
}

// With two matrices, whatever is between them, or gated, with three.
bool has_plain_ffn(const Point& point) {
  return says(point, "ffn", {"gelu", "relu", "mlp"}, {"swiglu", "geglu", "reglu", "glu"});
}

bool has_tied_embeddings(const Point& point) {
  return says(point, "tied_embeddings", {"true", "yes", "1", "tied"},
              {"false", "no", "0", "untied"});
}

constexpr std::array kAssumable = {"n_heads", "n_kv_heads", "d_head",
                                   "d_ff",    "ffn",        "tied_embeddings"};

// A curve is known by the budget it was planned for, whatever C is by another convention.
double nearest_budget(std::span<const BudgetGroup> groups, double compute) {
  const auto distance = [&](const BudgetGroup& group) {
    return std::abs(std::log(compute / group.compute));
  };
  return std::min_element(groups.begin(), groups.end(),
                          [&](const auto& a, const auto& b) { return distance(a) < distance(b); })
      ->budget;
}

PointSet recounted(const PointSet& points, std::span<const ModelShape> shapes,
                   std::span<const BudgetGroup> groups, FlopsConvention convention) {
  PointSet result = points;
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    Point& point = result.points[i];
    if (!point.budget) point.budget = nearest_budget(groups, point.compute_flops());
    point.flops_per_token = flops_per_token(shapes[i], convention).value();
    point.compute = *point.flops_per_token * point.tokens;
  }
  result.frame.convention = convention;
  return result;
}

// Moves every run to the curve's mean C along D: M stays what it is.
BudgetGroup at_one_compute(BudgetGroup curve, const LossLaw& surface) {
  for (Sample& sample : curve.samples) {
    const double tokens = curve.compute / sample.scale;
    sample.metric *= surface(sample.scale, tokens) / surface(sample.scale, sample.tokens);
    sample.tokens = tokens;
    sample.compute = curve.compute;
  }
  return curve;
}

double spread_of(std::span<const BudgetGroup> curves) {
  double squares = 0, n = 0;
  for (const BudgetGroup& curve : curves) {
    for (const Sample& sample : curve.samples) {
      squares += std::pow(std::log(sample.compute / curve.compute), 2);
      ++n;
    }
  }
  return n > 0 ? std::exp(std::sqrt(squares / n)) : 1;
}

std::optional<ConventionFit> fit_one(const PointSet& points, FlopsConvention convention,
                                     const LossFitOptions& options) {
  const auto groups = group_by_budget(points, LossLaw::Scale::flops_per_token);
  std::vector<BudgetGroup> curves = curves_of(groups);
  const ParametricFit surface = fit_loss_law(loss_samples(surface_samples(groups)), options);
  ConventionFit row;
  row.convention = convention;
  row.compute_spread = spread_of(curves);
  if (surface.usable() && surface.at_bound.empty()) {
    row.surface_a = surface.a_exponent;
    for (BudgetGroup& curve : curves) curve = at_one_compute(std::move(curve), surface.law);
  } else if (row.compute_spread > 1.01) {
    return std::nullopt;
  }
  const IsoFlopFit fit = fit_isoflop(curves);
  if (!fit.scale_opt.usable() || !fit.tokens_opt.usable()) return std::nullopt;
  row.scale_opt = fit.scale_opt;
  row.tokens_opt = fit.tokens_opt;
  const auto ratio = [&](double compute) {
    return 6 * fit.tokens_opt.law(compute) / fit.scale_opt.law(compute);
  };
  row.first_ratio = ratio(curves.front().compute);
  row.last_ratio = ratio(curves.back().compute);
  row.drift = fit.tokens_opt.law.exponent - fit.scale_opt.law.exponent;
  return row;
}

// Where the line of ln(vocabulary matrices) over ln(non-embedding parameters) crosses the diagonal.
std::optional<double> embedding_transition(std::span<const ModelShape> shapes) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(shapes.size());
  for (const ModelShape& shape : shapes) {
    if (shape.vocab_size != shapes.front().vocab_size) return std::nullopt;
    const ParamCounts counts = count_params(shape);
    const double u = std::log(static_cast<double>(counts.non_embedding()));
    const double v = std::log(static_cast<double>(counts.embedding + counts.unembedding));
    x += u / n;
    y += v / n;
    xx += u * u / n;
    xy += u * v / n;
  }
  const double variance = xx - x * x;
  if (!(variance > 1e-9)) return std::nullopt;
  const double slope = (xy - x * y) / variance;  // about 1/3
  if (!(slope < 0.9)) return std::nullopt;
  return std::exp((y - slope * x) / (1 - slope));
}

}  // namespace

std::optional<ModelShape> shape_of(const Point& point) {
  const auto n_layers = count_in(point, "n_layers");
  const auto d_model = count_in(point, "d_model");
  const auto vocab_size = count_in(point, "vocab_size");
  const auto seq_len = count_in(point, "seq_len");
  if (!n_layers || !d_model || !vocab_size || !seq_len) return std::nullopt;
  ModelShape shape;
  shape.n_layers = *n_layers;
  shape.d_model = *d_model;
  shape.vocab_size = *vocab_size;
  shape.seq_len = *seq_len;
  shape.n_heads = count_in(point, "n_heads").value_or(1);
  shape.n_kv_heads = count_in(point, "n_kv_heads").value_or(shape.n_heads);
  shape.d_head = count_in(point, "d_head").value_or(shape.d_model / shape.n_heads);
  shape.d_ff = count_in(point, "d_ff").value_or(default_d_ff(shape.d_model));
  if (has_plain_ffn(point)) shape.ffn = FfnKind::gelu;
  shape.tied_embeddings = has_tied_embeddings(point);
  return shape;
}

std::optional<ConventionLadder> fit_conventions(const PointSet& points, ObjectiveKind objective,
                                                double delta) {
  std::vector<ModelShape> shapes;
  std::set<std::string> assumed;
  for (const Point& point : points.points) {
    const std::optional<ModelShape> shape = shape_of(point);
    if (!shape) return std::nullopt;
    shapes.push_back(*shape);
    for (const char* column : kAssumable) {
      if (!point.other.contains(column)) assumed.insert(column);
    }
  }
  const LossFitOptions options{.objective = objective, .delta = delta};
  const auto groups = group_by_budget(points, LossLaw::Scale::flops_per_token);
  ConventionLadder ladder;
  for (const FlopsConvention convention : kAllFlopsConventions) {
    const PointSet counted = recounted(points, shapes, groups, convention);
    if (auto row = fit_one(counted, convention, options)) ladder.rows.push_back(*row);
  }
  if (ladder.rows.empty()) return std::nullopt;
  ladder.most_constant = std::min_element(ladder.rows.begin(), ladder.rows.end(),
                                          [](const ConventionFit& a, const ConventionFit& b) {
                                            return std::abs(a.drift) < std::abs(b.drift);
                                          })
                             ->convention;
  ladder.embedding_transition = embedding_transition(shapes);
  ladder.assumed.assign(assumed.begin(), assumed.end());
  return ladder;
}

}  // namespace isoflop
