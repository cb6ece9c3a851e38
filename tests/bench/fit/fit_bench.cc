// SPDX-License-Identifier: Apache-2.0
// Times the fit of the loss surface to points of (params, tokens, loss).
//
//   fit_bench [POINTS.csv] [--objective huber_log|huber|mse] [--skip rows] [--bootstrap n]
//             [--rounds n] [--check n]
//       Default: chinchilla_epoch.csv of $ISOFLOP_REFERENCE_DATA without its first 5 rows, 4000
//       resamples, best of 5 rounds. --check compares that many resamples with a search of the
//       whole range of exponents. Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string>

#include "base/json.h"
#include "base/text.h"
#include "fit/surface/loss_bootstrap.h"
#include "fit/surface/loss_law_fit.h"
#include "isoflop/error.h"
#include "support/read_csv.h"

namespace {

using namespace isoflop;

struct Arguments {
  std::string file;
  ObjectiveKind objective = ObjectiveKind::huber_log;
  std::size_t skip = 0;
  std::int64_t n_bootstrap = 4000, n_check = 400;
  int rounds = 5;
};

ObjectiveKind objective_of(const std::string& name) {
  for (const ObjectiveKind kind :
       {ObjectiveKind::huber_log, ObjectiveKind::huber, ObjectiveKind::mse}) {
    if (name == to_string(kind)) return kind;
  }
  throw Error(ErrorCode::invalid_argument,
              "--objective must be huber_log, huber or mse, got " + name);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  bool skip_given = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&]() -> std::string {
      if (++i >= argc) throw Error(ErrorCode::invalid_argument, word + " needs a value");
      return argv[i];
    };
    const auto count = [&] { return parse_integer(next()).value_or(0); };
    if (word == "--objective") {
      arguments.objective = objective_of(next());
    } else if (word == "--skip") {
      arguments.skip = static_cast<std::size_t>(count());
      skip_given = true;
    } else if (word == "--bootstrap") {
      arguments.n_bootstrap = count();
    } else if (word == "--rounds") {
      arguments.rounds = static_cast<int>(count());
    } else if (word == "--check") {
      arguments.n_check = count();
    } else {
      arguments.file = word;
    }
  }
  if (arguments.file.empty()) {
    const char* folder = std::getenv("ISOFLOP_REFERENCE_DATA");
    if (folder == nullptr) {
      throw Error(ErrorCode::invalid_argument, "no file given and ISOFLOP_REFERENCE_DATA not set");
    }
    arguments.file = std::string(folder) + "/chinchilla_epoch.csv";
    if (!skip_given) arguments.skip = 5;  // the outliers that Epoch drops
  }
  return arguments;
}

std::vector<LossSample> read_samples(const Arguments& arguments) {
  const auto columns = test::read_csv(arguments.file);
  std::vector<LossSample> samples;
  for (std::size_t i = arguments.skip; i < columns.at("loss").size(); ++i) {
    samples.push_back({columns.at("params")[i], columns.at("tokens")[i], columns.at("loss")[i]});
  }
  return samples;
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Time {
  double wall = 1e99, cpu = 1e99;
};

template <class Work>
Time best_of(int rounds, const Work& work) {
  Time best;
  for (int i = 0; i < rounds; ++i) {
    const double cpu = cpu_seconds(), wall = seconds();
    work();
    best.wall = std::min(best.wall, seconds() - wall);
    best.cpu = std::min(best.cpu, cpu_seconds() - cpu);
  }
  return best;
}

/// Value, gradient and Hessian.
double evaluation_seconds(const LossObjective& objective, const SurfaceVector& surface) {
  constexpr int kRepeats = 2000;
  SurfaceDerivatives result;
  const Time time = best_of(9, [&] {
    for (int i = 0; i < kRepeats; ++i) objective.derivatives(surface, result);
  });
  return time.wall / kRepeats;
}

/// Resamples whose optimum is more than 1e-9 above what a search of the whole range finds.
std::int64_t count_above(std::span<const LossSample> samples, const LossObjective& objective,
                         const LossSearch& known, const LossFitOptions& options) {
  const Resampler resampler(samples, options);
  ResampleSearch search(objective, known);
  ResampledPoints drawn(samples.size());
  LossResample resample{std::vector<double>(static_cast<std::size_t>(objective.points().n))};
  std::int64_t n_above = 0;
  for (std::int64_t i = 0; i < options.n_bootstrap; ++i) {
    resampler.draw(static_cast<std::uint64_t>(i), resample);
    const double value = search.minimize_resample(resample).value;
    drawn.assign(objective.points(), resample);
    const LossObjective own(drawn.columns(), objective.kind(), objective.delta());
    if (value > search_basins(own).best().value * (1 + 1e-9)) ++n_above;
  }
  return n_above;
}

int run(const Arguments& arguments) {
  const std::vector<LossSample> samples = read_samples(arguments);
  const LossPoints points(samples);
  LossFitOptions options{.objective = arguments.objective};
  const LossObjective objective = points.objective(options.objective, options.delta);
  ParametricFit fit;
  const Time cold = best_of(20 * arguments.rounds, [&] { fit = fit_loss_law(samples, options); });
  const LossSearch known = search_basins(objective);
  Json json = Json::object({{"n_points", static_cast<std::int64_t>(samples.size())},
                            {"kernels", surface_kernels().name},
                            {"objective", fit.objective_value},
                            {"alpha", fit.law.alpha},
                            {"beta", fit.law.beta},
                            {"cold_seconds", cold.wall}});
  json.set("evaluation_seconds", evaluation_seconds(objective, known.best().surface));
  options.n_bootstrap = arguments.n_bootstrap;
  for (const int n_threads : {1, 2}) {
    options.n_threads = n_threads;
    const Time time = best_of(arguments.rounds, [&] { fit = fit_loss_law(samples, options); });
    const std::string name = "bootstrap_" + std::to_string(n_threads);
    json.set(name + "_seconds", time.wall).set(name + "_cpu_seconds", time.cpu);
  }
  json.set("n_bootstrap", fit.n_bootstrap).set("n_failed", fit.n_bootstrap_failed);
  options.n_bootstrap = arguments.n_check;
  json.set("n_checked", arguments.n_check);
  json.set("n_above", count_above(samples, objective, known, options));
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
