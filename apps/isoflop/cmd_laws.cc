// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "commands.h"
#include "environment.h"

namespace isoflop::cli {
namespace {

std::string range_text(const Law& law) {
  if (!law.fitted_from || !law.fitted_to) return "not stated";
  return rounded_text(law.fitted_from->value(), 2) + " to " +
         rounded_text(law.fitted_to->value(), 2);
}

std::string power_text(const PowerLaw& law, const char* variable) {
  return rounded_text(law.coefficient, 5) + " " + variable + "^" + rounded_text(law.exponent, 5);
}

std::string form_text(const HyperLawNd::Form& form) {
  std::string text = rounded_text(form.coefficient, 5);
  if (form.exponent_params != 0) text += " N^" + rounded_text(form.exponent_params, 5);
  if (form.exponent_tokens != 0) text += " D^" + rounded_text(form.exponent_tokens, 5);
  return text;
}

std::string timescale_text(const WeightDecayLaw& law) {
  return "B / (lr tau D), tau " + power_text(law.timescale, "(D/N)");
}

void list_laws() {
  std::printf("%-26s %-24s %-20s %s\n", "id", "data set", "budgets [FLOPs]", "says");
  for (const Law& law : load_law_book(fits_folder())) {
    std::vector<std::string> parts;
    if (law.allocation) parts.emplace_back(law.allocation->exponents_only ? "exponents" : "split");
    if (law.hyper || law.hyper_nd) parts.emplace_back("batch, lr");
    if (law.peak_lr_at_batch) parts.emplace_back("lr at a batch");
    if (law.weight_decay) parts.emplace_back("weight decay");
    if (law.loss || law.frontier) parts.emplace_back("loss");
    const std::string mark = law.mark ? " (" + std::string(to_string(*law.mark)) + ")" : "";
    std::printf("%-26s %-24s %-20s %s\n", law.id.c_str(), law.frame.dataset.c_str(),
                range_text(law).c_str(), (join(parts, ", ") + mark).c_str());
  }
}

const char* words_of(SourceMark mark) {
  if (mark == SourceMark::printed) return "printed: where it was published";
  if (mark == SourceMark::recomputed) return "recomputed: a fit of ours to what was published";
  return "secondary: as others quote it, not where it was published";
}

std::string range_of(const Interval& range) {
  return rounded_text(range.low, 3) + " to " + rounded_text(range.high, 3);
}

void show_tuned_on(const TunedOn& tuned_on) {
  std::vector<std::string> parts;
  const auto add = [&](const char* name, const std::optional<Interval>& range) {
    if (range) parts.push_back(std::string(name) + " " + range_of(*range));
  };
  add("N", tuned_on.params);
  add("D", tuned_on.tokens);
  add("D/N", tuned_on.tokens_per_param);
  add("batch", tuned_on.batch_tokens);
  add("weight decay", tuned_on.weight_decay);
  if (!parts.empty()) std::printf("  tuned on    %s\n", join(parts, ", ").c_str());
}

/// How the runs behind the law were trained, where it is known.
void show_recipe(const TrainingRecipe& recipe) {
  if (recipe.empty()) return;
  std::vector<std::string> parts;
  const auto add = [&](const char* name, const std::optional<double>& value) {
    if (value) parts.push_back(std::string(name) + " " + rounded_text(*value, 5));
  };
  add("weight decay", recipe.weight_decay);
  if (recipe.schedule) parts.push_back("schedule " + std::string(to_string(recipe.schedule->kind)));
  add("beta1", recipe.adam_beta1);
  add("beta2", recipe.adam_beta2);
  add("epsilon", recipe.adam_epsilon);
  add("clip", recipe.grad_clip);
  add("initial sd", recipe.init_std);
  if (recipe.parametrisation) parts.emplace_back(to_string(*recipe.parametrisation));
  std::printf("  its runs    %s\n", join(parts, ", ").c_str());
}

void show_hyper_laws(const Law& law) {
  if (law.hyper) {
    std::printf("  batch       %s tokens\n  peak lr     %s\n",
                power_text(law.hyper->batch_tokens, "C").c_str(),
                power_text(law.hyper->peak_lr, "C").c_str());
  }
  if (law.hyper_nd) {
    std::printf("  batch       %s tokens\n  peak lr     %s\n",
                form_text(law.hyper_nd->batch_tokens).c_str(),
                form_text(law.hyper_nd->peak_lr).c_str());
  }
  if (const auto& rate = law.peak_lr_at_batch) {
    const HyperLawNd::Form form{rate->coefficient, rate->exponent_params, rate->exponent_tokens};
    std::printf("  lr at a B   %s B^%s\n", form_text(form).c_str(),
                rounded_text(rate->exponent_batch, 5).c_str());
  }
  if (law.weight_decay) {
    std::printf("  w. decay    %s\n", timescale_text(*law.weight_decay).c_str());
  }
  show_tuned_on(law.tuned_on);
}

void show_law(const Law& law) {
  std::printf(
      "%s\n  source      %s\n  data set    %s, tokenizer %s\n  metric      %s, %s\n"
      "  budgets     %s FLOPs\n",
      law.id.c_str(), law.source.c_str(), law.frame.dataset.c_str(),
      law.frame.tokenizer.empty() ? "not stated" : law.frame.tokenizer.c_str(),
      std::string(to_string(law.frame.metric)).c_str(),
      std::string(to_string(law.frame.convention)).c_str(), range_text(law).c_str());
  if (law.mark) std::printf("  read        %s\n", words_of(*law.mark));
  if (!law.note.empty()) std::printf("  note        %s\n", law.note.c_str());
  show_recipe(law.recipe);
  if (law.allocation && law.allocation->exponents_only) {
    std::printf("  M_opt ~ C^%s, D_opt ~ C^%s (coefficients not published)\n",
                rounded_text(law.allocation->flops_per_token.exponent, 5).c_str(),
                rounded_text(law.allocation->tokens.exponent, 5).c_str());
  } else if (law.allocation) {
    std::printf("  M_opt       %s FLOPs/token\n  D_opt       %s tokens\n",
                power_text(law.allocation->flops_per_token, "C").c_str(),
                power_text(law.allocation->tokens, "C").c_str());
  }
  show_hyper_laws(law);
  if (law.loss) {
    const char* size = law.loss->scale == LossLaw::Scale::params ? "N" : "M";
    std::printf("  loss        %s + %s / %s^%s + %s / D^%s\n",
                rounded_text(law.loss->irreducible, 6).c_str(),
                rounded_text(law.loss->a, 6).c_str(), size,
                rounded_text(law.loss->alpha, 6).c_str(), rounded_text(law.loss->b, 6).c_str(),
                rounded_text(law.loss->beta, 6).c_str());
  }
  if (law.frontier) {
    std::printf("  best loss   %s + %s\n", rounded_text(law.frontier->irreducible, 5).c_str(),
                power_text({law.frontier->coefficient, law.frontier->exponent}, "C").c_str());
  }
}

void add_show(Command& laws) {
  auto id = std::make_shared<std::string>();
  Command& command = laws.add_subcommand("show", "One law, in full");
  command.add_argument("id", *id, "Law id, or a law file");
  command.set_action([id] {
    show_law(find_law(*id));
    return kDone;
  });
}

}  // namespace

void add_laws_command(Command& program) {
  Command& command = program.add_subcommand("laws", "The laws in fits/");
  add_show(command);
  command.set_action([] {
    list_laws();
    return kDone;
  });
}

}  // namespace isoflop::cli
