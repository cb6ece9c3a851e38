// SPDX-License-Identifier: Apache-2.0
#include "isoflop/model_shape.h"

#include "isoflop/error.h"

namespace isoflop {
namespace {

void require(bool holds, const std::string& field, std::int64_t value, const std::string& allowed) {
  if (!holds) {
    throw Error(ErrorCode::invalid_argument,
                "/shape/" + field + ": must be " + allowed + ", got " + std::to_string(value));
  }
}

void require_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  require(value >= low && value <= high, field, value,
          "from " + std::to_string(low) + " to " + std::to_string(high));
}

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

void validate(const ModelShape& shape) {
  // Wide enough for any model anyone has named, narrow enough that no count below can overflow.
  constexpr std::int64_t kMaxWidth = 1 << 20;
  require_range("n_layers", shape.n_layers, 1, 100'000);
  require_range("d_model", shape.d_model, 2, kMaxWidth);
  require_range("n_heads", shape.n_heads, 1, kMaxWidth);
  require_range("n_kv_heads", shape.n_kv_heads, 1, shape.n_heads);
  require(shape.n_heads % shape.n_kv_heads == 0, "n_kv_heads", shape.n_kv_heads,
          "a divisor of n_heads = " + std::to_string(shape.n_heads));
  require_range("d_head", shape.d_head, 2, 65'536);
  require(shape.d_head % 2 == 0, "d_head", shape.d_head, "even, since RoPE rotates pairs");
  require_range("d_ff", shape.d_ff, 1, 8 * kMaxWidth);
  require_range("vocab_size", shape.vocab_size, 2, std::int64_t{1} << 31);
  require_range("seq_len", shape.seq_len, 1, std::int64_t{1} << 31);
}

std::int64_t default_d_ff(std::int64_t d_model) {
  const std::int64_t exact = (8 * d_model + 2) / 3;
  return round_up(exact, d_model >= 1024 ? 256 : d_model >= 192 ? 64 : 8);
}

std::string short_name(const ModelShape& shape) {
  std::string name = "d" + std::to_string(shape.d_model) + " L" + std::to_string(shape.n_layers) +
                     " h" + std::to_string(shape.n_heads);
  if (shape.n_kv_heads != shape.n_heads) name += "/" + std::to_string(shape.n_kv_heads);
  return name;
}

}  // namespace isoflop
