// SPDX-License-Identifier: Apache-2.0
// Times whole training steps: data, forward, backward, reduction, clipping, AdamW.
//
//   step_bench [shape] [--reps n] [--threads n] [--micro-batch tokens]
//
// One line per shape: name, milliseconds (median), tokens/s, GFLOP/s by M = 72 L d^2 + 12 L d l
// (DeepSeek LLM, arXiv:2401.02954, eq. 2), and the process's peak memory so far. Byte vocabulary,
// sequences of 256, 4,096 tokens per step.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/text.h"
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

struct Arguments {
  std::string shape;  // empty: all but the largest
  std::int64_t reps = 9, threads = 2, micro_batch_tokens = 256;
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
    const std::string value = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i] == "--reps") {
      arguments.reps = count_argument(words[i++], value);
    } else if (words[i] == "--threads") {
      arguments.threads = count_argument(words[i++], value);
    } else if (words[i] == "--micro-batch") {
      arguments.micro_batch_tokens = count_argument(words[i++], value);
    } else {
      arguments.shape = words[i];
    }
  }
  return arguments;
}

RunSpec bench_spec(const BenchShape& shape, const Arguments& arguments) {
  RunSpec spec = test::toy_spec();
  spec.shape = {.n_layers = shape.n_layers,
                .d_model = shape.d_model,
                .n_heads = shape.n_heads,
                .n_kv_heads = shape.n_heads,
                .d_head = shape.d_model / shape.n_heads,
                .d_ff = shape.d_ff,
                .vocab_size = 256,
                .seq_len = 256};
  spec.batch_tokens = 4096;
  spec.n_steps = arguments.reps + 2;  // the first two warm up
  spec.warmup_steps = 0;
  spec.peak_lr = 1e-3;
  spec.data_parallel = arguments.threads;
  spec.micro_batch_seqs = std::max<std::int64_t>(1, arguments.micro_batch_tokens / 256);
  spec.validation_tokens = 256;
  return spec;
}

struct Timing {
  double seconds;  // median over the steps
  std::int64_t peak_memory_bytes;
};

Timing time_steps(const RunSpec& spec, int n_threads) {
  std::vector<Clock::time_point> ends;
  ends.reserve(static_cast<std::size_t>(spec.n_steps));
  TrainOptions options;
  options.n_threads = n_threads;
  options.on_step = [&](const StepMetrics&) {
    ends.push_back(Clock::now());
    return true;
  };
  const TrainResult result = train(spec, test::ToyDataset(256), options);
  std::vector<double> seconds;
  for (std::size_t i = 2; i < ends.size(); ++i) {
    seconds.push_back(std::chrono::duration<double>(ends[i] - ends[i - 1]).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return {seconds[seconds.size() / 2], result.peak_memory_bytes};
}

void run(const BenchShape& shape, const Arguments& arguments) {
  const RunSpec spec = bench_spec(shape, arguments);
  const Timing timing = time_steps(spec, static_cast<int>(arguments.threads));
  const double tokens_per_second = static_cast<double>(spec.batch_tokens) / timing.seconds;
  const double m = flops_per_token(spec.shape, FlopsConvention::deepseek_m).value();
  std::printf("%-5s %9.2f ms %9.0f tokens/s %7.1f GFLOP/s %5.0f MiB\n", shape.name,
              1e3 * timing.seconds, tokens_per_second, 1e-9 * m * tokens_per_second,
              static_cast<double>(timing.peak_memory_bytes) / (1 << 20));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    bool found = false;
    for (const BenchShape& shape : kShapes) {
      const bool chosen = arguments.shape == shape.name;
      if (!chosen && !(arguments.shape.empty() && shape.d_model < 384)) continue;
      found = true;
      run(shape, arguments);
    }
    if (found) return 0;
    std::fprintf(stderr, "no shape \"%s\"; there are d64, d128, d256, d384\n",
                 arguments.shape.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 2;
}
