// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command_line.h"
#include "isoflop/proposal.h"

namespace isoflop::cli {

/// What is to be proposed in place of what the law says.
struct RecipeOptions {
  std::string schedule;
  std::vector<std::string> hyper_laws;  // ids or files
  std::optional<std::int64_t> batch_tokens;
  std::optional<double> peak_lr, weight_decay;
  std::vector<std::string> settings;  // /key=value
};

void add_recipe_options(Command& command, RecipeOptions& options);

/// Throws Error(invalid_argument) or Error(parse) naming the option, or the key and its value.
void set_recipe(ProposalRequest& request, const RecipeOptions& options);

}  // namespace isoflop::cli
