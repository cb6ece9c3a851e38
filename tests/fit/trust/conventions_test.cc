// SPDX-License-Identifier: Apache-2.0
#include "isoflop/conventions.h"

#include <algorithm>
#include <cmath>

#include "isoflop/error.h"
#include "isoflop/fit.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

constexpr LossLaw kSurface{.irreducible = 1.5,
                           .a = 40,
                           .alpha = 0.35,
                           .b = 90,
                           .beta = 0.35,
                           .scale = LossLaw::Scale::params};

double best_size(double budget) {
  return optimal_allocation(kSurface).flops_per_token(budget) / kSurface.flops_factor();
}

/// Small models with a large vocabulary, whose loss follows all their parameters: what Kaplan's and
/// Chinchilla's laws differ by (arXiv:2406.12907).
PointSet small_models() {
  PointSet set;
  set.frame.dataset = "planted";
  const auto ladder = shape_ladder(FlopsPerToken(1e9), {.vocab_size = 8192, .seq_len = 64});
  for (const double budget : {3e13, 1e14, 3e14, 1e15, 3e15}) {
    for (const ModelShape& shape : ladder) {
      const double n = static_cast<double>(count_params(shape).total());
      const double best = best_size(budget);
      if (n < best / 6 || n > best * 6) continue;
      Point point;
      point.tokens = budget / (6 * n);
      point.flops_per_token = flops_per_token(shape).value();
      point.budget = budget;
      point.loss = kSurface(n, point.tokens);
      point.label = "run " + std::to_string(set.points.size());
      point.other = {{"n_layers", std::to_string(shape.n_layers)},
                     {"d_model", std::to_string(shape.d_model)},
                     {"n_heads", std::to_string(shape.n_heads)},
                     {"d_head", std::to_string(shape.d_head)},
                     {"n_kv_heads", std::to_string(shape.n_kv_heads)},
                     {"d_ff", std::to_string(shape.d_ff)},
                     {"ffn", "swiglu"},
                     {"tied_embeddings", "false"},
                     {"vocab_size", "8192"},
                     {"seq_len", "64"}};
      set.points.push_back(point);
    }
  }
  return set;
}

const ConventionFit& row_of(const ConventionLadder& ladder, FlopsConvention convention) {
  const auto row = std::find_if(ladder.rows.begin(), ladder.rows.end(),
                                [&](const auto& r) { return r.convention == convention; });
  REQUIRE(row != ladder.rows.end());
  return *row;
}

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != text.npos; });
}

}  // namespace

TEST_CASE("leaving the vocabulary out of small models raises the size exponent, as Kaplan's did") {
  const auto ladder = fit_conventions(small_models(), ObjectiveKind::huber_log, 1e-3);
  REQUIRE(ladder);
  CHECK(ladder->rows.size() == kAllFlopsConventions.size());
  const ConventionFit& total = row_of(*ladder, FlopsConvention::six_n_total);
  CHECK(total.scale_opt.law.exponent == Approx(0.5).margin(0.005));
  CHECK(total.surface_a == Approx(0.5).margin(0.002));
  CHECK(std::abs(total.drift) < 0.01);
  const ConventionFit& kaplan = row_of(*ladder, FlopsConvention::six_n1_actual);
  CHECK(kaplan.scale_opt.law.exponent > 0.6);
  CHECK(ladder->most_constant == FlopsConvention::six_n_total);
  // A model of that size has as many parameters in its two vocabulary matrices.
  REQUIRE(ladder->embedding_transition);
  CHECK(*ladder->embedding_transition > 1e6);
  CHECK(*ladder->embedding_transition < 1e8);
}

