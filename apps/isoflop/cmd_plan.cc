// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "commands.h"
#include "isoflop/run.h"
#include "plan_source.h"

namespace isoflop::cli {
namespace {

void print_trunks(const Plan& plan, const std::vector<Trunk>& trunks) {
  for (const Trunk& trunk : trunks) {
    const RunSpec& first = plan.runs[trunk.runs.front()].spec;
    std::printf("trunk %s  %-12s batch %lld lr %s seed %llu: %zu runs leave at",
                trunk.trunk_id.c_str(), short_name(first.shape).c_str(),
                static_cast<long long>(first.batch_tokens), rounded_text(first.peak_lr, 3).c_str(),
                static_cast<unsigned long long>(first.seed), trunk.runs.size());
    for (const std::size_t i : trunk.runs) {
      std::printf(" %lld", static_cast<long long>(branch_step(plan.runs[i].spec)));
    }
    std::printf("\n");
  }
}

void print_plan(const Plan& plan) {
  const std::vector<Trunk> trunks = shared_trunks(plan.runs);
  std::printf("%-8s %-10s %-12s %9s %9s %8s %8s %8s %7s%s\n", "kind", "budget", "shape", "M",
              "tokens", "batch", "lr", "steps", "epochs", trunks.empty() ? "" : "   begins");
  for (const PlannedRun& run : plan.runs) {
    const RunSpec& spec = run.spec;
    std::printf("%-8s %-10s %-12s %9s %9s %8lld %8s %8lld %7s",
                std::string(to_string(run.kind)).c_str(), rounded_text(run.budget, 3).c_str(),
                short_name(spec.shape).c_str(),
                si_text(flops_per_token(spec.shape).value()).c_str(),
                si_text(spec.tokens().value()).c_str(), static_cast<long long>(spec.batch_tokens),
                rounded_text(spec.peak_lr, 3).c_str(), static_cast<long long>(spec.n_steps),
                rounded_text(run.epochs, 2).c_str());
    if (!trunks.empty()) std::printf(" %8lld", static_cast<long long>(run.first_step));
    std::printf("\n");
  }
  print_trunks(plan, trunks);
  std::printf("%zu runs, %s FLOPs", plan.runs.size(),
              rounded_text(plan.total_compute().value(), 3).c_str());
  if (!trunks.empty()) {
    std::printf(", %s with shared trunks", rounded_text(plan.trained_compute().value(), 3).c_str());
  }
  std::printf("\n");
}

struct PlanArguments {
  PlanSource source;
  std::string out;
  bool dry_run = false, drop_runs = false, json = false;
};

void run_plan(const PlanArguments& options) {
  const ResolvedPlan resolved = resolve_plan(options.source);
  if (!options.dry_run && !options.out.empty()) {
    save_sweep({options.out}, resolved.plan,
               options.drop_runs ? OldRuns::may_leave : OldRuns::may_leave_if_not_begun);
  }
  if (options.json) {
    std::printf("%s", to_json(resolved.plan).c_str());
  } else {
    print_plan(resolved.plan);
  }
  for (const std::string& warning : resolved.plan.warnings) {
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
}

}  // namespace

void add_plan_command(Command& program) {
  auto options = std::make_shared<PlanArguments>();
  Command& command = program.add_subcommand("plan", "Every run of an experiment, with its cost");
  add_plan_source_options(command, options->source);
  command.add_option("--out", options->out, "Sweep folder to write plan.json to");
  add_drop_runs_flag(command, options->drop_runs);
  command.add_flag("--dry-run", options->dry_run, "Write nothing");
  command.add_flag("--json", options->json, "Print JSON");
  command.set_action([options] {
    run_plan(*options);
    return kDone;
  });
}

}  // namespace isoflop::cli
