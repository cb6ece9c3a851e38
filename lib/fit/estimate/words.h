// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace isoflop {

/// What a reader must know before acting on a fit, a sentence each.
using Words = std::vector<std::string>;

/// "12 %" of 0.12.
[[nodiscard]] std::string percent_text(double ratio);
/// "budget 1e+17: ", what a warning about one budget begins with.
[[nodiscard]] std::string at_budget(double budget);

/// One warning for what is wrong at several places alike: the words for the worst of them, and
/// where else.
class WordsByPlace {
 public:
  /// "<before><place><after>"; those of one `kind` are told as one, by the largest `badness`.
  struct Entry {
    std::string before, place, after;
    double badness = 0;
  };
  void add(const std::string& kind, Entry entry);
  /// Kinds in the order in which they first appeared: "budget 2e+17 (as at 4e+17): ...".
  void append_to(Words& warnings) const;

 private:
  struct Kind {
    std::string name;
    std::vector<Entry> entries;
  };
  std::vector<Kind> kinds_;
};

}  // namespace isoflop
