// SPDX-License-Identifier: Apache-2.0
// One row a form: formula, source, bounds, starts, and the map from the centred parameters, which
// the solver sees, to the published ones. Starts of the sums: E at 0.6 of the lowest loss, two
// equal terms for the rest of the mean. A form whose parameters the points cannot tell has an
// excuse and is not fitted: no repeated data, no vocabulary.
#include "fit/forms/surface_forms.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "fit/forms/form_rows.h"
#include "fit/forms/surface_formulas.h"
#include "fit/surface/newton.h"
#include "isoflop/error.h"
#include "isoflop/forms.h"
#include "isoflop/overtraining.h"

namespace isoflop {
namespace {

constexpr double kMost = kMostCoefficient;
// Where Muennighoff et al. found them.
constexpr double kRepeatedData = kRepetitionDecay;
constexpr double kExcessParams = 5.31;

std::unique_ptr<CurveModel> bounded_model(const FormContext& context) {
  return std::make_unique<JetModel<5, Bounded>>(Bounded{context.upper_bound.value_or(0)});
}

std::vector<ParameterVector> chinchilla_starts(const FormContext& c) { return sum_starts(c); }
std::vector<ParameterVector> interaction_starts(const FormContext& c) {
  return sum_starts(c, {0, 0});
}
std::vector<ParameterVector> data_starts(const FormContext& c) {
  return sum_starts(c, {kRepeatedData, kExcessParams});
}

std::vector<ParameterVector> kaplan_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  for (const double alpha_n : {0.03, 0.08, 0.2, 0.5}) {
    for (const double alpha_d : {0.03, 0.1, 0.25, 0.6}) {
      const double level = std::log(context.mean) - alpha_d * std::log(2.0);
      starts.push_back(parameters_of({level, level, alpha_n, alpha_d}));
    }
  }
  return starts;
}

std::vector<ParameterVector> overtraining_starts(const FormContext& context) {
  std::vector<ParameterVector> starts;
  for (const double eta : {0.05, 0.1, 0.17, 0.3, 0.5}) {
    const double e = 0.6 * context.lowest;
    const double term = 0.5 * (context.mean - e);
    starts.push_back(parameters_of({e, term, term, eta}));
  }
  return starts;
}

ParameterVector reported_kaplan(const FormContext& context, const ParameterVector& p) {
  return parameters_of({std::exp(p[0] / p[2] + context.log_size0),
                        std::exp(p[1] / p[3] + context.log_tokens0), p[2], p[3]});
}

// size^(-2 eta) = (k / rho)^eta (M / C)^eta and tokens^(-2 eta) = (k rho)^eta (M C)^-eta, with
// M = rho tokens / size and C = k size tokens.
ParameterVector reported_overtraining(const FormContext& context, const ParameterVector& p) {
  const double rho = 1 / context.params_per_size;
  const double k = context.flops_factor;
  return parameters_of(
      {p[0], p[1] * std::exp(2 * p[3] * context.log_size0) * std::pow(k / rho, p[3]),
       p[2] * std::exp(2 * p[3] * context.log_tokens0) * std::pow(k * rho, p[3]), p[3]});
}

// The exponent of the data's term, ln B + kappa u - beta v - gamma u v, in ln size and ln tokens.
ParameterVector reported_interaction(const FormContext& context, const ParameterVector& p) {
  const double x = context.log_size0;
  const double y = context.log_tokens0;
  ParameterVector raw = p;
  raw[1] *= std::exp(p[3] * x);
  raw[2] *= std::exp(-p[5] * x + p[4] * y - p[6] * x * y);
  raw[4] = p[4] - p[6] * x;
  raw[5] = p[5] + p[6] * y;
  return raw;
}

std::string needs_repeats(const FormContext& context) {
  return context.repeats ? "" : "no run saw its unique tokens (column unique_tokens) twice";
}
std::string needs_bound(const FormContext& context) {
  if (!context.upper_bound) return "the points name no vocab_size, so the bound is unknown";
  return context.mean < *context.upper_bound ? "" : "the losses lie above ln vocab_size";
}

ParameterVector embed_in_interaction(const ParameterVector& sum) {
  return parameters_of({sum[0], sum[1], sum[2], sum[3], sum[4], 0, 0});
}

std::vector<SurfaceForm> make_forms() {
  const std::vector<double> sum_low = {0, 0, 0, kMinExponent, kMinExponent};
  const std::vector<double> sum_high = {kMost, kMost, kMost, kMaxExponent, kMaxExponent};
  return {{.name = "chinchilla",
           .formula = "E + A/N^alpha + B/D^beta",
           .source = "arXiv:2203.15556, eq. 10",
           .parameters = {"E", "A", "B", "alpha", "beta"},
           .low = sum_low,
           .high = sum_high,
           .model = model_of<5, Chinchilla>,
           .starts = chinchilla_starts,
           .reported = reported_sum,
           .excuse = no_excuse},
          {.name = "kaplan",
           .formula = "((Nc/N)^(alpha_N/alpha_D) + Dc/D)^alpha_D",
           .source = "arXiv:2001.08361, eq. 1.5",
           .parameters = {"Nc", "Dc", "alpha_N", "alpha_D"},
           .low = {-50, -50, kMinExponent, 3e-3},
           .high = {50, 50, kMaxExponent, kMaxExponent},
           .model = model_of<4, Kaplan>,
           .starts = kaplan_starts,
           .reported = reported_kaplan,
           .excuse = no_excuse},
          {.name = "overtraining",
           .formula = "E + (a M^eta + b M^-eta) C^-eta, M = D/N",
           .source = "arXiv:2403.08540, eq. 4",
           .parameters = {"E", "a", "b", "eta"},
           .low = {0, 0, 0, kMinExponent},
           .high = {kMost, kMost, kMost, kMaxExponent},
           .model = model_of<4, Overtraining>,
           .starts = overtraining_starts,
           .reported = reported_overtraining,
           .excuse = no_excuse},
          {.name = "data_constrained",
           .formula = "E + A/N'^alpha + B/D'^beta, D' = U (1 + R_D (1 - exp(-(D/U - 1)/R_D))), N' "
                      "likewise beyond the best size for U",
           .source = "arXiv:2305.16264, eq. 5 and 6",
           .parameters = {"E", "A", "B", "alpha", "beta", "R_D", "R_N"},
           .low = {0, 1e-9, 1e-9, 1e-2, 1e-2, 1e-2, 1e-2},
           .high = {kMost, kMost, kMost, kMaxExponent, kMaxExponent, 1e5, 1e5},
           .model = model_of<7, DataConstrained>,
           .starts = data_starts,
           .reported = reported_sum,
           .excuse = needs_repeats},
          {.name = "interaction",
           .formula = "E + A/N^alpha + B N^kappa / D^(beta + gamma ln N)",
           .source = "data exponent and coefficient vary with N as in arXiv:2506.10972, here to "
                     "first order in ln N",
           .parameters = {"E", "A", "B", "alpha", "beta", "kappa", "gamma"},
           .low = {0, 0, 0, kMinExponent, -kMaxExponent, -kMaxExponent, -kMaxExponent},
           .high = {kMost, kMost, kMost, kMaxExponent, kMaxExponent, kMaxExponent, kMaxExponent},
           .model = model_of<7, Interaction>,
           .starts = interaction_starts,
           .reported = reported_interaction,
           .excuse = no_excuse,
           .nested = {.name = "chinchilla", .embed = embed_in_interaction}},
          {.name = "bounded",
           .formula = "E + S/sqrt(1 + (S/(ln V - E))^2), S = A/N^alpha + B/D^beta",
           .source = "isoflop: S to first order, below ln V always",
           .parameters = {"E", "A", "B", "alpha", "beta"},
           .low = sum_low,
           .high = sum_high,
           .model = bounded_model,
           .starts = chinchilla_starts,
           .reported = reported_sum,
           .excuse = needs_bound},
          skaling_form(),
          three_term_form(),
          repetition_damage_form(),
          moe_granularity_form(),
          moe_experts_form()};
}

const std::vector<SurfaceForm>& surface_forms() {
  static const std::vector<SurfaceForm> forms = make_forms();
  return forms;
}

}  // namespace

