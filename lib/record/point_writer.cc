// SPDX-License-Identifier: Apache-2.0
#include "record/point_writer.h"

#include <array>
#include <span>

#include "base/text.h"

namespace isoflop {
namespace {

constexpr std::size_t kWriteChunk = std::size_t{1} << 18;

}  // namespace

PointWriter::PointWriter(const std::filesystem::path& file, const ImportColumns& columns,
                         std::optional<FlopsConvention> convention)
    : file_(file), columns_(columns) {
  if (convention) convention_ = to_string(*convention);
  buffer_ = join(point_column_names(), ",") + "," + std::string(kOutlierName) + "," +
            std::string(kOutlierReasonName);
  if (!convention_.empty()) buffer_ += ",convention";
  for (const std::string& name : columns.other_names) {
    buffer_ += ',';
    append_csv_cell(name, buffer_);
  }
  buffer_ += '\n';
}

void PointWriter::write(const Point& point, const PointRows& rows, const RowSource& source,
                        const std::vector<OutlierReason>& reasons) {
  write_quantities(point, rows);
  for (const PointColumn column : {kDataset, kSeed, kTrunk, kRunId}) {
    append_csv_cell(rows.text(column), buffer_);
    buffer_ += ',';
  }
  buffer_ += reasons.empty() ? "0," : "1,";
  if (!reasons.empty()) {
    std::string text;
    for (const OutlierReason& reason : reasons) {
      text += (text.empty() ? "" : "; ") + reason.text();
    }
    append_csv_cell(text, buffer_);
  }
  if (!convention_.empty()) buffer_ += "," + convention_;
  for (const std::size_t field : columns_.others) {
    buffer_ += ',';
    append_csv_cell(source.fields()[field], buffer_);
  }
  buffer_ += '\n';
  if (buffer_.size() >= kWriteChunk) flush();
}

void PointWriter::commit() {
  flush();
  file_.commit();
}

void PointWriter::write_quantities(const Point& point, const PointRows& rows) {
  const std::optional<double> tokens = point.tokens;
  const std::array<const std::optional<double>*, kDataset> values = {
      &point.params,        &point.flops_per_token, &tokens,
      &point.compute,       &point.budget,          &point.loss,
      &point.bits_per_byte, &point.batch_tokens,    &point.peak_lr};
  for (std::size_t i = 0; i < kDataset; ++i) {
    const auto column = static_cast<PointColumn>(i);
    if (columns_.ours[i].is_copy()) {
      buffer_ += rows.text(column);
    } else if (*values[i]) {
      buffer_ += exact_text(**values[i]);
    }
    buffer_ += ',';
  }
}

void PointWriter::flush() {
  file_.write(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
}

}  // namespace isoflop
