// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_folder.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <system_error>
#include <utility>

#include "base/process_tag.h"
#include "base/text.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::string_view kPrefix = "step-";
constexpr std::size_t kMinDigits = 9;
constexpr int kKept = 2;

std::string step_name(std::int64_t step) {
  const std::string digits = std::to_string(step);
  const std::size_t n_zeros = kMinDigits - std::min(kMinDigits, digits.size());
  return std::string(kPrefix) + std::string(n_zeros, '0') + digits;
}

/// The step of a name that step_name() gives.
std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const std::optional<std::int64_t> step =
      parse_integer(std::string_view(name).substr(kPrefix.size()));
  return step && *step >= 0 && step_name(*step) == name ? step : std::nullopt;
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code status;
  for (const auto& entry : std::filesystem::directory_iterator(folder, status)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

bool is_taken(const std::filesystem::path& path) {
  std::error_code status;
  return std::filesystem::exists(std::filesystem::symlink_status(path, status));
}

}  // namespace

CheckpointFolder::CheckpointFolder(std::filesystem::path folder, CheckpointOwner owner)
    : folder_(std::move(folder)), owner_(std::move(owner)) {
  ISOFLOP_CHECK(is_safe_name(owner_.identity), "an identity is part of file names");
}

void CheckpointFolder::write(const Snapshot& snapshot) {
  const std::int64_t step = snapshot.progress.steps_done;
  create();
  remove_abandoned();
  if (!is_whole(step)) {
    AtomicFolder checkpoint(path(step), temporary(step, "new"));
    write_checkpoint(owner_, snapshot, checkpoint);
    make_way(step);
    checkpoint.commit();
    damaged_.erase(step);
  }
  prune(step);
}

std::optional<Snapshot> CheckpointFolder::load_newest(std::int64_t max_step,
                                                      std::vector<std::string>& refused) {
  for (const std::int64_t step : steps()) {
    if (step > max_step) continue;
    try {
      return load(step);
    } catch (const Error& error) {
      refused.emplace_back(error.what());
      damaged_.insert(step);
    }
  }
  return std::nullopt;
}

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> steps;
  for (const std::string& name : names_in(folder_)) {
    if (const std::optional<std::int64_t> step = step_of(name)) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end(), std::greater());
  return steps;
}

Snapshot CheckpointFolder::load(std::int64_t step) const {
  Snapshot snapshot = read_checkpoint(owner_, path(step));
  if (snapshot.progress.steps_done != step) {
    throw Error(ErrorCode::parse, path(step).string() + ": is the checkpoint of step " +
                                      std::to_string(snapshot.progress.steps_done));
  }
  return snapshot;
}

bool CheckpointFolder::is_whole(std::int64_t step) const {
  if (!is_taken(path(step))) return false;
  try {
    (void)load(step);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::filesystem::path CheckpointFolder::path(std::int64_t step) const {
  return folder_ / step_name(step);
}

std::filesystem::path CheckpointFolder::temporary(std::int64_t step, const char* kind) const {
  return folder_ /
         ("." + owner_.identity + "." + step_name(step) + "." + kind + "." + process_tag());
}

void CheckpointFolder::create() const {
  std::error_code status;
  const bool is_new = std::filesystem::create_directories(folder_, status);
  if (status) {
    throw Error(ErrorCode::io, folder_.string() + ": cannot create: " + status.message());
  }
  if (is_new) sync_folder(folder_.parent_path());
}

/// Frees the name of a step whose checkpoint is not whole: deletes it if it is ours, else renames
/// it.
void CheckpointFolder::make_way(std::int64_t step) const {
  if (!is_taken(path(step))) return;
  if (is_checkpoint_of(owner_, path(step))) return discard(step);
  std::filesystem::path aside;
  for (int n = 1; aside.empty() || is_taken(aside); ++n) {
    aside = path(step).string() + ".refused." + std::to_string(n);
  }
  if (std::rename(path(step).c_str(), aside.c_str()) != 0) {
    throw_system_error(path(step), "rename");
  }
}

/// Renamed first, so that a half-deleted checkpoint never bears a checkpoint's name.
void CheckpointFolder::discard(std::int64_t step) const {
  const std::filesystem::path aside = temporary(step, "old");
  if (std::rename(path(step).c_str(), aside.c_str()) == 0) {
    remove_folder_of(aside, kCheckpointFiles);
  }
}

void CheckpointFolder::prune(std::int64_t written) const {
  int n_kept = 1;
  for (const std::int64_t step : steps()) {
    if (step == written || !is_checkpoint_of(owner_, path(step))) continue;
    const bool usable = damaged_.count(step) == 0;
    if (usable && (step > written || n_kept++ < kKept)) continue;
    discard(step);
  }
}

void CheckpointFolder::remove_abandoned() const {
  const std::string prefix = "." + owner_.identity + ".";
  for (const std::string& name : names_in(folder_)) {
    if (!name.starts_with(prefix)) continue;
    const std::vector<std::string> parts = split(name.substr(prefix.size()), '.');
    if (parts.size() != 3 || !step_of(parts[0])) continue;
    if (parts[1] != "new" && parts[1] != "old") continue;
    // This process writes nothing else here now.
    if (parts[2] != process_tag() && is_process_alive(parts[2])) continue;
    remove_folder_of(folder_ / name, kCheckpointFiles);
  }
}

}  // namespace isoflop
