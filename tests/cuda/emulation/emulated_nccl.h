// SPDX-License-Identifier: Apache-2.0
// Settings of the emulated NCCL. Its ranks are threads of one process, each with an emulated
// device. A group of calls is one piece of work on its stream: there it waits, without any
// buffering, until each of its sends and receives has met its other side, which must be as long;
// groups that wait for each other for ever fail their devices after emulation::set_patience().
#pragma once

#include <nccl.h>

namespace isoflop::emulation {

/// No faults; whoever waits for other ranks in a call gets ncclInternalError.
void reset_nccl();
/// From now on ncclCommGetAsyncError() reports it for communicators of that device.
void report_nccl_error(int device, ncclResult_t error);
/// From now on operations of that device do nothing until they are aborted.
void hang_nccl(int device);
/// From now on that device gets this from calls that make communicators, at once.
void fail_nccl_init(int device, ncclResult_t error);
/// Communicators that have been neither destroyed nor aborted. Like NCCL's, those ends wait until
/// no graph has operations of the communicator; after some seconds they give up, and it stays.
[[nodiscard]] int n_nccl_communicators();
/// Since the last reset.
[[nodiscard]] int n_nccl_aborts();

}  // namespace isoflop::emulation
