// SPDX-License-Identifier: Apache-2.0
// Times whole training steps: data, forward, backward, reduction, clipping, AdamW. Byte vocabulary,
// sequences of 256, 4,096 tokens per step, fp32.
//
//   step_bench [shape] [--all] [--reps n] [--threads n] [--micro-batch tokens] [--json]
//       One line per shape: milliseconds (median), tokens/s, GFLOP/s by M = 72 L d^2 + 12 L d l
//       (DeepSeek LLM, arXiv:2401.02954, eq. 2) and their share of the FMA peak measured here, the
//       share of the FLOPs that must be done (causal half, head included), peak memory so far.
//   step_bench [shape] [--all] --efficiency [--reps n] [--json]
//       t1 / (2 t2): the same spec carried by one thread and by two, in turns.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "bench/fma_peak.h"
#include "isoflop/error.h"
#include "isoflop/model_shape.h"
#include "isoflop/train.h"
#include "support/toy_dataset.h"

namespace {

using namespace isoflop;
using Clock = std::chrono::steady_clock;

struct BenchShape {
  const char* name;
  std::int64_t d_model, n_layers, n_heads, d_ff;
};
constexpr BenchShape kShapes[] = {{"d64", 64, 2, 2, 176},
                                  {"d128", 128, 4, 4, 344},
                                  {"d256", 256, 6, 4, 688},
                                  {"d384", 384, 8, 6, 1024}};
constexpr std::int64_t kSeqLen = 256, kBatchTokens = 4096;

struct Arguments {
  std::string shape;  // empty: all but the largest
  bool all = false, json = false, efficiency = false;
  std::int64_t reps = 9, threads = 2, micro_batch_tokens = kSeqLen;
};

std::int64_t count_argument(const std::string& name, const std::string& value) {
  const std::optional<std::int64_t> count = parse_integer(value);
  if (count && *count > 0) return *count;
  throw Error(ErrorCode::invalid_argument, name + ": must be a count > 0, got " + value);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto next_count = [&] {
      const std::string value = i + 1 < words.size() ? words[++i] : "";
      return count_argument(word, value);
    };
    if (word == "--all") {
      arguments.all = true;
    } else if (word == "--json") {
      arguments.json = true;
    } else if (word == "--efficiency") {
      arguments.efficiency = true;
    } else if (word == "--reps") {
      arguments.reps = next_count();
    } else if (word == "--threads") {
      arguments.threads = next_count();
    } else if (word == "--micro-batch") {
      arguments.micro_batch_tokens = next_count();
    } else if (word.starts_with("--")) {
      throw Error(ErrorCode::invalid_argument, "unknown option " + word);
    } else {
      arguments.shape = word;
    }
  }
  return arguments;
}

std::vector<BenchShape> chosen_shapes(const Arguments& arguments) {
  std::vector<BenchShape> chosen;
  for (const BenchShape& shape : kShapes) {
    const bool by_default = arguments.shape.empty() && shape.d_model < 384;
    if (arguments.all || by_default || arguments.shape == shape.name) chosen.push_back(shape);
  }
  if (!chosen.empty()) return chosen;
  throw Error(ErrorCode::invalid_argument,
              "no shape \"" + arguments.shape + "\"; there are d64, d128, d256, d384");
}

