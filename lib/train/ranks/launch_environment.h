// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "isoflop/train.h"

namespace isoflop {

using Environment = std::map<std::string, std::string>;

/// The variables this process was started with.
[[nodiscard]] Environment process_environment();

/// Understands, in this order:
///   isoflop   ISOFLOP_RANK, ISOFLOP_WORLD_SIZE, ISOFLOP_LOCAL_RANK, ISOFLOP_LOCAL_WORLD_SIZE
///   torchrun  RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE
///   Open MPI  OMPI_COMM_WORLD_RANK, ..._SIZE, ..._LOCAL_RANK, ..._LOCAL_SIZE
///   MPICH     PMI_RANK, PMI_SIZE, MPI_LOCALRANKID, MPI_LOCALNRANKS
///   Slurm     SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, SLURM_NTASKS_PER_NODE of a job step
/// The processes meet at ISOFLOP_RENDEZVOUS, or at MASTER_ADDR and MASTER_PORT, or, under Slurm, on
/// the step's first machine at a port made of the step's number. Without any of it this is the only
/// process. Throws Error(invalid_argument) naming the variable that is missing, malformed or
/// contradicts another.
[[nodiscard]] LaunchEnvironment launch_environment(const Environment& environment);

}  // namespace isoflop
