// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "isoflop/report.h"

namespace isoflop {

/// Questions, and what the data say to them, as Markdown. An empty answer is said to be missing:
/// silence is what the checklist is against.
class Checklist {
 public:
  void section(const std::string& title) { text_ += "\n## " + title + "\n\n"; }
  void item(const std::string& question, const std::string& answer) {
    text_ += "- **" + question + "**: " + (answer.empty() ? "*not stated by the points*" : answer) +
             "\n";
    if (answer.empty()) missing_.push_back(question);
  }
  void paragraph(const std::string& text) { text_ += text + "\n"; }
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::vector<std::string> missing_;
};

/// How the runs were trained: sizes, data, architecture, optimizer.
void add_setup(Checklist& list, const ReportChapter& chapter);
/// What was measured of them, and which of them were used.
void add_collection(Checklist& list, const ReportChapter& chapter);

}  // namespace isoflop
