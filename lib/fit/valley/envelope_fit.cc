// SPDX-License-Identifier: Apache-2.0
// Approach 1 of arXiv:2203.15556. ln loss of every smoothed run is interpolated linearly in ln C at
// n_flops values once; the envelope of all runs, or of a resample, is the least of the drawn rows.
// The laws are unweighted lines in logarithms; neighbouring values are won by the same run, so that
// their residuals do not tell the error, and 5th and 95th percentiles over resamples of whole runs
// do. A weighted mean lost against local lines: it lifts the falling ends (docs/laws.md).
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/rng.h"
#include "base/text.h"
#include "isoflop/envelope.h"
#include "isoflop/error.h"
#include "stats/log_line.h"
#include "stats/statistics.h"

namespace isoflop {
namespace {

constexpr double kAbsent = std::numeric_limits<double>::infinity();
constexpr std::size_t kMinWinners = 3;
constexpr double kLeastReplicates = 0.5;  // of the bootstrap, for its intervals to be given
constexpr double kKernelReach = 4;        // sd

void require(bool ok, const std::string& what) {
  if (!ok) throw Error(ErrorCode::invalid_argument, what);
}

void validate(std::span<const TrainingCurve> curves, const EnvelopeOptions& options) {
  require(options.smoothing >= 0 && std::isfinite(options.smoothing),
          "smoothing must be finite and >= 0, got " + exact_text(options.smoothing));
  require(options.n_flops >= 2 && options.n_flops <= 1000000,
          "n_flops must be from 2 to 1000000, got " + std::to_string(options.n_flops));
  require(options.n_bootstrap >= 0 && options.n_bootstrap <= 1000000,
          "n_bootstrap must be from 0 to 1000000, got " + std::to_string(options.n_bootstrap));
  for (const TrainingCurve& curve : curves) {
    const bool has = options.scale == LossLaw::Scale::params ? curve.params.has_value()
                                                             : curve.flops_per_token.has_value();
    require(has, "curve " + curve.run + ": has no " + std::string(to_string(options.scale)) +
                     ", which the fit is in");
    require(curve.tokens.size() == curve.metric.size() && !curve.tokens.empty(),
            "curve " + curve.run + ": needs as many losses as token counts, and one at least");
    for (std::size_t i = 0; i < curve.tokens.size(); ++i) {
      require(curve.tokens[i] > (i > 0 ? curve.tokens[i - 1] : 0) && curve.metric[i] > 0,
              "curve " + curve.run + ": tokens must ascend and losses be > 0, at step " +
                  std::to_string(i + 1));
    }
  }
}

/// A curve as ln loss over ln C.
struct TrainingLogCurve {
  double scale = 0, flops_per_token = 0;
  std::vector<double> x, y;
};

// A line in ln tokens, fitted locally with Gaussian weights in steps: a power law stays as it is,
// the ends too, which a weighted mean would flatten.
std::vector<double> smooth(const std::vector<double>& x, const std::vector<double>& y, double sd) {
  if (!(sd > 0)) return y;
  const auto n = static_cast<std::ptrdiff_t>(x.size());
  const auto reach = static_cast<std::ptrdiff_t>(std::ceil(kKernelReach * sd));
  std::vector<double> result;
  std::vector<LogPoint> near;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    near.clear();
    for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, i - reach); j <= std::min(n - 1, i + reach);
         ++j) {
      const double steps = static_cast<double>(j - i) / sd;
      const auto at = static_cast<std::size_t>(j);
      near.push_back({x[at], y[at], std::exp(0.5 * steps * steps)});
    }
    result.push_back(fit_line(near, 0).at(x[static_cast<std::size_t>(i)]));
  }
  return result;
}

