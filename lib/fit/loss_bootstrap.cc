// SPDX-License-Identifier: Apache-2.0
#include "fit/loss_bootstrap.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "base/rng.h"

namespace isoflop {
namespace {

constexpr std::int64_t kChunk = 16;  // resamples that a thread takes at a time

unsigned thread_count(const LossFitOptions& options) {
  const auto wanted = options.n_threads > 0 ? static_cast<unsigned>(options.n_threads)
                                            : std::max(1u, std::thread::hardware_concurrency());
  const auto chunks = static_cast<unsigned>((options.n_bootstrap + kChunk - 1) / kChunk);
  return std::min(wanted, std::max(1u, chunks));
}

}  // namespace

Resampler::Resampler(std::size_t n_points, const LossFitOptions& options) : seed_(options.seed) {
  std::map<std::int64_t, std::map<std::int64_t, std::vector<std::size_t>>> groups;
  for (std::size_t i = 0; i < n_points; ++i) {
    const std::int64_t stratum = options.stratum.empty() ? 0 : options.stratum[i];
    const std::int64_t unit = options.unit.empty() ? static_cast<std::int64_t>(i) : options.unit[i];
    groups[stratum][unit].push_back(i);
  }
  for (const auto& [stratum, units] : groups) {
    strata_.emplace_back();
    for (const auto& [unit, points] : units) strata_.back().push_back(points);
  }
}

void Resampler::draw(std::uint64_t i, std::span<double> weights) const {
  std::fill(weights.begin(), weights.end(), 0.0);
  const Rng rng(seed_, i);
  std::uint64_t n_drawn = 0;
  for (const Units& units : strata_) {
    for (std::size_t k = 0; k < units.size(); ++k) {
      for (const std::size_t point : units[rng.below(units.size(), n_drawn)]) weights[point] += 1;
      ++n_drawn;
    }
  }
}

std::vector<NewtonResult> refit_resamples(const LossObjective& objective, std::size_t n_points,
                                          const LossSearch& known, const LossFitOptions& options) {
  std::vector<NewtonResult> ends(static_cast<std::size_t>(options.n_bootstrap));
  const Resampler resampler(n_points, options);
  std::atomic<std::int64_t> next = 0;
  const auto work = [&] {
    ResampleSearch search(objective, known);
    std::vector<double> weights(static_cast<std::size_t>(objective.points().n));
    for (std::int64_t from = next.fetch_add(kChunk); from < options.n_bootstrap;
         from = next.fetch_add(kChunk)) {
      const std::int64_t end = std::min(from + kChunk, options.n_bootstrap);
      for (std::int64_t i = from; i < end; ++i) {
        resampler.draw(static_cast<std::uint64_t>(i), weights);
        ends[static_cast<std::size_t>(i)] = search.minimize_resample(weights);
      }
    }
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < thread_count(options); ++i) others.emplace_back(work);
  work();
  others.clear();  // joins
  return ends;
}

}  // namespace isoflop
