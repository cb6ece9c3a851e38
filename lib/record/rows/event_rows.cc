// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"
#include "isoflop/error.h"
#include "record/rows/event_folders.h"
#include "record/rows/file_input.h"
#include "record/rows/row_source.h"
#include "record/rows/run_scalars.h"

namespace isoflop {
namespace {

constexpr std::size_t kFirstTag = 3;  // of the header

struct LoggedRun {
  std::string name;
  RunScalars scalars;
};

/// Names carry the time at which a file was begun, too, but as decimals that do not sort. Those
/// without a whole record are left out.
std::vector<std::filesystem::path> in_order_of_writing(const EventFolder& folder) {
  std::vector<std::pair<double, std::filesystem::path>> begun;
  for (const std::filesystem::path& file : folder.files) {
    require_rereadable(file);
    read_event_file(file, [&](const ScalarEvent& first) {
      begun.emplace_back(first.wall_time, file);
      return false;
    });
  }
  std::sort(begun.begin(), begun.end());
  std::vector<std::filesystem::path> files;
  files.reserve(begun.size());
  for (auto& [wall_time, file] : begun) files.push_back(std::move(file));
  return files;
}

LoggedRun read_run(const EventFolder& folder) {
  LoggedRun run{folder.name, {}};
  const std::vector<std::filesystem::path> files = in_order_of_writing(folder);
  if (files.empty()) {
    throw Error(ErrorCode::parse, folder.files.front().string() + ": has no whole record");
  }
  for (const std::filesystem::path& file : files) {
    read_event_file(file, [&](const ScalarEvent& event) {
      run.scalars.add(event);
      return true;
    });
  }
  return run;
}

class EventRows : public RowSource {
 public:
  explicit EventRows(const std::filesystem::path& file_or_folder) : file_(file_or_folder.string()) {
    for (const EventFolder& folder : event_folders(file_or_folder)) {
      runs_.push_back(read_run(folder));
    }
    make_header();
  }
  const std::vector<std::string>& header() const override { return header_; }
  void align_to(std::span<const std::size_t> fields) override {
    measured_.clear();
    for (const std::size_t i : fields) {
      if (i >= kFirstTag) measured_.push_back(header_[i]);
    }
  }
  bool next() override { return ++at_ < static_cast<std::ptrdiff_t>(runs_.size()); }
  void read() override {
    cells_.assign(header_.size(), "");
    const std::int64_t step = step_of(run().scalars);
    cells_[0] = run().name;
    cells_[1] = std::to_string(step);
    cells_[2] = exact_text(run().scalars.wall_time_at(step));
    for (std::size_t i = kFirstTag; i < header_.size(); ++i) {
      if (const auto value = run().scalars.value_at(header_[i], step))
        cells_[i] = exact_text(*value);
    }
    fields_.assign(cells_.begin(), cells_.end());
  }
  std::span<const std::string_view> fields() const override { return fields_; }
  std::int64_t row() const override { return at_ + 1; }
  void fail(const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ": " + complaint);
  }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ", scalar " + column + ": " + complaint);
  }
  std::string header_place() const override { return ""; }

 private:
  const LoggedRun& run() const { return runs_[static_cast<std::size_t>(at_)]; }
  std::string place() const { return file_ + ": run " + run().name; }
  std::int64_t step_of(const RunScalars& scalars) const {
    std::optional<std::int64_t> step;
    for (const std::string& tag : measured_) {
      const auto last = scalars.last_step(tag);
      if (last) step = std::min(step.value_or(*last), *last);
    }
    return step.value_or(scalars.last_step());
  }
  void make_header() {
    header_ = {"run_name", "step", "wall_time"};
    std::vector<std::string> tags;
    for (const LoggedRun& logged : runs_) {
      require_utf8(logged.name, file_ + ": run " + with_valid_utf8(logged.name));
      for (const std::string& tag : logged.scalars.tags()) {
        require_utf8(tag, file_ + ": run " + logged.name + ", scalar " + with_valid_utf8(tag));
        tags.push_back(tag);
      }
    }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    for (const std::string& tag : tags) {
      const bool taken = std::find(header_.begin(), header_.end(), tag) != header_.end();
      if (!taken) header_.push_back(tag);
    }
  }

  std::string file_;
  std::vector<LoggedRun> runs_;
  std::vector<std::string> header_, cells_, measured_;
  std::ptrdiff_t at_ = -1;
  std::vector<std::string_view> fields_;
};

}  // namespace

std::unique_ptr<RowSource> event_rows(const std::filesystem::path& file_or_folder) {
  return std::make_unique<EventRows>(file_or_folder);
}

}  // namespace isoflop
