// SPDX-License-Identifier: Apache-2.0
#include "options/gpu_options.h"

#include <array>
#include <cctype>
#include <vector>

#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/proposal.h"

namespace isoflop::cli {
namespace {

/// Dense bf16 peak by the vendor's data sheet [FLOP/s].
struct Gpu {
  const char* name;
  double peak_flops;
};
// A name that contains another comes before it.
constexpr std::array kGpus = {
    Gpu{"gb300", 2500e12},  Gpu{"gb200", 2500e12},     Gpu{"b300", 2250e12},
    Gpu{"b200", 2250e12},   Gpu{"b100", 1750e12},      Gpu{"gh200", 989e12},
    Gpu{"h200nvl", 836e12}, Gpu{"h200", 989e12},       Gpu{"h20", 148e12},
    Gpu{"h100nvl", 836e12}, Gpu{"h100pcie", 756e12},   Gpu{"h100", 989e12},
    Gpu{"h800", 989e12},    Gpu{"a100", 312e12},       Gpu{"a800", 312e12},
    Gpu{"a40", 150e12},     Gpu{"a30", 165e12},        Gpu{"a10g", 70e12},
    Gpu{"a10", 125e12},     Gpu{"l40s", 362e12},       Gpu{"l40", 181e12},
    Gpu{"l4", 121e12},      Gpu{"rtx5090", 209e12},    Gpu{"rtx4090", 165e12},
    Gpu{"rtx3090", 71e12},  Gpu{"rtx6000ada", 364e12}, Gpu{"mi355x", 2500e12},
    Gpu{"mi350x", 2300e12}, Gpu{"mi325x", 1307e12},    Gpu{"mi300x", 1307e12},
    Gpu{"mi300a", 981e12},  Gpu{"mi250x", 383e12},     Gpu{"mi250", 362e12},
    Gpu{"tpuv6e", 918e12},  Gpu{"tpuv5p", 459e12},     Gpu{"tpuv5e", 197e12},
    Gpu{"tpuv4", 275e12},   Gpu{"trainium2", 667e12}};

/// "NVIDIA H100 80GB HBM3" is "nvidiah10080gbhbm3".
std::string letters_and_digits(const std::string& name) {
  std::string plain;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

/// Whether `known` stands in `name` as words of its own: A10 is not in "A100", though H100 is in
/// "NVIDIA H100 80GB HBM3".
bool names(const std::string& name, const std::string& known) {
  const std::string plain = letters_and_digits(name);
  if (plain == known) return true;
  std::vector<std::string> words = {""};
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  for (std::size_t first = 0; first < words.size(); ++first) {
    std::string joined;
    for (std::size_t last = first; last < words.size(); ++last) {
      joined += words[last];
      if (joined == known) return true;
    }
  }
  return false;
}

double peak_of(const std::string& name) {
  std::vector<std::string> known;
  for (const Gpu& gpu : kGpus) {
    if (names(name, gpu.name)) return gpu.peak_flops;
    known.emplace_back(gpu.name);
  }
  throw Error(ErrorCode::invalid_argument, "--gpu: unknown GPU \"" + name + "\"" +
                                               did_you_mean(letters_and_digits(name), known) +
                                               "; known: " + join(known, ", ") +
                                               "; or give --peak-tflops");
}

}  // namespace

void add_gpu_options(Command& command, GpuOptions& options) {
  command.add_option("--gpu", options.gpu,
                     "For time and cost: h100, \"NVIDIA A100-SXM4-80GB\", mi300x, ...");
  command.add_option("--peak-tflops", options.peak_tflops,
                     "Its dense bf16 peak [TFLOP/s], where it is none that is known",
                     {.range = Range{0.001, 1e6}, .excludes = "--gpu"});
  command.add_option("--mfu", options.mfu, "Share of the GPU's peak (default: 0.4, assumed)",
                     {.range = Range{0.001, 1.0}});
  command.add_option("--price", options.price, "Per GPU-hour", {.range = Range{0, 1e9}});
}

std::optional<double> gpu_peak_flops(const GpuOptions& options) {
  if (options.peak_tflops) return *options.peak_tflops * 1e12;
  if (options.gpu.empty()) return std::nullopt;
  return peak_of(options.gpu);
}

std::optional<ComputeRate> compute_rate(const GpuOptions& options) {
  const std::optional<double> peak = gpu_peak_flops(options);
  if (!peak) return std::nullopt;
  return ComputeRate{.gpu_peak_flops = *peak,
                     .mfu = options.mfu.value_or(kUsualMfu),
                     .price_per_gpu_hour = options.price};
}

}  // namespace isoflop::cli
