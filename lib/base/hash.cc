// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <array>
#include <cstdio>

#include <xxhash.h>

namespace isoflop {
namespace {

std::string hex_digits(XXH64_hash_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

}  // namespace

struct Hasher::State {
  XXH3_state_t xxh;
};

Hasher::Hasher() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh); }
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::add(std::span<const std::byte> content) {
  XXH3_64bits_update(&state_->xxh, content.data(), content.size());
}

std::string Hasher::hex() const { return hex_digits(XXH3_64bits_digest(&state_->xxh)); }

std::string hash_hex(std::string_view content) {
  return hex_digits(XXH3_64bits(content.data(), content.size()));
}

}  // namespace isoflop
