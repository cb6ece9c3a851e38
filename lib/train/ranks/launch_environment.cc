// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/launch_environment.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include <unistd.h>

#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

/// Names of the variables in which a launcher counts; local ones may be missing.
struct Launcher {
  const char *rank, *size, *local_rank, *local_size;
};
constexpr Launcher kIsoflop = {"ISOFLOP_RANK", "ISOFLOP_WORLD_SIZE", "ISOFLOP_LOCAL_RANK",
                               "ISOFLOP_LOCAL_WORLD_SIZE"};
constexpr Launcher kTorchrun = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr Launcher kOpenMpi = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                               "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr Launcher kMpich = {"PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"};
constexpr Launcher kSlurm = {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID",
                             "SLURM_NTASKS_PER_NODE"};

[[noreturn]] void refuse(const std::string& message) {
  throw Error(ErrorCode::invalid_argument, message);
}

class Variables {
 public:
  explicit Variables(const Environment& environment) : environment_(environment) {}

  [[nodiscard]] std::string text(const char* name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() ? "" : found->second;
  }
  [[nodiscard]] bool has(const char* name) const { return !text(name).empty(); }
  [[nodiscard]] int number(const char* name, int at_least, int at_most) const {
    const std::optional<std::int64_t> value = parse_integer(text(name));
    if (!value || *value < at_least || *value > at_most) {
      refuse(std::string(name) + ": must be an integer from " + std::to_string(at_least) + " to " +
             std::to_string(at_most) + ", got \"" + text(name) + "\"");
    }
    return static_cast<int>(*value);
  }
  void require(const char* name, const std::string& why) const {
    if (!has(name)) refuse(std::string(name) + " is not set, but " + why);
  }

 private:
  const Environment& environment_;
};

/// Who started this process; null where nobody counts processes.
const Launcher* launcher_of(const Variables& variables) {
  // A batch script, too, has SLURM_PROCID and SLURM_NTASKS; only srun starts that many.
  const bool in_slurm_step = variables.has("SLURM_STEP_ID");
  // srun --mpi=pmi2 says the same twice. Under mpiexec Slurm's numbers are those of its daemons.
  const bool slurm_speaks_pmi = in_slurm_step &&
                                variables.text(kMpich.rank) == variables.text(kSlurm.rank) &&
                                variables.text(kMpich.size) == variables.text(kSlurm.size);
  for (const Launcher* launcher : {&kIsoflop, &kTorchrun, &kOpenMpi, &kMpich, &kSlurm}) {
    if (launcher == &kMpich && slurm_speaks_pmi) continue;
    if (launcher == &kSlurm && !in_slurm_step) continue;
    if (variables.has(launcher->rank) || variables.has(launcher->size)) return launcher;
  }
  return nullptr;
}

void read_counts(const Variables& variables, const Launcher& launcher, LaunchEnvironment& out) {
  variables.require(launcher.rank, std::string(launcher.size) + " is");
  variables.require(launcher.size, std::string(launcher.rank) + " is");
  constexpr int kMost = 1 << 20;
  out.n_processes = variables.number(launcher.size, 1, kMost);
  out.process = variables.number(launcher.rank, 0, out.n_processes - 1);
  if (variables.has(launcher.local_size)) {
    variables.require(launcher.local_rank, std::string(launcher.local_size) + " is");
    out.n_local_processes = variables.number(launcher.local_size, 1, kMost);
  }
  if (!variables.has(launcher.local_rank)) return;
  const bool n_known = variables.has(launcher.local_size);
  out.local_process =
      variables.number(launcher.local_rank, 0, (n_known ? out.n_local_processes : kMost) - 1);
  // Slurm may be asked for a number per machine that the last machine does not get, and other
  // launchers may leave it out: what is known is that there are this many at least.
  out.n_local_processes =
      std::min(std::max(out.n_local_processes, out.local_process + 1), out.n_processes);
  if (out.local_process > out.process) {
    refuse(std::string(launcher.local_rank) + " (" + std::to_string(out.local_process) +
           ") must be at most " + launcher.rank + " (" + std::to_string(out.process) + ")");
  }
}

