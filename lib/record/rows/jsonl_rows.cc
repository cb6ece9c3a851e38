// SPDX-License-Identifier: Apache-2.0
#include <exception>
#include <unordered_map>

#include "base/text.h"
#include "isoflop/error.h"
#include "record/rows/json_objects.h"
#include "record/rows/row_source.h"

namespace isoflop {
namespace {

constexpr std::size_t kMaxColumns = 4096;

std::string scalar_text(const Json& value) {
  if (const auto* text = value.if_string()) return std::string(trim(*text));
  if (const auto* integer = value.if_integer()) return std::to_string(*integer);
  if (const auto* number = value.if_double()) return exact_text(*number);
  if (const auto* truth = value.if_bool()) return *truth ? "true" : "false";
  return "";
}

/// Calls visit(dotted path, text) for every scalar below `value`.
template <class Visit>
void for_each_scalar(const Json& value, const std::string& path, const Visit& visit) {
  const std::string below = path.empty() ? "" : path + ".";
  if (const auto* object = value.if_object()) {
    for (const auto& [key, member] : *object) for_each_scalar(member, below + key, visit);
  } else if (const auto* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      for_each_scalar((*array)[i], below + std::to_string(i), visit);
    }
  } else {
    visit(path, scalar_text(value));
  }
}

class JsonlRows : public RowSource {
 public:
  explicit JsonlRows(const std::filesystem::path& file) : objects_(json_objects(file)) {
    while (next()) collect_columns();
    if (objects_->number() == 0) {
      throw Error(ErrorCode::parse, file.string() + ": is empty, expected a JSON object");
    }
    if (header_.empty() && first_error_) std::rethrow_exception(first_error_);
    if (header_.empty()) fail("has no values, and neither has any before it");
    objects_ = json_objects(file);
  }
  const std::vector<std::string>& header() const override { return header_; }
  bool next() override { return objects_->next(); }

  void read() override {
    for (std::string& cell : cells_) cell.clear();
    const Json object = objects_->parse();
    std::vector<bool> seen(header_.size());
    for_each_scalar(object, "", [&](const std::string& path, std::string text) {
      require_no_nul(path, text);
      const auto found = column_of_.find(path);
      if (found == column_of_.end()) return;
      if (seen[found->second]) fail_in(path, "appears twice");
      seen[found->second] = true;
      cells_[found->second] = std::move(text);
    });
    fields_.assign(cells_.begin(), cells_.end());
  }
  std::span<const std::string_view> fields() const override { return fields_; }
  std::int64_t row() const override { return objects_->number(); }
  void fail(const std::string& complaint) const override {
    throw Error(ErrorCode::parse, objects_->place() + ": " + complaint);
  }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    std::string path;
    for (const std::string& key : split(column, '.')) path += "/" + key;
    fail(path + ": " + complaint);
  }
  std::string header_place() const override { return ""; }

 private:
  void require_no_nul(const std::string& path, const std::string& text) const {
    if (path.find('\0') != std::string::npos) {
      fail("the key \"" + path.substr(0, path.find('\0')) + "\\u0000...\" has a NUL in it");
    }
    if (text.find('\0') != std::string::npos) fail_in(path, "has a NUL in it (\\u0000)");
  }

  // A line that is no JSON is complained about when it is read as a row.
  void collect_columns() {
    try {
      for_each_scalar(objects_->parse(), "", [&](const std::string& path, const std::string& text) {
        require_no_nul(path, text);
        if (header_.size() > kMaxColumns || !column_of_.emplace(path, header_.size()).second) {
          return;
        }
        header_.push_back(path);
        cells_.emplace_back();
      });
    } catch (const Error&) {
      if (!first_error_) first_error_ = std::current_exception();
    }
    if (header_.size() <= kMaxColumns) return;
    fail("with " + header_.back() + " there are more than " + std::to_string(kMaxColumns) +
         " keys, each a column; leave out lists of many values");
  }

  std::unique_ptr<JsonObjects> objects_;
  std::vector<std::string> header_, cells_;
  std::unordered_map<std::string, std::size_t> column_of_;
  std::vector<std::string_view> fields_;
  std::exception_ptr first_error_;
};

}  // namespace

std::unique_ptr<RowSource> jsonl_rows(const std::filesystem::path& file) {
  return std::make_unique<JsonlRows>(file);
}

}  // namespace isoflop