TEST_CASE("where conventions disagree the fit warns, and where they agree it does not") {
  FitOptions options;
  options.n_bootstrap = 0;
  PointSet points = small_models();
  CHECK(any_contains(fit(points, options).warnings, "as much about the counting as about"));
  // The same runs with a vocabulary of bytes.
  for (Point& point : points.points) {
    point.other["vocab_size"] = "16";
    point.loss = kSurface(*point.flops_per_token / 6, point.tokens);
    point.tokens = *point.budget / *point.flops_per_token;
    point.loss = kSurface(*point.flops_per_token / 6, point.tokens);
  }
  CHECK_FALSE(any_contains(fit(points, options).warnings, "as much about the counting as about"));
  CHECK_FALSE(any_contains(fit(points, options).warnings, "taken as the nominal shape"));
  for (Point& point : points.points) point.other.erase("d_ff");
  CHECK(any_contains(fit(points, options).warnings, "do not state d_ff; taken as the nominal"));
}

TEST_CASE("every part of a shape that is assumed is named") {
  PointSet points = small_models();
  for (Point& point : points.points) point.other.erase("d_head");
  const auto ladder = fit_conventions(points, ObjectiveKind::mse, 1e-3);
  REQUIRE(ladder);
  CHECK(ladder->assumed == std::vector<std::string>{"d_head"});
  for (Point& point : points.points) {
    for (const char* column : {"n_kv_heads", "ffn", "tied_embeddings"}) point.other.erase(column);
  }
  CHECK(fit_conventions(points, ObjectiveKind::mse, 1e-3)->assumed ==
        std::vector<std::string>{"d_head", "ffn", "n_kv_heads", "tied_embeddings"});
}

TEST_CASE("what a shape says in words is read in any case, or refused") {
  Point point = small_models().points.front();
  for (const char* yes : {"true", "True", "TRUE", "yes", "1"}) {
    point.other["tied_embeddings"] = yes;
    CHECK(shape_of(point)->tied_embeddings);
  }
  for (const char* no : {"false", "False", "NO", "0"}) {
    point.other["tied_embeddings"] = no;
    CHECK_FALSE(shape_of(point)->tied_embeddings);
  }
  point.other["tied_embeddings"] = "maybe";
  CHECK_THROWS_WITH(shape_of(point),
                    "run 0, column tied_embeddings: must be one of true, yes, 1, tied or of false, "
                    "no, 0, untied, got \"maybe\"");
  point.other["tied_embeddings"] = "false";
  for (const char* plain : {"gelu", "GELU", "relu", "MLP"}) {
    point.other["ffn"] = plain;
    CHECK(shape_of(point)->ffn == FfnKind::gelu);
  }
  for (const char* gated : {"swiglu", "SwiGLU", "geglu"}) {
    point.other["ffn"] = gated;
    CHECK(shape_of(point)->ffn == FfnKind::swiglu);
  }
  point.other["ffn"] = "moe";
  CHECK_THROWS_WITH(shape_of(point), Catch::Matchers::Contains("column ffn: must be one of gelu"));
}

TEST_CASE("points without shapes have no ladder, and a shape that is no count is refused") {
  PointSet points = small_models();
  points.points[3].other.erase("seq_len");
  CHECK_FALSE(fit_conventions(points, ObjectiveKind::mse, 1e-3));
  points.points[3].other["seq_len"] = "sixty-four";
  CHECK_THROWS_WITH(fit_conventions(points, ObjectiveKind::mse, 1e-3),
                    "run 3, column seq_len: must be an integer > 0, got \"sixty-four\"");
}

TEST_CASE("a point's shape has the nominal parts where it states none") {
  Point point;
  point.other = {{"n_layers", "4"}, {"d_model", "128"}, {"vocab_size", "256"}, {"seq_len", "128"}};
  const std::optional<ModelShape> shape = shape_of(point);
  REQUIRE(shape);
  CHECK(shape->n_heads * shape->d_head == 128);
  CHECK(shape->d_ff == default_d_ff(128));
  CHECK(flops_per_token(*shape, FlopsConvention::deepseek_m).value() ==
        72.0 * 4 * 128 * 128 + 12.0 * 4 * 128 * 128);
  point.other["n_heads"] = "4";
  point.other["n_kv_heads"] = "2";
  point.other["tied_embeddings"] = "true";
  CHECK(shape_of(point)->d_head == 32);
  CHECK(shape_of(point)->n_kv_heads == 2);
  CHECK(shape_of(point)->tied_embeddings);
}
