// SPDX-License-Identifier: Apache-2.0
#include "run/run_pack.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "isoflop/error.h"

namespace isoflop {

std::vector<PackedEnd> run_pack(std::span<const PackedRun> runs, const Dataset& dataset,
                                const RunOneOptions& options,
                                const std::function<void(std::size_t, const PackedEnd&)>& on_end) {
  std::atomic<bool> device_failed = false;
  std::mutex ends_mutex;
  std::vector<PackedEnd> ends(runs.size());

  const auto train_run = [&](std::size_t i) {
    RunOneOptions own = options;
    own.folder = runs[i].folder;
    own.trunk_folder = runs[i].trunk_folder;
    own.on_step = runs[i].on_step;
    own.stop = [&] { return device_failed || (options.stop && options.stop()); };
    PackedEnd end;
    try {
      end.record = run_one(runs[i].spec, dataset, own);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::device) device_failed = true;
      end.error = error.what();
    } catch (const std::exception& error) {
      end.error = error.what();
    }
    const std::lock_guard lock(ends_mutex);
    ends[i] = std::move(end);
    if (on_end) on_end(i, ends[i]);
  };

  {
    std::vector<std::jthread> threads;  // joined here, also where one cannot be started
    for (std::size_t i = 0; i < runs.size(); ++i) threads.emplace_back(train_run, i);
  }
  return ends;
}

}  // namespace isoflop
