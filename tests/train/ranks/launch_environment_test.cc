// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/launch_environment.h"

#include "isoflop/error.h"
#include "support/catch.h"

namespace isoflop {
namespace {

std::string refusal(const Environment& environment) {
  try {
    (void)launch_environment(environment);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "accepted";
}

const Environment kTorchrun = {{"RANK", "5"},
                               {"WORLD_SIZE", "8"},
                               {"LOCAL_RANK", "1"},
                               {"LOCAL_WORLD_SIZE", "4"},
                               {"MASTER_ADDR", "node1"},
                               {"MASTER_PORT", "29500"},
                               {"TORCHELASTIC_RUN_ID", "abc"},
                               {"TORCHELASTIC_RESTART_COUNT", "0"}};
const Environment kSlurmStep = {{"SLURM_PROCID", "6"},
                                {"SLURM_NTASKS", "8"},
                                {"SLURM_LOCALID", "2"},
                                {"SLURM_NTASKS_PER_NODE", "4"},
                                {"SLURM_STEP_NODELIST", "node[003-006,9],login"},
                                {"SLURM_JOB_ID", "1000"},
                                {"SLURM_STEP_ID", "2"}};

Environment with(Environment environment, const Environment& changes) {
  for (const auto& [name, value] : changes) environment[name] = value;
  return environment;
}

}  // namespace

TEST_CASE("without a launcher a process is alone") {
  CHECK(launch_environment({}) == LaunchEnvironment{});
  CHECK(launch_environment({{"HOME", "/root"}, {"MASTER_ADDR", "node1"}}) == LaunchEnvironment{});
  CHECK(launch_environment({{"RANK", "0"}, {"WORLD_SIZE", "1"}}) == LaunchEnvironment{});
}

TEST_CASE("torchrun, Open MPI, MPICH and Slurm say who a process is and where all meet") {
  CHECK(launch_environment(kTorchrun) == LaunchEnvironment{5, 8, 1, 4, "node1:29500", "abc/0"});
  CHECK(launch_environment(kSlurmStep) ==
        LaunchEnvironment{6, 8, 2, 4, "node003:" + std::to_string(12000 + 31002 % 18000), "1000"});
  const Environment open_mpi = {
      {"OMPI_COMM_WORLD_RANK", "3"},       {"OMPI_COMM_WORLD_SIZE", "4"},
      {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
      {"PMIX_NAMESPACE", "prterun-1"},     {"ISOFLOP_RENDEZVOUS", "file:/shared/meet"}};
  CHECK(launch_environment(open_mpi) ==
        LaunchEnvironment{3, 4, 1, 2, "file:/shared/meet", "prterun-1"});
  const Environment mpich = {{"PMI_RANK", "1"},
                             {"PMI_SIZE", "2"},
                             {"MPI_LOCALRANKID", "0"},
                             {"MPI_LOCALNRANKS", "1"},
                             {"ISOFLOP_RENDEZVOUS", "[fe80::1]:4000"}};
  CHECK(launch_environment(mpich) == LaunchEnvironment{1, 2, 0, 1, "[fe80::1]:4000", ""});
}

TEST_CASE("the innermost launcher is believed, and isoflop's own variables first") {
  // mpiexec and torchrun inside a Slurm step: Slurm counted their daemons.
  CHECK(launch_environment(with(kSlurmStep, kTorchrun)).process == 5);
  const Environment mpich = {{"PMI_RANK", "1"}, {"PMI_SIZE", "9"}};
  CHECK(launch_environment(with(kSlurmStep, with(mpich, {{"ISOFLOP_RENDEZVOUS", "a:1"}})))
            .n_processes == 9);
  // srun --mpi=pmi2 says the same in both ways.
  const Environment pmi2 = {{"PMI_RANK", "6"}, {"PMI_SIZE", "8"}};
  CHECK(launch_environment(with(kSlurmStep, pmi2)).local_process == 2);
  const Environment own = {{"ISOFLOP_RANK", "1"},
                           {"ISOFLOP_WORLD_SIZE", "2"},
                           {"ISOFLOP_RENDEZVOUS", "localhost:99"},
                           {"ISOFLOP_JOB", "j"}};
  CHECK(launch_environment(own) == LaunchEnvironment{1, 2, 0, 1, "localhost:99", "j"});
  CHECK(launch_environment(with(kTorchrun, own)).rendezvous == "localhost:99");
}

TEST_CASE("a Slurm batch script is not a step of as many tasks") {
  Environment script = kSlurmStep;
  script.erase("SLURM_STEP_ID");
  CHECK(launch_environment(script) == LaunchEnvironment{});
}

TEST_CASE("where torchrun itself listens, ranks meet beside it") {
  const Environment listens = {{"TORCHELASTIC_USE_AGENT_STORE", "True"}};
  CHECK(launch_environment(with(kTorchrun, listens)).rendezvous == "node1:29501");
}

TEST_CASE("the first machine of a Slurm list") {
  const auto host = [](const std::string& list) {
    const std::string place =
        launch_environment(with(kSlurmStep, {{"SLURM_STEP_NODELIST", list}})).rendezvous;
    return place.substr(0, place.find(':'));
  };
  CHECK(host("a1") == "a1");
  CHECK(host("a1,b[2-3]") == "a1");
  CHECK(host("b[07,09]") == "b07");
  CHECK(host("r[1-2]c[10-12],x") == "r1c10");
  CHECK(host("n[1-2]-ib") == "n1-ib");
}

TEST_CASE("what is missing or contradictory is refused by the variable's name") {
  const auto without = [](Environment environment, const char* name) {
    environment.erase(name);
    return refusal(environment);
  };
  CHECK(without(kTorchrun, "RANK") == "RANK is not set, but WORLD_SIZE is");
  CHECK(without(kTorchrun, "WORLD_SIZE") == "WORLD_SIZE is not set, but RANK is");
  CHECK(without(kTorchrun, "LOCAL_RANK") == "LOCAL_RANK is not set, but LOCAL_WORLD_SIZE is");
  CHECK(without(kTorchrun, "MASTER_PORT") == "MASTER_PORT is not set, but MASTER_ADDR is");
  CHECK(without(kTorchrun, "MASTER_ADDR").starts_with("MASTER_ADDR is not set"));
  CHECK(without(kSlurmStep, "SLURM_STEP_NODELIST").starts_with("SLURM_STEP_NODELIST is not set"));
  CHECK(refusal(with(kTorchrun, {{"RANK", "8"}})) ==
        "RANK: must be an integer from 0 to 7, got \"8\"");
  CHECK(refusal(with(kTorchrun, {{"LOCAL_RANK", "4"}})) ==
        "LOCAL_RANK: must be an integer from 0 to 3, got \"4\"");
  CHECK(refusal(with(kTorchrun, {{"RANK", "0"}})) == "LOCAL_RANK (1) must be at most RANK (0)");
  CHECK(refusal(with(kTorchrun, {{"WORLD_SIZE", "many"}})).starts_with("WORLD_SIZE: must be"));
  CHECK(refusal(with(kTorchrun, {{"MASTER_PORT", "0"}})).starts_with("MASTER_PORT: must be"));
  CHECK(refusal(with(kTorchrun, {{"ISOFLOP_RENDEZVOUS", "node1"}}))
            .starts_with("ISOFLOP_RENDEZVOUS: must be host:port or file:/path"));
  CHECK(refusal({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}})
            .starts_with("ISOFLOP_RENDEZVOUS is not set, but PMI_SIZE is more than 1"));
}

}  // namespace isoflop