/// "node[003-006,9],login" -> "node003".
std::string first_host(const std::string& list) {
  const std::size_t bracket = list.find('[');
  const std::size_t comma = list.find(',');
  if (bracket == std::string::npos || comma < bracket) return list.substr(0, comma);
  const std::size_t close = list.find(']', bracket);
  if (close == std::string::npos) {
    refuse("SLURM_STEP_NODELIST: cannot be read: \"" + list + "\"");
  }
  const std::size_t end = std::min(close, list.find_first_of(",-", bracket));
  const std::string rest = list.substr(close + 1);
  return list.substr(0, bracket) + list.substr(bracket + 1, end - bracket - 1) + first_host(rest);
}

/// Below the ports that systems deal out by themselves, above those that need privileges. Should
/// another job be there already, the job's name tells them apart.
std::string slurm_rendezvous(const Variables& variables) {
  constexpr int kFirstPort = 12000, kPorts = 18000;
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_ID"}) {
    variables.require(name, "SLURM_NTASKS is more than 1; or set ISOFLOP_RENDEZVOUS=host:port");
  }
  constexpr int kAny = std::numeric_limits<int>::max();
  const std::int64_t job = variables.number("SLURM_JOB_ID", 0, kAny);
  const std::int64_t step = variables.number("SLURM_STEP_ID", 0, kAny);
  return first_host(variables.text("SLURM_STEP_NODELIST")) + ":" +
         std::to_string(kFirstPort + (job * 31 + step) % kPorts);
}

/// torchrun itself listens at MASTER_PORT where it says that it keeps the store of the ranks.
std::string master_rendezvous(const Variables& variables) {
  variables.require("MASTER_ADDR", "MASTER_PORT is");
  variables.require("MASTER_PORT", "MASTER_ADDR is");
  constexpr int kLastPort = 65535;
  int port = variables.number("MASTER_PORT", 1, kLastPort);
  if (variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True") {
    port += port == kLastPort ? -1 : 1;
  }
  return variables.text("MASTER_ADDR") + ":" + std::to_string(port);
}

std::string rendezvous_of(const Variables& variables, const Launcher& launcher) {
  if (variables.has("ISOFLOP_RENDEZVOUS")) {
    std::string place = variables.text("ISOFLOP_RENDEZVOUS");
    const std::size_t colon = place.rfind(':');
    const bool is_file = place.starts_with("file:/");
    const std::optional<std::int64_t> port =
        colon == std::string::npos ? std::nullopt : parse_integer(place.substr(colon + 1));
    if (!is_file && (!port || *port < 1 || *port > 65535 || colon == 0)) {
      refuse("ISOFLOP_RENDEZVOUS: must be host:port or file:/path, got \"" + place + "\"");
    }
    return place;
  }
  if (variables.has("MASTER_ADDR") || variables.has("MASTER_PORT") || &launcher == &kTorchrun) {
    variables.require("MASTER_ADDR", std::string(launcher.size) + " is more than 1");
    return master_rendezvous(variables);
  }
  if (&launcher == &kSlurm) return slurm_rendezvous(variables);
  refuse("ISOFLOP_RENDEZVOUS is not set, but " + std::string(launcher.size) +
         " is more than 1: give host:port of process 0, or file:/path that all processes see");
}

std::string job_of(const Variables& variables) {
  std::string name;
  for (const char* part :
       {"ISOFLOP_JOB", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "PMIX_NAMESPACE",
        "OMPI_MCA_ess_base_jobid", "SLURM_JOB_ID", "SLURM_RESTART_COUNT"}) {
    if (variables.has(part)) name += (name.empty() ? "" : "/") + variables.text(part);
  }
  return name;
}

}  // namespace

Environment process_environment() {
  Environment variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

LaunchEnvironment launch_environment(const Environment& environment) {
  const Variables variables(environment);
  LaunchEnvironment out;
  const Launcher* launcher = launcher_of(variables);
  if (launcher == nullptr) return out;
  read_counts(variables, *launcher, out);
  if (out.n_processes == 1) return out;
  out.rendezvous = rendezvous_of(variables, *launcher);
  out.job = job_of(variables);
  return out;
}

}  // namespace isoflop
