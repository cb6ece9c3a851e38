// SPDX-License-Identifier: Apache-2.0
#include "isoflop/error.h"
#include "record/rows/csv_header.h"
#include "record/rows/row_source.h"

namespace isoflop {
namespace {

class CsvRows : public RowSource {
 public:
  explicit CsvRows(const std::filesystem::path& file) : csv_(file) {
    if (!csv_.next()) throw Error(ErrorCode::parse, csv_.file() + ": is empty, expected a header");
    header_ = csv_header(csv_);
  }
  const std::vector<std::string>& header() const override { return header_; }
  bool next() override { return csv_.next(); }
  void read() override {
    const std::size_t n = csv_.fields().size(), expected = header_.size();
    if (n == expected) return;
    csv_.fail(": has " + std::to_string(n) + " fields, the header has " + std::to_string(expected) +
              (csv_.unterminated() ? "; the file ends within this row, without a newline" : ""));
  }
  std::span<const std::string_view> fields() const override { return csv_.fields(); }
  std::int64_t row() const override { return csv_.row(); }
  void fail(const std::string& complaint) const override { csv_.fail(": " + complaint); }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    csv_.fail(", column " + column + ": " + complaint);
  }
  std::string header_place() const override { return "row 1: "; }

 private:
  CsvReader csv_;
  std::vector<std::string> header_;
};

}  // namespace

std::unique_ptr<RowSource> csv_rows(const std::filesystem::path& file) {
  return std::make_unique<CsvRows>(file);
}

}  // namespace isoflop
