// SPDX-License-Identifier: Apache-2.0
#include "isoflop/experiment.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "isoflop/error.h"
#include "model/smallest_shape.h"

namespace isoflop {
namespace {

constexpr std::int64_t kMaxSeqLen = 1 << 20;
constexpr std::int64_t kMaxBatchTokens = std::int64_t{1} << 40;
constexpr double kMaxBudget = 1e30;

[[noreturn]] void complain(const std::string& path, const std::string& allowed,
                           const std::string& got) {
  throw Error(ErrorCode::invalid_argument, path + ": must be " + allowed + ", got " + got);
}

void require_number(const std::string& path, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    complain(path, "from " + exact_text(low) + " to " + exact_text(high), exact_text(value));
  }
}

void require_count(const std::string& path, std::int64_t value, std::int64_t low,
                   std::int64_t high) {
  if (value < low || value > high) {
    complain(path, "from " + std::to_string(low) + " to " + std::to_string(high),
             std::to_string(value));
  }
}

void require_positive(const std::string& path, double value, double high) {
  if (!(value > 0 && value <= high)) {
    complain(path, value > 0 ? "at most " + exact_text(high) : "> 0", exact_text(value));
  }
}

/// A list of things that would otherwise be run twice, or not at all.
template <class T, class Require>
void require_distinct(const std::string& path, const std::vector<T>& values,
                      const Require& require_value) {
  if (values.empty()) complain(path, "a list of at least one", "none");
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string place = path + "/" + std::to_string(i);
    require_value(place, values[i]);
    const auto here = values.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(values.begin(), here, values[i]) != here) {
      complain(place, "different from those before", exact_text(static_cast<double>(values[i])));
    }
  }
}

void require_budgets(const std::string& path, const std::vector<double>& budgets) {
  require_distinct(path, budgets, [](const std::string& place, double budget) {
    require_positive(place, budget, kMaxBudget);
  });
}

void require_centre(const std::string& path, const std::optional<PowerLaw>& centre) {
  if (!centre) return;
  require_positive(path + "/0", centre->coefficient, 1e300);
  require_number(path + "/1", centre->exponent, 0, 2);
}

void require_batch(const std::string& path, std::int64_t batch_tokens, const Experiment& e) {
  require_count(path, batch_tokens, 1, kMaxBatchTokens);
  const std::int64_t micro = e.micro_batch_seqs.value_or(1);
  const std::int64_t unit = e.seq_len * micro * e.base.data_parallel;
  if (batch_tokens % unit != 0) {
    complain(path,
             unit == e.seq_len ? "a multiple of seq_len = " + std::to_string(unit)
                               : "a multiple of seq_len * micro_batch_seqs * data_parallel = " +
                                     std::to_string(unit),
             std::to_string(batch_tokens));
  }
}

void validate_designs(const Experiment& experiment) {
  if (!experiment.isoflop && !experiment.grid) {
    throw Error(ErrorCode::invalid_argument, "/budgets: is missing, and there is no /grid either");
  }
  if (const auto& design = experiment.isoflop) {
    require_budgets("/budgets", design->budgets);
    require_count("/shapes/per_budget", design->per_budget, 3, 99);
    require_number("/shapes/half_width", design->half_width, 1.1, 100);
    require_centre("/shapes/centre", design->centre);
  }
  require_number("/shapes/ladder_step", experiment.ladder_step, 1.2, 10);
  try {
    validate(experiment.rules);
  } catch (const Error& error) {
    throw Error(error.code(), std::string("/shapes/") + error.what());
  }
  if (const auto& design = experiment.grid) {
    require_budgets("/grid/budgets", design->budgets);
    require_distinct("/grid/peak_lr", design->peak_lr,
                     [](const std::string& path, double lr) { require_positive(path, lr, 100); });
    require_distinct("/grid/batch_tokens", design->batch_tokens,
                     [&](const std::string& path, std::int64_t batch) {
                       require_batch(path, batch, experiment);
                     });
    require_centre("/grid/centre", design->centre);
  }
}

/// The shared values, judged by validate(RunSpec), whose paths are the experiment's too.
void validate_base(const Experiment& experiment) {
  RunSpec spec = experiment.base;
  spec.shape = smallest_shape(experiment.seq_len);
  spec.dataset = experiment.dataset;
  spec.micro_batch_seqs = experiment.micro_batch_seqs.value_or(1);
  spec.batch_tokens = experiment.seq_len * spec.micro_batch_seqs * spec.data_parallel;
  spec.n_steps = std::int64_t{1} << 40;
  spec.warmup_steps = experiment.warmup_steps.value_or(0);
  spec.peak_lr = experiment.peak_lr.value_or(1);
  spec.validation_tokens = experiment.validation_tokens;
  validate(spec);
}

}  // namespace

void validate(const Experiment& experiment) {
  require_count("/seq_len", experiment.seq_len, 1, kMaxSeqLen);
  require_count("/micro_batch_seqs", experiment.micro_batch_seqs.value_or(1), 1, 1 << 16);
  require_count("/data_parallel", experiment.base.data_parallel, 1, 1 << 14);
  require_count("/validation_tokens", experiment.validation_tokens, experiment.seq_len,
                kMaxBatchTokens);
  if (experiment.peak_lr) require_positive("/peak_lr", *experiment.peak_lr, 100);
  if (experiment.batch_tokens) require_batch("/batch_tokens", *experiment.batch_tokens, experiment);
  validate_base(experiment);
  validate_designs(experiment);
  if (experiment.share_trunks && experiment.base.schedule.kind == ScheduleKind::cosine) {
    throw Error(ErrorCode::invalid_argument,
                "/share_trunks: must be false with a cosine schedule, whose learning rate depends "
                "on the length from the warm-up on; /schedule may be multi_step, wsd or constant");
  }
  require_distinct("/seeds", experiment.seeds, [](const std::string&, std::uint64_t) {});
}

}  // namespace isoflop