std::vector<TrainingLogCurve> log_curves(std::span<const TrainingCurve> curves,
                                         const EnvelopeOptions& options) {
  std::vector<TrainingLogCurve> result;
  for (const TrainingCurve& curve : curves) {
    TrainingLogCurve logs;
    logs.flops_per_token = curve.flops_per_token ? *curve.flops_per_token : 6 * *curve.params;
    logs.scale = options.scale == LossLaw::Scale::params ? *curve.params : *curve.flops_per_token;
    for (std::size_t i = 0; i < curve.tokens.size(); ++i) {
      logs.x.push_back(std::log(logs.flops_per_token) + std::log(curve.tokens[i]));
      logs.y.push_back(std::log(curve.metric[i]));
    }
    logs.y = smooth(logs.x, logs.y, options.smoothing);
    result.push_back(std::move(logs));
  }
  return result;
}

/// Every curve's loss at every value of C: computed once, drawn from by every resample.
struct Table {
  std::vector<double> log_compute;
  std::vector<std::vector<double>> log_loss;  // [curve][value], kAbsent outside the curve
  std::vector<std::vector<bool>> at_end;      // in the curve's first or last logged interval
};

Table tabulate(std::span<const TrainingLogCurve> curves, std::int64_t n_flops) {
  double from = kAbsent, to = -kAbsent;
  for (const TrainingLogCurve& curve : curves) {
    from = std::min(from, curve.x.front());
    to = std::max(to, curve.x.back());
  }
  Table table;
  const auto n = static_cast<std::size_t>(n_flops);
  for (std::size_t i = 0; i < n; ++i) {
    table.log_compute.push_back(
        std::lerp(from, to, static_cast<double>(i) / static_cast<double>(n - 1)));
  }
  for (const TrainingLogCurve& curve : curves) {
    std::vector<double> loss(n, kAbsent);
    std::vector<bool> at_end(n, false);
    for (std::size_t i = 0; i < n; ++i) {
      const double x = table.log_compute[i];
      if (x < curve.x.front() || x > curve.x.back() || curve.x.size() < 2) continue;
      const auto right = static_cast<std::size_t>(
          std::upper_bound(curve.x.begin() + 1, curve.x.end() - 1, x) - curve.x.begin());
      const double share = (x - curve.x[right - 1]) / (curve.x[right] - curve.x[right - 1]);
      loss[i] = std::lerp(curve.y[right - 1], curve.y[right], share);
      at_end[i] = right == 1 || right + 1 == curve.x.size();
    }
    table.log_loss.push_back(std::move(loss));
    table.at_end.push_back(std::move(at_end));
  }
  return table;
}

struct Envelope {
  std::vector<EnvelopePoint> points;
  std::int64_t n_at_edge_model = 0, n_at_curve_end = 0;
};

// A model that wins as the smallest or largest of those trained so far might lose to one that was
// not trained for so long: the minimum is not bracketed.
Envelope envelope_of(std::span<const TrainingLogCurve> curves, const Table& table,
                     std::span<const std::size_t> drawn) {
  Envelope envelope;
  for (std::size_t i = 0; i < table.log_compute.size(); ++i) {
    std::size_t best = curves.size();
    double smallest = kAbsent, largest = 0;
    for (const std::size_t run : drawn) {
      if (table.log_loss[run][i] == kAbsent) continue;
      smallest = std::min(smallest, curves[run].scale);
      largest = std::max(largest, curves[run].scale);
      if (best == curves.size() || table.log_loss[run][i] < table.log_loss[best][i]) best = run;
    }
    if (best == curves.size()) continue;
    const double scale = curves[best].scale;
    if (scale == smallest || scale == largest) {
      ++envelope.n_at_edge_model;
    } else if (table.at_end[best][i]) {
      ++envelope.n_at_curve_end;
    } else {
      const double compute = std::exp(table.log_compute[i]);
      envelope.points.push_back({.compute = compute,
                                 .scale = scale,
                                 .tokens = compute / curves[best].flops_per_token,
                                 .loss = std::exp(table.log_loss[best][i]),
                                 .run = static_cast<std::int64_t>(best)});
    }
  }
  return envelope;
}

std::size_t count_winners(std::span<const EnvelopePoint> points) {
  std::set<double> scales;
  for (const EnvelopePoint& point : points) scales.insert(point.scale);
  return scales.size();
}

