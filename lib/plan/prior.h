// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>

#include "isoflop/law.h"

namespace isoflop {

/// One run, as a hyper-parameter law asks for it.
struct LawArguments {
  double compute = 0;  // C [FLOPs]
  double params = 0;   // N, as Prior::params_of() counts it
  double tokens = 0;   // D
};

/// A law as a plan asks it. Everything throws Error(invalid_argument), naming the experiment's
/// path, where the law does not say what is wanted.
class Prior {
 public:
  explicit Prior(const Law& law) : law_(law) {}

  /// C -> M_opt.
  [[nodiscard]] PowerLaw centre(const std::string& path) const;
  /// N as the law counts it.
  [[nodiscard]] double params_of(const ModelShape& shape) const;
  /// Of C where the law has such a part, else of N and D.
  [[nodiscard]] double batch_tokens(const LawArguments& run) const;
  [[nodiscard]] double peak_lr(const LawArguments& run) const;
  /// What to say where the runs behind the law were trained otherwise than `base` has it.
  [[nodiscard]] std::optional<std::string> recipe_warning(const RunSpec& base) const;
  /// What to say where budgets lie far outside the range behind the law.
  [[nodiscard]] std::optional<std::string> range_warning(std::span<const double> budgets) const;

 private:
  [[nodiscard]] std::string name() const;
  [[nodiscard]] double checked(double value, const char* path) const;
  [[noreturn]] void lack_hyper(const char* path) const;
  const Law& law_;
};

}  // namespace isoflop
