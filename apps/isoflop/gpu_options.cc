// SPDX-License-Identifier: Apache-2.0
#include "gpu_options.h"

#include <array>
#include <vector>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop::cli {
namespace {

/// Dense bf16 peak by the vendor's data sheet [FLOP/s].
struct Gpu {
  const char* name;
  double peak_flops;
};
constexpr std::array kGpus = {Gpu{"a100", 312e12},  Gpu{"h100", 989e12}, Gpu{"h200", 989e12},
                              Gpu{"b200", 2250e12}, Gpu{"l40s", 362e12}, Gpu{"rtx4090", 165e12}};
constexpr double kUsualMfu = 0.4;

double peak_of(const std::string& name) {
  std::vector<std::string> known;
  for (const Gpu& gpu : kGpus) {
    if (name == gpu.name) return gpu.peak_flops;
    known.emplace_back(gpu.name);
  }
  throw Error(ErrorCode::invalid_argument, "--gpu: unknown GPU \"" + name + "\"" +
                                               did_you_mean(name, known) +
                                               "; known: " + join(known, ", "));
}

}  // namespace

void add_gpu_options(Command& command, GpuOptions& options) {
  command.add_option("--gpu", options.gpu, "For the cost: a100, h100, h200, b200, ...");
  command.add_option("--mfu", options.mfu, "Share of the GPU's peak (default: 0.4)",
                     {.range = Range{0.001, 1.0}});
  command.add_option("--price", options.price, "Per GPU-hour", {.non_negative = true});
}

std::optional<ComputeRate> compute_rate(const GpuOptions& options) {
  if (options.gpu.empty()) return std::nullopt;
  return ComputeRate{.gpu_peak_flops = peak_of(options.gpu),
                     .mfu = options.mfu.value_or(kUsualMfu),
                     .price_per_gpu_hour = options.price};
}

}  // namespace isoflop::cli
