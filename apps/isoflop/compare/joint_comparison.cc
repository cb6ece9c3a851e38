// SPDX-License-Identifier: Apache-2.0
#include "compare/joint_comparison.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "isoflop/error.h"
#include "points_source.h"

namespace isoflop::cli {
namespace {

constexpr double kOwnExponents = 0.05;  // p below which shared exponents are not believed

bool holds_no_points(const std::string& what) {
  return !std::filesystem::is_directory(what) && !what.ends_with(".csv");
}

/// The file's or folder's name; the whole path where another has the same.
std::string group_name(const std::string& what, const std::vector<std::string>& all) {
  const auto short_name = [](const std::string& path) {
    std::filesystem::path name = path;
    if (!name.has_filename()) name = name.parent_path();
    return name.stem().string();
  };
  const std::string name = short_name(what);
  const auto n = std::count_if(all.begin(), all.end(),
                               [&](const std::string& other) { return short_name(other) == name; });
  return n > 1 ? what : name;
}

Json joint_number_json(const JointNumber& number) {
  return Json::object(
      {{"value", number.value}, {"low", number.interval.low}, {"high", number.interval.high}});
}

std::string joint_number_text(const JointNumber& number) {
  return rounded_text(number.value, 4) + " [" + rounded_text(number.interval.low, 4) + ", " +
         rounded_text(number.interval.high, 4) + "]";
}

std::string verdict_text(const JointFit& fit) {
  if (!fit.p) return "  Too few runs to tell whether the exponents are one.\n";
  const std::string test = "F(" + std::to_string(fit.dof_exponents) + ", " +
                           std::to_string(fit.dof_residual) + ") " + rounded_text(*fit.f, 3) +
                           ", p " + rounded_text(*fit.p, 2);
  return *fit.p < kOwnExponents
             ? "  Exponents of their own describe the sets better (" + test +
                   "): do not read rho as a factor that holds at every size.\n"
             : "  Exponents of their own describe the sets no better (" + test + ").\n";
}

}  // namespace

JointAnswer compare_jointly(const JointArguments& arguments) {
  std::vector<JointGroup> groups;
  JointAnswer answer;
  JointOptions options;
  options.shared_floor = arguments.shared_floor;
  for (const std::string& what : arguments.points) {
    if (holds_no_points(what)) {
      throw Error(ErrorCode::invalid_argument,
                  "--joint: " + what + ": needs points: a CSV or a sweep's folder");
    }
    LoadedPoints loaded = load_points({.files_or_sweeps = {what}, .columns = arguments.columns});
    const LossLaw::Scale scale = scale_of(loaded.points, arguments.scale);
    if (groups.empty()) options.scale = scale;
    if (scale != options.scale) {
      throw Error(ErrorCode::invalid_argument,
                  "--joint: " + what + ": sizes are in " + std::string(to_string(scale)) +
                      ", those of " + arguments.points.front() + " in " +
                      std::string(to_string(options.scale)) + "; --scale takes one for all");
    }
    groups.push_back({group_name(what, arguments.points), std::move(loaded.points)});
    answer.warnings.insert(answer.warnings.end(), loaded.warnings.begin(), loaded.warnings.end());
  }
  answer.fit = fit_jointly(groups, options);
  return answer;
}

Json to_json(const JointAnswer& answer) {
  const JointFit& fit = answer.fit;
  Json json = Json::object({{"schema", "isoflop.joint_fit/1"},
                            {"status", to_string(fit.status)},
                            {"n_points", fit.n_points},
                            {"n_parameters", fit.n_parameters},
                            {"shared_floor", fit.shared_floor}});
  if (!fit.groups.empty()) {
    json.set("alpha", joint_number_json(fit.alpha))
        .set("beta", joint_number_json(fit.beta))
        .set("A", joint_number_json(fit.a))
        .set("B", joint_number_json(fit.b))
        .set("residual_sd", fit.residual_sd);
  }
  Json groups = Json::array();
  for (const JointGroupFit& group : fit.groups) {
    groups.push_back(Json::object({{"name", group.name},
                                   {"n_points", group.n_points},
                                   {"E", joint_number_json(group.irreducible)},
                                   {"rho_size", joint_number_json(group.rho_size)},
                                   {"rho_tokens", joint_number_json(group.rho_tokens)}}));
  }
  json.set("groups", groups);
  if (fit.p) {
    json.set("test", Json::object({{"f", *fit.f},
                                   {"p", *fit.p},
                                   {"dof_exponents", fit.dof_exponents},
                                   {"dof_residual", fit.dof_residual}}));
  }
  return json.set("warnings", Json::array_of(answer.warnings));
}

std::string text_of(const JointAnswer& answer) {
  const JointFit& fit = answer.fit;
  if (fit.groups.empty()) return "Too few runs for shared exponents.\n";
  std::string out = "E + A/(rho_N N)^alpha + B/(rho_D D)^beta, alpha and beta of all " +
                    std::to_string(fit.groups.size()) + " sets (" + std::to_string(fit.n_points) +
                    " runs, 90 % intervals)\n  alpha " + joint_number_text(fit.alpha) + ", beta " +
                    joint_number_text(fit.beta) + "\n";
  for (const JointGroupFit& group : fit.groups) {
    out += "  " + group.name + ": E " + joint_number_text(group.irreducible);
    out += &group == &fit.groups.front()
               ? ", the baseline: rho 1\n"
               : ", rho_N " + joint_number_text(group.rho_size) + ", rho_D " +
                     joint_number_text(group.rho_tokens) + "\n";
  }
  if (fit.shared_floor) out += "  One E for all (--shared-floor).\n";
  if (fit.status != FitStatus::ok) out += "  Did not converge: the numbers are no optimum.\n";
  out += verdict_text(fit);
  for (const std::string& warning : answer.warnings) out += "  - " + warning + "\n";
  return out;
}

}  // namespace isoflop::cli
