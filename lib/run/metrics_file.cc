// SPDX-License-Identifier: Apache-2.0
#include "run/metrics_file.h"

#include <cmath>
#include <optional>
#include <string>

#include "base/json.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

std::string line_of(const StepMetrics& metrics) {
  Json json = Json::object({{"step", metrics.step}, {"tokens", metrics.tokens}});
  const auto set = [&](const char* name, double value) {
    if (std::isfinite(value)) json.set(name, value);
  };
  set("loss_nats", metrics.loss_nats);
  set("grad_norm", metrics.grad_norm);
  set("weight_norm", metrics.weight_norm);
  set("peak_lr_fraction", metrics.peak_lr_fraction);
  if (metrics.noise_scale_tokens > 0) set("noise_scale_tokens", metrics.noise_scale_tokens);
  if (metrics.is_spike) json.set("is_spike", true);
  return json.dump() + "\n";
}

StepMetrics metrics_of(std::string_view line) {
  const Json json = parse_json(line, "metrics.jsonl");
  const JsonReader reader(json, "metrics.jsonl");
  const auto number = [&](const char* name, double otherwise) {
    const std::optional<JsonReader> member = reader.find(name);
    return member ? member->number() : otherwise;
  };
  StepMetrics metrics;
  metrics.step = reader.at("step").integer(1, INT64_MAX);
  metrics.tokens = reader.at("tokens").integer(0, INT64_MAX);
  metrics.loss_nats = number("loss_nats", std::nan(""));
  metrics.grad_norm = number("grad_norm", std::nan(""));
  metrics.weight_norm = number("weight_norm", std::nan(""));
  metrics.peak_lr_fraction = number("peak_lr_fraction", std::nan(""));
  metrics.noise_scale_tokens = number("noise_scale_tokens", 0);
  const std::optional<JsonReader> is_spike = reader.find("is_spike");
  metrics.is_spike = is_spike && is_spike->boolean();
  return metrics;
}

// Nothing for a line that is not one of ours.
std::optional<std::int64_t> step_of(std::string_view line) {
  try {
    const Json json = parse_json(line, "metrics.jsonl");
    return JsonReader(json, "metrics.jsonl").at("step").integer(1, INT64_MAX);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

void MetricsFile::open_before(std::int64_t step) {
  std::uintmax_t kept = 0;
  if (std::ifstream old(file_, std::ios::binary); old) {
    for (std::string line; std::getline(old, line) && !old.eof(); kept += line.size() + 1) {
      const std::optional<std::int64_t> line_step = step_of(line);
      if (!line_step || *line_step >= step) break;
    }
    std::filesystem::resize_file(file_, kept);
  }
  stream_.rdbuf()->pubsetbuf(nullptr, 0);
  stream_.open(file_, std::ios::binary | std::ios::app);
}

void MetricsFile::append(const StepMetrics& metrics) {
  if (!stream_.is_open()) open_before(metrics.step);
  stream_ << line_of(metrics);
  if (!stream_) throw Error(ErrorCode::io, file_.string() + ": cannot be written");
}

void for_each_step(const std::filesystem::path& metrics_file,
                   const std::function<void(const StepMetrics&)>& visit) {
  std::ifstream stream(metrics_file, std::ios::binary);
  for (std::string line; std::getline(stream, line) && !stream.eof();) {
    StepMetrics metrics;
    try {
      metrics = metrics_of(line);
    } catch (const Error&) {
      return;
    }
    visit(metrics);
  }
}

std::int64_t last_step(const std::filesystem::path& metrics_file) {
  constexpr std::streamoff kTail = 1024;  // several lines
  std::ifstream stream(metrics_file, std::ios::binary | std::ios::ate);
  if (!stream) return 0;
  const std::streamoff size = stream.tellg();
  stream.seekg(std::max<std::streamoff>(0, size - kTail));
  std::string tail(static_cast<std::size_t>(std::min(size, kTail)), '\0');
  stream.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  const std::size_t end = tail.rfind('\n');
  if (end == std::string::npos) return 0;
  const std::size_t before = end == 0 ? std::string::npos : tail.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return step_of(std::string_view(tail).substr(begin, end - begin)).value_or(0);
}

}  // namespace isoflop
