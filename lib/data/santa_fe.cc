// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/text.h"
#include "data/generated_dataset.h"
#include "data/permutation.h"
#include "data/zipf.h"
#include "isoflop/dataset.h"
#include "isoflop/error.h"

namespace isoflop {
namespace {

constexpr std::int64_t kRecordBytes = 4;  // three of the key, one of the value
constexpr std::int64_t kMaxKeys = std::int64_t{1} << 24;
constexpr std::uint64_t kKeyOrder = 0x6b657973;  // the bijection is the same for every seed

void check(const SantaFeOptions& options) {
  if (!(options.zipf_exponent > 0) || !std::isfinite(options.zipf_exponent)) {
    throw Error(ErrorCode::invalid_argument,
                "santafe: zipf_exponent must be > 0, got " + exact_text(options.zipf_exponent));
  }
  if (options.n_keys < 1 || options.n_keys > kMaxKeys) {
    throw Error(ErrorCode::invalid_argument, "santafe: n_keys must be 1 to " +
                                                 std::to_string(kMaxKeys) + ", got " +
                                                 std::to_string(options.n_keys));
  }
}

double normalization(const SantaFeOptions& options) {
  return sum_over_ranks(options.n_keys,
                        [&](double k) { return std::pow(k, -options.zipf_exponent); });
}

class SantaFe final : public GeneratedDataset {
 public:
  explicit SantaFe(const SantaFeOptions& options)
      : GeneratedDataset("santafe", 256,
                         "santafe/1 zipf_exponent=" + exact_text(options.zipf_exponent) +
                             " n_keys=" + std::to_string(options.n_keys) +
                             " seed=" + std::to_string(options.seed)),
        ranks_(options.n_keys, options.zipf_exponent),
        keys_(static_cast<std::uint64_t>(kMaxKeys), kKeyOrder),
        values_(options.seed) {}

 private:
  void generate(std::uint64_t stream_key, std::int64_t first,
                std::span<std::int32_t> out) const override {
    const Rng stream(stream_key);
    std::int64_t place = first % kRecordBytes;
    auto record = static_cast<std::uint64_t>(first / kRecordBytes);
    std::uint32_t bytes = record_bytes(stream, record) >> (8 * place);
    for (std::int32_t& token : out) {
      if (place == kRecordBytes) {
        place = 0;
        bytes = record_bytes(stream, ++record);
      }
      token = static_cast<std::int32_t>(bytes & 255);
      bytes >>= 8;
      ++place;
    }
  }

  // Key in the low three bytes, value in the fourth.
  [[nodiscard]] std::uint32_t record_bytes(const Rng& stream, std::uint64_t record) const {
    const auto rank = static_cast<std::uint64_t>(ranks_(stream, record) - 1);
    const std::uint64_t key = keys_(rank);
    return static_cast<std::uint32_t>(key | (values_.bits(key) >> 56) << 24);
  }

  ZipfSampler ranks_;
  Permutation keys_;
  Rng values_;
};

}  // namespace

double santa_fe_entropy(const SantaFeOptions& options) {
  check(options);
  const double z = normalization(options), a = options.zipf_exponent;
  const double mean_log2_rank =
      sum_over_ranks(options.n_keys, [&](double k) { return std::pow(k, -a) * std::log2(k); }) / z;
  return (std::log2(z) + a * mean_log2_rank) / kRecordBytes;
}

double santa_fe_lower_bound(double n_records, std::int64_t seq_len, const SantaFeOptions& options) {
  check(options);
  const double z = normalization(options);
  const double seen = n_records + std::ceil(static_cast<double>(seq_len) / kRecordBytes);
  const double unseen_key = sum_over_ranks(options.n_keys, [&](double k) {
    const double p = std::pow(k, -options.zipf_exponent) / z;
    return p * std::exp(seen * std::log1p(-p));
  });
  return santa_fe_entropy(options) + 8 * unseen_key / kRecordBytes;
}

std::unique_ptr<Dataset> make_santa_fe(const SantaFeOptions& options) {
  check(options);
  return std::make_unique<SantaFe>(options);
}

}  // namespace isoflop
