// SPDX-License-Identifier: Apache-2.0
#include "isoflop/error.h"
#include "isoflop/law.h"

namespace isoflop {
namespace {

void require_equal(std::string_view what, std::string_view field, std::string_view a,
                   std::string_view b) {
  if (a == b) return;
  const auto quoted = [](std::string_view text) {
    return text.empty() ? std::string("(not stated)") : "\"" + std::string(text) + "\"";
  };
  throw Error(ErrorCode::frame_mismatch, std::string(what) + ": " + std::string(field) +
                                             " differs: " + quoted(a) + " and " + quoted(b) +
                                             "; numbers measured differently cannot be compared");
}

}  // namespace

std::string_view to_string(Metric metric) {
  return metric == Metric::loss_nats ? "loss_nats" : "bits_per_byte";
}

void require_same_frame(const Frame& a, const Frame& b, std::string_view what) {
  require_equal(what, "dataset", a.dataset, b.dataset);
  require_equal(what, "tokenizer", a.tokenizer, b.tokenizer);
  require_equal(what, "metric", to_string(a.metric), to_string(b.metric));
  require_equal(what, "convention", to_string(a.convention), to_string(b.convention));
}

}  // namespace isoflop
