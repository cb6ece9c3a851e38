// SPDX-License-Identifier: Apache-2.0
#include "isoflop/weight_decay.h"

#include "support/catch.h"

using namespace isoflop;

TEST_CASE("Power Lines' weight decay gives the run its timescale (arXiv:2505.13738)") {
  // 595M parameters, 19.4B tokens, batches of 1.016M at 9.86e-4: D/N 33, tau 0.17.
  const DecayingRun run{
      .params = 595e6, .tokens = 19.4e9, .batch_tokens = 1.0158e6, .peak_lr = 9.86e-4};
  CHECK(power_lines_timescale(run.tokens / run.params) == Approx(0.1725).epsilon(5e-3));
  const double decay = power_lines_weight_decay(run);
  CHECK(decay == Approx(0.308).epsilon(5e-3));
  CHECK(adamw_timescale(run, decay) ==
        Approx(power_lines_timescale(run.tokens / run.params)).epsilon(1e-12));
  CHECK(adamw_timescale(run, 0.1) == Approx(0.531).epsilon(5e-3));
}
