// SPDX-License-Identifier: Apache-2.0
#include "isoflop/weight_decay.h"

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("Power Lines' weight decay gives the run its timescale (arXiv:2505.13738)") {
  // 595M parameters, 19.4B tokens, batches of 1.016M at 9.86e-4: D/N 33, tau 0.17.
  const DecayingRun run{
      .params = 595e6, .tokens = 19.4e9, .batch_tokens = 1.0158e6, .peak_lr = 9.86e-4};
  const WeightDecayLaw law = power_lines_law();
  CHECK(law.timescale(run.tokens / run.params) == Approx(0.1725).epsilon(5e-3));
  const double decay = weight_decay_of(law, run);
  CHECK(decay == Approx(0.308).epsilon(5e-3));
  CHECK(adamw_timescale(run, decay) ==
        Approx(law.timescale(run.tokens / run.params)).epsilon(1e-12));
  CHECK(adamw_timescale(run, 0.1) == Approx(0.531).epsilon(5e-3));
}

TEST_CASE("the built-in law of weight decay is the one in fits/") {
  const Law law =
      load_law(std::filesystem::path(ISOFLOP_SOURCE_DIR) / "fits/published/power-lines-2025.json");
  CHECK(law.weight_decay->timescale.coefficient == power_lines_law().timescale.coefficient);
  CHECK(law.weight_decay->timescale.exponent == power_lines_law().timescale.exponent);
  CHECK(law.tuned_on.params->low == kPowerLinesFrom);
  CHECK(law.tuned_on.params->high == kPowerLinesTo);
}