RunSpec bench_spec(const BenchShape& shape, const Arguments& arguments, std::int64_t n_steps) {
  RunSpec spec = test::toy_spec();
  spec.shape = {.n_layers = shape.n_layers,
                .d_model = shape.d_model,
                .n_heads = shape.n_heads,
                .n_kv_heads = shape.n_heads,
                .d_head = shape.d_model / shape.n_heads,
                .d_ff = shape.d_ff,
                .vocab_size = 256,
                .seq_len = kSeqLen};
  spec.batch_tokens = kBatchTokens;
  spec.n_steps = n_steps;
  spec.warmup_steps = 0;
  spec.peak_lr = 1e-3;
  spec.data_parallel = arguments.threads;
  spec.micro_batch_seqs = std::max<std::int64_t>(1, arguments.micro_batch_tokens / kSeqLen);
  spec.validation_tokens = kSeqLen;
  return spec;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

struct Timing {
  std::vector<double> seconds;  // of the steps after the first `n_warmup`
  std::int64_t peak_memory_bytes;
};

Timing time_steps(const RunSpec& spec, int n_threads, std::size_t n_warmup) {
  std::vector<Clock::time_point> ends;
  ends.reserve(static_cast<std::size_t>(spec.n_steps));
  TrainOptions options;
  options.n_threads = n_threads;
  options.on_step = [&](const StepMetrics&) {
    ends.push_back(Clock::now());
    return true;
  };
  const TrainResult result = train(spec, test::ToyDataset(256), options);
  Timing timing{{}, result.peak_memory_bytes};
  for (std::size_t i = n_warmup; i < ends.size(); ++i) {
    timing.seconds.push_back(std::chrono::duration<double>(ends[i] - ends[i - 1]).count());
  }
  return timing;
}

/// The peak of one thread, and of as many as the step uses [FLOP/s].
struct Peak {
  double one, all;
};

Json step_result(const BenchShape& shape, const Arguments& arguments, const Peak& peak) {
  constexpr std::size_t kWarmup = 2;
  const RunSpec spec = bench_spec(shape, arguments, arguments.reps + kWarmup);
  const Timing timing = time_steps(spec, static_cast<int>(arguments.threads), kWarmup);
  const double seconds = median(timing.seconds);
  const double m_rate = flops_per_token(spec.shape, FlopsConvention::deepseek_m).value() *
                        static_cast<double>(spec.batch_tokens) / seconds;
  const double exact_rate =
      static_cast<double>(exact_step_flops(spec.shape, spec.batch_seqs())) / seconds;
  const double least = *std::min_element(timing.seconds.begin(), timing.seconds.end());
  return Json::object({{"shape", shape.name},
                       {"reps", arguments.reps},
                       {"median_ms", 1e3 * seconds},
                       {"least_ms", 1e3 * least},
                       {"tokens_per_second", static_cast<double>(spec.batch_tokens) / seconds},
                       {"gflops_by_m", 1e-9 * m_rate},
                       {"peak_share_by_m", m_rate / peak.all},
                       {"peak_share_exact", exact_rate / peak.all},
                       {"peak_memory_bytes", timing.peak_memory_bytes}});
}

/// The same spec, hence the same bits, on one thread and on two: pairs in turns, so that both see
/// the same machine; the median of the pairs' ratios.
Json efficiency_result(const BenchShape& shape, Arguments arguments) {
  constexpr std::size_t kWarmup = 1;
  arguments.threads = 2;
  const RunSpec spec = bench_spec(shape, arguments, /*n_steps=*/4);
  std::vector<double> one, two, ratios;
  for (std::int64_t i = 0; i < arguments.reps; ++i) {
    one.push_back(median(time_steps(spec, 1, kWarmup).seconds));
    two.push_back(median(time_steps(spec, 2, kWarmup).seconds));
    ratios.push_back(one.back() / (2 * two.back()));
  }
  return Json::object({{"shape", shape.name},
                       {"rounds", arguments.reps},
                       {"one_thread_ms", 1e3 * median(one)},
                       {"two_threads_ms", 1e3 * median(two)},
                       {"efficiency", median(ratios)}});
}

double number(const Json& result, const char* key) { return *result.find(key)->if_double(); }

void print_step(const char* name, const Json& result) {
  std::printf("%-5s %9.2f ms %9.0f tokens/s %7.1f GFLOP/s %4.0f %% of peak (exact %2.0f %%)", name,
              number(result, "median_ms"), number(result, "tokens_per_second"),
              number(result, "gflops_by_m"), 100 * number(result, "peak_share_by_m"),
              100 * number(result, "peak_share_exact"));
  std::printf(" %5.0f MiB\n",
              static_cast<double>(*result.find("peak_memory_bytes")->if_integer()) / (1 << 20));
}

void print_efficiency(const char* name, const Json& result) {
  std::printf("%-5s %9.2f ms on one thread, %9.2f ms on two: efficiency %.3f\n", name,
              number(result, "one_thread_ms"), number(result, "two_threads_ms"),
              number(result, "efficiency"));
}

void run(const Arguments& arguments) {
  Json shapes = Json::array();
  const Peak peak{fma_peak(1), fma_peak(static_cast<int>(arguments.threads))};
  if (!arguments.json) {
    std::printf("FMA peak %.1f GFLOP/s with 1 thread, %.1f with %lld\n", 1e-9 * peak.one,
                1e-9 * peak.all, static_cast<long long>(arguments.threads));
  }
  for (const BenchShape& shape : chosen_shapes(arguments)) {
    const Json result = arguments.efficiency ? efficiency_result(shape, arguments)
                                             : step_result(shape, arguments, peak);
    shapes.push_back(result);
    if (arguments.json) continue;
    arguments.efficiency ? print_efficiency(shape.name, result) : print_step(shape.name, result);
    std::fflush(stdout);
  }
  if (!arguments.json) return;
  const Json all = Json::object({{"threads", arguments.threads},
                                 {"fma_peak_gflops_1_thread", 1e-9 * peak.one},
                                 {"fma_peak_gflops", 1e-9 * peak.all},
                                 {"shapes", shapes}});
  std::printf("%s\n", all.dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