std::vector<ParameterVector> sum_starts(const FormContext& context,
                                        std::initializer_list<double> more) {
  std::vector<ParameterVector> starts;
  for (const double alpha : {0.12, 0.35, 0.9}) {
    for (const double beta : {0.12, 0.35, 0.9}) {
      const double e = 0.6 * context.lowest;
      const double term = 0.5 * (context.mean - e);
      std::vector<double> start = {e, term, term, alpha, beta};
      start.insert(start.end(), more.begin(), more.end());
      starts.emplace_back(
          Eigen::Map<const Eigen::VectorXd>(start.data(), static_cast<Eigen::Index>(start.size())));
    }
  }
  return starts;
}

ParameterVector reported_sum(const FormContext& context, const ParameterVector& p) {
  ParameterVector raw = p;
  raw[1] *= std::exp(p[3] * context.log_size0);
  raw[2] *= std::exp(p[4] * context.log_tokens0);
  return raw;
}

const std::vector<std::string>& surface_form_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const SurfaceForm& form : surface_forms()) list.emplace_back(form.name);
    return list;
  }();
  return names;
}

const SurfaceForm& surface_form(const std::string& name) {
  for (const SurfaceForm& form : surface_forms()) {
    if (name == form.name) return form;
  }
  throw Error(ErrorCode::invalid_argument, "unknown form \"" + name + "\"" +
                                               did_you_mean(name, surface_form_names()) +
                                               "; known: " + join(surface_form_names(), ", "));
}

}  // namespace isoflop
