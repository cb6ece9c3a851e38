// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "commands.h"
#include "environment.h"

namespace isoflop::cli {
namespace {

void print_row(const char* name, std::optional<double> a, std::optional<double> b) {
  const auto text = [](std::optional<double> value) {
    return value ? rounded_text(*value, 5) : std::string("-");
  };
  std::printf("  %-34s %14s %14s\n", name, text(a).c_str(), text(b).c_str());
}

template <class Part, class Get>
std::optional<double> part_of(const std::optional<Part>& part, const Get& get) {
  if (!part) return std::nullopt;
  return get(*part);
}

void compare(const Law& a, const Law& b) {
  std::printf("  %-34s %14s %14s\n", "", a.id.c_str(), b.id.c_str());
  const auto row = [&](const char* name, auto part, auto get) {
    print_row(name, part_of(a.*part, get), part_of(b.*part, get));
  };
  row("model exponent, M_opt ~ C^a", &Law::allocation,
      [](const AllocationLaw& law) { return law.flops_per_token.exponent; });
  row("data exponent, D_opt ~ C^b", &Law::allocation,
      [](const AllocationLaw& law) { return law.tokens.exponent; });
  row("batch exponent", &Law::hyper, [](const HyperLaw& law) { return law.batch_tokens.exponent; });
  row("learning-rate exponent", &Law::hyper,
      [](const HyperLaw& law) { return law.peak_lr.exponent; });
  row("irreducible part of L*(C)", &Law::frontier,
      [](const FrontierLaw& law) { return law.irreducible; });
  row("exponent of L*(C)", &Law::frontier, [](const FrontierLaw& law) { return law.exponent; });
  const Frame& f = a.frame;
  const Frame& g = b.frame;
  if (f.metric != g.metric || f.convention != g.convention || f.tokenizer != g.tokenizer) {
    std::printf("  measured differently: %s, %s, tokenizer %s against %s, %s, tokenizer %s\n",
                std::string(to_string(f.metric)).c_str(),
                std::string(to_string(f.convention)).c_str(), f.tokenizer.c_str(),
                std::string(to_string(g.metric)).c_str(),
                std::string(to_string(g.convention)).c_str(), g.tokenizer.c_str());
  }
}

}  // namespace

void add_compare_command(CLI::App& app, int&) {
  CLI::App* command = app.add_subcommand("compare", "Two laws' exponents side by side");
  auto a = std::make_shared<std::string>();
  auto b = std::make_shared<std::string>();
  command->add_option("law_a", *a, "Law id, or a law file")->required();
  command->add_option("law_b", *b, "Law id, or a law file")->required();
  command->callback([a, b] { compare(find_law(*a), find_law(*b)); });
}

}  // namespace isoflop::cli