Line line_through(std::span<const EnvelopePoint> points, double EnvelopePoint::*member) {
  std::vector<LogPoint> logs;
  for (const EnvelopePoint& point : points) {
    logs.push_back({std::log(point.compute), std::log(point.*member), 1});
  }
  return fit_line(logs, 0);
}

PowerLawFit law_of(std::span<const EnvelopePoint> points, double EnvelopePoint::*member) {
  const Line line = line_through(points, member);
  PowerLawFit fit;
  fit.law = {std::exp(line.at(0)), line.slope};
  fit.centre = line.centre;
  fit.n_points = static_cast<std::int64_t>(points.size());
  fit.residual_sd = std::sqrt(line.q / std::max(1.0, static_cast<double>(points.size()) - 2));
  return fit;
}

/// What the resamples say of one law.
struct Replicates {
  std::vector<double> log_coefficient, exponent, level;  // level: at the law's centre
  void add(const Line& line, double centre) {
    log_coefficient.push_back(line.at(0));
    exponent.push_back(line.slope);
    level.push_back(line.at(centre));
  }
  void set_intervals(PowerLawFit& fit) const {
    const Interval logs = percentile_interval(log_coefficient);
    fit.coefficient = {std::exp(logs.low), std::exp(logs.high)};
    fit.exponent = percentile_interval(exponent);
    fit.exponent_se = standard_deviation(exponent);
    fit.level_se = standard_deviation(level);
    fit.t = kNormal90;
    fit.status = FitStatus::ok;
  }
};

void bootstrap(EnvelopeFit& fit, std::span<const TrainingLogCurve> curves, const Table& table,
               const EnvelopeOptions& options) {
  Replicates scale, tokens;
  std::vector<std::size_t> drawn(curves.size());
  for (std::int64_t replicate = 0; replicate < options.n_bootstrap; ++replicate) {
    const Rng rng(options.seed, static_cast<std::uint64_t>(replicate));
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      drawn[i] = static_cast<std::size_t>(rng.below(curves.size(), i));
    }
    const Envelope envelope = envelope_of(curves, table, drawn);
    if (count_winners(envelope.points) < kMinWinners) {
      ++fit.n_bootstrap_failed;
      continue;
    }
    scale.add(line_through(envelope.points, &EnvelopePoint::scale), fit.scale_opt.centre);
    tokens.add(line_through(envelope.points, &EnvelopePoint::tokens), fit.tokens_opt.centre);
  }
  fit.n_bootstrap = options.n_bootstrap;
  const auto n_done = static_cast<double>(scale.exponent.size());
  if (n_done < 2 || n_done < kLeastReplicates * static_cast<double>(options.n_bootstrap)) return;
  scale.set_intervals(fit.scale_opt);
  tokens.set_intervals(fit.tokens_opt);
}

}  // namespace

EnvelopeFit fit_envelope(std::span<const TrainingCurve> curves, const EnvelopeOptions& options) {
  validate(curves, options);
  EnvelopeFit fit;
  fit.n_runs = static_cast<std::int64_t>(curves.size());
  std::set<double> scales;
  const std::vector<TrainingLogCurve> logs = log_curves(curves, options);
  for (const TrainingLogCurve& curve : logs) scales.insert(curve.scale);
  fit.n_scales = static_cast<std::int64_t>(scales.size());
  if (scales.size() < kMinWinners) return fit;
  const Table table = tabulate(logs, options.n_flops);
  std::vector<std::size_t> all(curves.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  Envelope envelope = envelope_of(logs, table, all);
  fit.points = std::move(envelope.points);
  fit.n_at_edge_model = envelope.n_at_edge_model;
  fit.n_at_curve_end = envelope.n_at_curve_end;
  const std::size_t n_winners = count_winners(fit.points);
  fit.n_winning_scales = static_cast<std::int64_t>(n_winners);
  if (n_winners < kMinWinners) return fit;
  fit.status = FitStatus::ok;
  fit.scale_opt = law_of(fit.points, &EnvelopePoint::scale);
  fit.tokens_opt = law_of(fit.points, &EnvelopePoint::tokens);
  bootstrap(fit, logs, table, options);
  return fit;
}

}  // namespace isoflop
