// SPDX-License-Identifier: Apache-2.0
#include "train/ranks/meeting_watch.h"

namespace isoflop {

void Waiting::tell(const std::string& what) {
  constexpr std::chrono::seconds kBetweenWords{30};
  if (!watch_.on_wait || Clock::now() < next_) return;
  watch_.on_wait(what);
  next_ = Clock::now() + kBetweenWords;
}

}  // namespace isoflop
