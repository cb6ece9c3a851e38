// SPDX-License-Identifier: Apache-2.0
#include "isoflop/overtraining.h"

#include "support/catch.h"
#include "support/sweep_oracle.h"

using namespace isoflop;

namespace {

LossLaw steep_law(LossLaw::Scale scale) {
  return {.irreducible = 0.4, .a = 3e3, .alpha = 0.61, .b = 250, .beta = 0.27, .scale = scale};
}

/// The least total over a grid of sizes, by the definition alone; refined around its best node.
double least_total(const LossLaw& law, double loss, double inference_tokens) {
  const double k = law.flops_factor();
  const auto total = [&](double log_size) {
    const double size = std::exp(log_size);
    const double term = loss - law.irreducible - law.a * std::pow(size, -law.alpha);
    if (!(term > 0)) return std::numeric_limits<double>::infinity();
    const double tokens = std::pow(law.b / term, 1 / law.beta);
    return k * size * tokens + k / 3 * size * inference_tokens;
  };
  double low = std::log(1e2), high = std::log(1e16), best = low;
  for (int round = 0; round < 3; ++round) {
    const double step = (high - low) / 4000;
    for (int i = 0; i <= 4000; ++i) {
      const double x = low + i * step;
      if (total(x) < total(best) || (round == 0 && i == 0)) best = x;
    }
    low = best - 2 * step;
    high = best + 2 * step;
  }
  return total(best);
}

}  // namespace

TEST_CASE("the inference-aware split is the least total over a fine grid of sizes") {
  for (const LossLaw& law : {test::epoch_surface(), steep_law(LossLaw::Scale::params),
                             steep_law(LossLaw::Scale::flops_per_token)}) {
    for (const double compute : {1e17, 1e22}) {
      for (const double tokens : {1e6, 1e11, 2e12, 1e15}) {
        INFO(law.alpha << " " << compute << " " << tokens);
        const InferenceAware aware = inference_aware(law, compute, tokens);
        CHECK(aware.best.total_compute() ==
              Approx(least_total(law, aware.loss, tokens)).epsilon(1e-10));
        CHECK(law(aware.best.size, aware.best.tokens) == Approx(aware.loss).epsilon(1e-12));
        const double k = law.flops_factor();
        CHECK(aware.best.training_compute ==
              Approx(k * aware.best.size * aware.best.tokens).epsilon(1e-14));
        CHECK(aware.best.inference_compute == Approx(k / 3 * aware.best.size * tokens));
      }
    }
  }
}

TEST_CASE("without inference the split is the compute-optimal one") {
  for (const auto scale : {LossLaw::Scale::params, LossLaw::Scale::flops_per_token}) {
    const LossLaw law = steep_law(scale);
    const Optimum best = optimum_of(law, 3e19);
    const InferenceAware aware = inference_aware(law, 3e19, 0);
    for (const LifetimeSplit& split : {aware.best, aware.compute_optimal}) {
      CHECK(split.size == Approx(best.size).epsilon(1e-12));
      CHECK(split.tokens == Approx(best.tokens).epsilon(1e-12));
      CHECK(split.training_compute == Approx(3e19).epsilon(1e-12));
      CHECK(split.inference_compute == 0);
    }
    CHECK(aware.loss == Approx(best.loss).epsilon(1e-14));
  }
}

TEST_CASE("the condition of the optimum holds to rounding") {
  const LossLaw law = test::epoch_surface();
  for (const double tokens : {1e3, 1e12, 1e18}) {
    const LifetimeSplit best = inference_aware(law, 1e21, tokens).best;
    const double a = law.alpha * law.a * std::pow(best.size, -law.alpha);
    const double b = law.beta * law.b * std::pow(best.tokens, -law.beta);
    CHECK(a == Approx(b * (1 + tokens / (3 * best.tokens))).epsilon(1e-12));
  }
}

TEST_CASE("more inference means a smaller model on more tokens, and training that costs more") {
  const LossLaw law = test::epoch_surface();
  LifetimeSplit before = inference_aware(law, 1e21, 0).best;
  for (const double tokens : {1e9, 1e11, 1e13, 1e15}) {
    const InferenceAware aware = inference_aware(law, 1e21, tokens);
    CHECK(aware.best.size < before.size);
    CHECK(aware.best.tokens > before.tokens);
    CHECK(aware.best.training_compute > before.training_compute);
    CHECK(aware.best.total_compute() < aware.compute_optimal.total_compute());
    before = aware.best;
  }
}

