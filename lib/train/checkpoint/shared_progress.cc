// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/shared_progress.h"

#include <vector>

namespace isoflop {
namespace {

constexpr std::ptrdiff_t kNumbers = 5;  // and what the detectors remember

std::vector<double> to_numbers(const Progress& progress) {
  std::vector<double> numbers{static_cast<double>(progress.steps_done), progress.last_loss,
                              progress.late_loss_sum, static_cast<double>(progress.late_steps),
                              progress.train_seconds};
  numbers.insert(numbers.end(), progress.health.begin(), progress.health.end());
  return numbers;
}

Progress from_numbers(const std::vector<double>& numbers) {
  return {.steps_done = static_cast<std::int64_t>(numbers[0]),
          .last_loss = numbers[1],
          .late_loss_sum = numbers[2],
          .late_steps = static_cast<std::int64_t>(numbers[3]),
          .train_seconds = numbers[4],
          .health = {numbers.begin() + kNumbers, numbers.end()}};
}

}  // namespace

std::optional<Progress> share_progress(Communicator& world, const std::optional<Progress>& known) {
  std::vector<double> numbers = known ? to_numbers(*known) : std::vector<double>{};
  const auto n = static_cast<std::int64_t>(world.sum(static_cast<double>(numbers.size())));
  if (n == 0) return std::nullopt;
  numbers.resize(static_cast<std::size_t>(n));
  const Range mine{0, known ? n : 0};
  world.all_gather(numbers, {&mine, 1});
  return from_numbers(numbers);
}

}  // namespace isoflop
