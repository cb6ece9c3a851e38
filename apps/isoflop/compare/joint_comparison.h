// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "isoflop/forms.h"

namespace isoflop::cli {

/// compare --joint: sets of points by one alpha and one beta.
struct JointArguments {
  std::vector<std::string> points;  // files or sweeps
  std::string columns, scale;
  bool shared_floor = false;
};

struct JointAnswer {
  JointFit fit;
  std::vector<std::string> warnings;
};

/// Throws Error(invalid_argument) where one of them is no set of points.
[[nodiscard]] JointAnswer compare_jointly(const JointArguments& arguments);

/// The isoflop.joint_fit/1 answer.
[[nodiscard]] Json to_json(const JointAnswer& answer);
[[nodiscard]] std::string text_of(const JointAnswer& answer);

}  // namespace isoflop::cli