TEST_CASE("the published example: 7B instead of 13B for 2e12 tokens of inference saves 17 %") {
  // arXiv:2401.00448, fig. 1: 1.7e22 FLOPs; its constants are those of its sec. 3.
  const LossLaw law{.irreducible = 1.69,
                    .a = 406.4,
                    .alpha = 0.336,
                    .b = 410.7,
                    .beta = 0.283,
                    .scale = LossLaw::Scale::params};
  const double tokens =
      std::pow(law.beta * law.b / (law.alpha * law.a) * std::pow(13e9, law.alpha), 1 / law.beta);
  const InferenceAware aware = inference_aware_at_loss(law, law(13e9, tokens), 2e12);
  CHECK(aware.compute_optimal.size == Approx(13e9).epsilon(1e-9));
  CHECK(aware.best.size == Approx(7e9).epsilon(0.01));
  const double saved = aware.compute_optimal.total_compute() - aware.best.total_compute();
  CHECK(saved == Approx(1.7e22).margin(0.05e22));
  CHECK(saved / aware.compute_optimal.total_compute() == Approx(0.17).margin(0.005));
}

TEST_CASE("a budget and the loss that it buys ask the same question") {
  const LossLaw law = steep_law(LossLaw::Scale::flops_per_token);
  const InferenceAware by_budget = inference_aware(law, 1e20, 1e12);
  const InferenceAware by_loss = inference_aware_at_loss(law, by_budget.loss, 1e12);
  CHECK(by_loss.best.size == Approx(by_budget.best.size).epsilon(1e-10));
  CHECK(by_loss.compute_optimal.training_compute == Approx(1e20).epsilon(1e-10));
}

TEST_CASE("a size trained to the loss of an optimum has that loss, at the deadweight's multiple") {
  for (const LossLaw& law : {test::epoch_surface(), steep_law(LossLaw::Scale::flops_per_token)}) {
    const double compute = 1e21;
    const Optimum best = optimum_of(law, compute);
    const SameLoss at_optimum = tokens_for_same_loss(law, best.size, compute).value();
    CHECK(at_optimum.tokens == Approx(best.tokens).epsilon(1e-10));
    CHECK(at_optimum.compute_multiple == Approx(1).epsilon(1e-10));
    for (const double ratio : {0.5, 0.8, 2.0, 10.0}) {
      INFO(ratio);
      const SameLoss same = tokens_for_same_loss(law, ratio * best.size, compute).value();
      CHECK(law(same.size, same.tokens) == Approx(best.loss).epsilon(1e-12));
      CHECK(same.compute_multiple > 1);
      // Spent at that size, its own compute buys what `compute` buys at the optimum.
      const double own_best = optimum_of(law, same.compute).size;
      CHECK(deadweight(law, same.compute, same.size / own_best).equivalent_compute ==
            Approx(compute).epsilon(1e-9));
    }
    // Below this size the term A/N^alpha alone is more than the loss may be.
    const double least = std::pow(law.a / (best.loss - law.irreducible), 1 / law.alpha);
    CHECK(tokens_for_same_loss(law, 1.001 * least, compute));
    CHECK_FALSE(tokens_for_same_loss(law, 0.999 * least, compute));
  }
}

TEST_CASE("repeated tokens are worth less and less, at most 1 + R* times the unique ones") {
  const double unique = 1e9;
  CHECK(effective_tokens(0.7e9, unique) == 0.7e9);
  CHECK(effective_tokens(unique, unique) == unique);
  // D' = U + U R* (1 - exp(-R / R*)), R = 4 - 1 = 3.
  CHECK(effective_tokens(4e9, unique) ==
        Approx(unique * (1 + 15.39 * (1 - std::exp(-3 / 15.39)))).epsilon(1e-14));
  CHECK(effective_tokens(1e15, unique) == Approx(16.39 * unique).epsilon(1e-12));
  // The sum over repetitions of what each adds, in the limit of small steps.
  double sum = unique;
  const int steps = 200000;
  for (int i = 0; i < steps; ++i)
    sum += 9 * unique / steps * std::exp(-9 * (i + 0.5) / steps / 15.39);
  CHECK(effective_tokens(10 * unique, unique) == Approx(sum).epsilon(1e-9));
  CHECK(effective_tokens(unique * (1 + 1e-9), unique) / unique - 1 == Approx(1e-9).epsilon(1e-6));
}

TEST_CASE("what cannot be asked of a law is refused by name") {
  const LossLaw law = test::epoch_surface();
  const auto begins = [](const std::string& message, const std::string& text) {
    CHECK(message.find(text) == 0);
  };
  begins(ISOFLOP_ERROR_MESSAGE(inference_aware(law, 1e20, -1)),
         "inference_tokens must be finite and >= 0, got -1");
  begins(ISOFLOP_ERROR_MESSAGE(inference_aware(law, 0, 1)), "compute must be");
  begins(ISOFLOP_ERROR_MESSAGE(inference_aware_at_loss(law, 1.8, 1)),
         "loss must be finite and > the irreducible 1.8172, got 1.8");
  begins(ISOFLOP_ERROR_MESSAGE(tokens_for_same_loss(law, -2, 1e20)), "size must be");
  begins(ISOFLOP_ERROR_MESSAGE(effective_tokens(1e9, 0)), "unique_tokens must be");
  LossLaw flat = law;
  flat.b = 0;
  CHECK_THAT(ISOFLOP_ERROR_MESSAGE(inference_aware_at_loss(flat, 2, 1)),
             contains("has an optimal allocation only where"));
}
