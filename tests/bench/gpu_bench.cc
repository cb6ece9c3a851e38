// SPDX-License-Identifier: Apache-2.0
// Times whole training steps on a GPU, as isoflop train does them: data, forward, backward,
// clipping, AdamW; bf16 with fp32 master weights, 65,536 tokens per step.
//
//   gpu_bench [shape...] [--device cuda] [--windows n] [--window-seconds s] [--json]
//       One line per shape: tokens/s, the median over windows of many steps by wall clock (steps
//       are enqueued without waiting, so that the time of a single one means nothing); MFU in two
//       conventions; peak memory beside its estimate.
//   gpu_bench [shape] --packs n [--json]
//       Tokens/s of n runs side by side on one GPU over those of one alone, and whether losses have
//       equal bits.
//
// MFU over the device's peak of dense bf16, by its data sheet:
//   exact  what must be done: 6 FLOPs for each weight of a matrix product and token, and the causal
//          half of attention (isoflop/model_shape.h, exact_step_flops)
//   PaLM   6 N + 12 L H Q T for each token (arXiv:2204.02311, appendix B; nanoGPT): all of
//          attention's square; N all parameters but an embedding that is only looked up
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "isoflop/error.h"
#include "isoflop/model_shape.h"
#include "isoflop/train.h"
#include "support/toy_dataset.h"

namespace {

using namespace isoflop;
using Clock = std::chrono::steady_clock;

// NVIDIA H100 SXM, data sheet, without sparsity: where the trainer does not know the device's peak.
constexpr double kH100Peak = 989e12;
constexpr std::int64_t kWarmup = 5;

struct BenchShape {
  const char* name;
  ModelShape shape;
  std::int64_t batch_tokens, micro_batch_seqs;
  double target;  // tokens/s on one H100; 0: none
};

ModelShape decoder(std::int64_t n_layers, std::int64_t d_model, std::int64_t n_kv_heads,
                   std::int64_t d_ff, std::int64_t vocab_size, std::int64_t seq_len,
                   bool tied = false) {
  return {.n_layers = n_layers,
          .d_model = d_model,
          .n_heads = d_model / 64,
          .n_kv_heads = n_kv_heads,
          .d_head = 64,
          .d_ff = d_ff,
          .vocab_size = vocab_size,
          .seq_len = seq_len,
          .tied_embeddings = tied};
}

/// Micro-batches: the largest that leave a tenth of an H100's 80 GB free by the estimate.
/// gpt2-124M has the sizes of GPT-2 in this family: SwiGLU as large as its MLP (3 x 2048 = 2 x
/// 3072), RoPE instead of learned positions, no biases. 17M: that of parameter-golf's baseline (9
/// layers, d 512, 8 query and 4 key/value heads, V 1024, tied), SwiGLU as large as its MLP of two
/// matrices of 1024, rounded up. tiny is for trying this program on a CPU.
std::vector<BenchShape> bench_shapes() {
  return {{"10M", decoder(6, 384, 6, 1024, 256, 2048), 65536, 32, 2.5e6},
          {"50M", decoder(10, 640, 10, 1728, 256, 2048), 65536, 32, 0.70e6},
          {"124M", decoder(12, 768, 12, 2048, 32768, 2048), 65536, 32, 0.45e6},
          {"350M", decoder(24, 1024, 16, 2816, 32768, 2048), 65536, 32, 0.16e6},
          {"gpt2-124M", decoder(12, 768, 12, 2048, 50304, 1024, true), 65536, 64, 480e3},
          {"17M", decoder(9, 512, 4, 704, 1024, 1024, true), 65536, 64, 1.55e6},
          {"tiny", decoder(2, 64, 1, 192, 256, 64), 512, 4, 0}};
}

struct Arguments {
  std::vector<std::string> shapes;  // none: all but tiny
  std::string device = "cuda";
  std::int64_t windows = 5, packs = 0;
  double window_seconds = 1;
  bool json = false;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  const std::vector<std::string> words(argv + 1, argv + argc);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto next = [&] { return i + 1 < words.size() ? words[++i] : std::string(); };
    const auto number = [&] {
      const std::string value = next();
      const std::optional<double> x = parse_double(value);
      if (x && *x > 0) return *x;
      throw Error(ErrorCode::invalid_argument, word + ": must be > 0, got " + value);
    };
    if (word == "--json") {
      arguments.json = true;
    } else if (word == "--device") {
      arguments.device = next();
    } else if (word == "--windows") {
      arguments.windows = static_cast<std::int64_t>(number());
    } else if (word == "--window-seconds") {
      arguments.window_seconds = number();
    } else if (word == "--packs") {
      arguments.packs = static_cast<std::int64_t>(number());
    } else if (word.starts_with("--")) {
      throw Error(ErrorCode::invalid_argument, "unknown option " + word);
    } else {
      arguments.shapes.push_back(word);
    }
  }
  return arguments;
}

