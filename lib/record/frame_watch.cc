// SPDX-License-Identifier: Apache-2.0
#include "record/frame_watch.h"

#include "isoflop/error.h"

namespace isoflop {
namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

void FrameWatch::see_whether(Stated& stated, std::string_view cell, std::int64_t row) const {
  if (cell.empty() && stated.empty_row == 0) stated.empty_row = row;
  if (!cell.empty() && stated.row == 0) {
    stated.value = cell;
    stated.row = row;
  }
  if (stated.row == 0 || stated.empty_row == 0) return;
  throw Error(ErrorCode::frame_mismatch,
              file_ + ": row " + std::to_string(stated.empty_row) + ", column " +
                  std::string(stated.column) + ": is empty, but row " + std::to_string(stated.row) +
                  " has " + in_quotes(stated.value) +
                  "; rows that state it and rows that do not cannot be fitted together");
}

void FrameWatch::see(Stated& stated, std::string_view cell, std::int64_t row) const {
  see_whether(stated, cell, row);
  if (!cell.empty() && cell != stated.value) {
    throw Error(ErrorCode::frame_mismatch, file_ + ": row " + std::to_string(row) + ", column " +
                                               std::string(stated.column) + ": " + in_quotes(cell) +
                                               ", but row " + std::to_string(stated.row) + " has " +
                                               in_quotes(stated.value) +
                                               "; numbers measured differently cannot be fitted "
                                               "together");
  }
}

void FrameWatch::see_which(Alternatives& columns, bool has_a, bool has_b, std::int64_t row) const {
  if (has_a == has_b) return;
  std::int64_t& first = has_a ? columns.a_row : columns.b_row;
  if (first == 0) first = row;
  const std::int64_t other = has_a ? columns.b_row : columns.a_row;
  if (other == 0) return;
  const std::string absent(has_a ? columns.b : columns.a);
  throw Error(ErrorCode::frame_mismatch,
              file_ + ": row " + std::to_string(row) + ", column " + absent +
                  ": is empty, but row " + std::to_string(other) + " has " + absent +
                  " only; numbers measured differently cannot be fitted together");
}

void FrameWatch::see_metric(const Point& point, std::int64_t row) {
  see_which(metric_, point.loss.has_value(), point.bits_per_byte.has_value(), row);
}

void FrameWatch::see_size(const Point& point, std::int64_t row) {
  see_which(size_, point.params.has_value(), point.flops_per_token.has_value(), row);
}

void FrameWatch::state(Frame& frame) const {
  if (convention_.row != 0) frame.convention = flops_convention_from(convention_.value);
  frame.tokenizer = tokenizer_.value;
}

std::optional<std::string> convention_complaint(std::string_view cell) {
  if (cell.empty()) return std::nullopt;
  try {
    (void)flops_convention_from(cell);
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

}  // namespace isoflop