std::vector<BenchShape> chosen_shapes(const std::vector<std::string>& names) {
  const std::vector<BenchShape> all = bench_shapes();
  if (names.empty()) return {all.begin(), all.end() - 1};
  std::vector<BenchShape> chosen;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(all, name, &BenchShape::name);
    if (found == all.end()) throw Error(ErrorCode::invalid_argument, "no shape \"" + name + "\"");
    chosen.push_back(*found);
  }
  return chosen;
}

RunSpec bench_spec(const BenchShape& bench) {
  RunSpec spec = test::toy_spec();
  spec.shape = bench.shape;
  spec.batch_tokens = bench.batch_tokens;
  spec.n_steps = 1'000'000;  // stopped by the clock
  spec.warmup_steps = 100;
  spec.schedule.kind = ScheduleKind::constant;
  spec.peak_lr = 1e-3;
  spec.init_std = 0.02;
  spec.precision = Precision::bf16;
  spec.data_parallel = 1;
  spec.micro_batch_seqs = bench.micro_batch_seqs;
  spec.validation_tokens = bench.shape.seq_len;
  return spec;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Seconds per step in windows of at least so long, behind the steps that warm up.
class StepClock {
 public:
  StepClock(std::int64_t n_windows, double window_seconds)
      : n_windows_(static_cast<std::size_t>(n_windows)), window_seconds_(window_seconds) {}
  void start() { start_ = Clock::now(), steps_ = 0; }
  /// After each step; false when all windows are full.
  bool step() {
    ++steps_;
    const double seconds = seconds_since(start_);
    if (seconds < window_seconds_) return true;
    windows_.push_back(seconds / static_cast<double>(steps_));
    start();
    return windows_.size() < n_windows_;
  }
  [[nodiscard]] const std::vector<double>& seconds_per_step() const { return windows_; }

 private:
  std::size_t n_windows_;
  double window_seconds_;
  Clock::time_point start_ = Clock::now();
  std::int64_t steps_ = 0;
  std::vector<double> windows_;
};

struct Timed {
  std::vector<double> seconds_per_step;
  TrainResult result;
  std::vector<double> first_losses;  // of the steps that warm up
};

/// `warm` is called when the run has warmed up.
template <class Warm>
Timed time_run(const BenchShape& bench, const Arguments& arguments, const std::string& device,
               const Warm& warm) {
  const RunSpec spec = bench_spec(bench);
  StepClock clock(arguments.windows, arguments.window_seconds);
  Timed timed;
  TrainOptions options;
  options.device = device;
  options.on_step = [&](const StepMetrics& metrics) {
    if (metrics.step > kWarmup) return clock.step();
    timed.first_losses.push_back(metrics.loss_nats);
    if (metrics.step < kWarmup) return true;
    warm();
    clock.start();
    return true;
  };
  timed.result = train(spec, test::ToyDataset(spec.shape.vocab_size), options);
  timed.seconds_per_step = clock.seconds_per_step();
  if (timed.seconds_per_step.empty())
    throw Error(ErrorCode::device, std::string(bench.name) + ": " +
                                       std::string(to_string(timed.result.outcome)) + " " +
                                       timed.result.message);
  return timed;
}

/// FLOPs per token, 6 N + 12 L H Q T.
double palm_flops_per_token(const ModelShape& shape) {
  const ParamCounts counts = count_params(shape);
  const std::int64_t n = counts.total() - (shape.tied_embeddings ? 0 : counts.embedding);
  return static_cast<double>(6 * n +
                             12 * shape.n_layers * shape.n_heads * shape.d_head * shape.seq_len);
}

Json shape_result(const BenchShape& bench, const Arguments& arguments) {
  const RunSpec spec = bench_spec(bench);
  const Timed timed = time_run(bench, arguments, arguments.device, [] {});
  const TrainResult& result = timed.result;
  const double seconds = median(timed.seconds_per_step);
  const auto [least, most] = std::ranges::minmax(timed.seconds_per_step);
  const double tokens = static_cast<double>(spec.batch_tokens);
  const double peak = result.peak_flops_per_second > 0 ? result.peak_flops_per_second : kH100Peak;
  const double exact = static_cast<double>(exact_step_flops(spec.shape, spec.batch_seqs()));
  Json json =
      Json::object({{"shape", bench.name},
                    {"device", result.device},
                    {"parameters", count_params(spec.shape).total()},
                    {"micro_batch_seqs", spec.micro_batch_seqs},
                    {"seq_len", spec.shape.seq_len},
                    {"batch_tokens", spec.batch_tokens},
                    {"windows", static_cast<std::int64_t>(timed.seconds_per_step.size())},
                    {"step_ms", 1e3 * seconds},
                    {"tokens_per_second", tokens / seconds},
                    {"tokens_per_second_least", tokens / most},
                    {"tokens_per_second_most", tokens / least},
                    {"peak_flops_per_second", peak},
                    {"mfu_exact", exact / seconds / peak},
                    {"mfu_palm", palm_flops_per_token(spec.shape) * tokens / seconds / peak},
                    {"peak_memory_bytes", result.peak_memory_bytes},
                    {"estimated_memory_bytes", estimate_memory_bytes(spec)}});
  if (bench.target > 0) json.set("target_tokens_per_second", bench.target);
  return json;
}

double number(const Json& result, const char* key) {
  const Json* value = result.find(key);
  if (value == nullptr) return 0;
  return value->if_double() != nullptr ? *value->if_double()
                                       : static_cast<double>(*value->if_integer());
}

void print_shape(const BenchShape& bench, const Json& result) {
  const double rate = number(result, "tokens_per_second");
  std::printf("%-10s %9.2f ms %10.0f tokens/s (windows %.0f to %.0f)", bench.name,
              number(result, "step_ms"), rate, number(result, "tokens_per_second_least"),
              number(result, "tokens_per_second_most"));
  std::printf("  MFU exact %4.1f %%, PaLM %4.1f %%  %.2f GiB, estimate %.2f",
              100 * number(result, "mfu_exact"), 100 * number(result, "mfu_palm"),
              number(result, "peak_memory_bytes") / (1 << 30),
              number(result, "estimated_memory_bytes") / (1 << 30));
  if (bench.target > 0) std::printf("  target %.0f: %.2f", bench.target, rate / bench.target);
  std::printf("\n");
}

/// `n` runs on one GPU, each on a thread of its own, timed from when all have warmed up.
std::vector<Timed> time_pack(const BenchShape& bench, const Arguments& arguments, std::int64_t n) {
  const std::string device = arguments.device == "cuda" ? "cuda:0" : arguments.device;
  std::vector<Timed> timed(static_cast<std::size_t>(n));
  std::vector<std::exception_ptr> failures(timed.size());
  std::barrier all_warm(static_cast<std::ptrdiff_t>(n));
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < timed.size(); ++i)
      threads.emplace_back([&, i] {
        bool arrived = false;
        try {
          timed[i] = time_run(bench, arguments, device, [&] {
            arrived = true;
            all_warm.arrive_and_wait();
          });
        } catch (...) {
          failures[i] = std::current_exception();
          if (!arrived) all_warm.arrive_and_drop();
        }
      });
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  return timed;
}

Json pack_result(const BenchShape& bench, const Arguments& arguments) {
  const auto tokens = static_cast<double>(bench.batch_tokens);
  const std::vector<Timed> alone = time_pack(bench, arguments, 1);
  const std::vector<Timed> pack = time_pack(bench, arguments, arguments.packs);
  double rate = 0;
  bool equal = true;
  for (const Timed& run : pack) {
    rate += tokens / median(run.seconds_per_step);
    equal = equal && run.first_losses == alone[0].first_losses;
  }
  const double rate_alone = tokens / median(alone[0].seconds_per_step);
  return Json::object({{"shape", bench.name},
                       {"device", alone[0].result.device},
                       {"runs", arguments.packs},
                       {"tokens_per_second_alone", rate_alone},
                       {"tokens_per_second_packed", rate},
                       {"gain", rate / rate_alone},
                       {"equal_losses", equal}});
}

void print_pack(const Json& result) {
  std::printf("%lld runs side by side: %.0f tokens/s, one alone %.0f: gain %.3f, losses %s\n",
              static_cast<long long>(number(result, "runs")),
              number(result, "tokens_per_second_packed"), number(result, "tokens_per_second_alone"),
              number(result, "gain"),
              *result.find("equal_losses")->if_bool() ? "equal" : "NOT EQUAL");
}

void run(const Arguments& arguments) {
  std::vector<std::string> names = arguments.shapes;
  if (arguments.packs > 0 && names.empty()) names = {"10M"};
  for (const BenchShape& bench : chosen_shapes(names)) {
    const bool packs = arguments.packs > 0;
    const Json result = packs ? pack_result(bench, arguments) : shape_result(bench, arguments);
    if (arguments.json) {
      std::printf("%s\n", result.dump().c_str());
    } else {
      packs ? print_pack(result) : print_shape(bench, result);
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const isoflop::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.code() == isoflop::ErrorCode::unavailable ? 3 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
