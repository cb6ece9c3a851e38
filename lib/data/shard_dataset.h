// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "data/dataset_json.h"
#include "data/token_file.h"
#include "isoflop/dataset.h"

namespace isoflop {

inline constexpr const char* kSidecarName = "dataset.json";
inline constexpr const char* kTrainName = "train.bin";
inline constexpr const char* kValidationName = "validation.bin";

/// What DatasetInfo::hash is: XXH3 of a line that names the format and the sizes, of token_bytes
/// where the tokenizer does not imply them, then of both shards. Reads all of them.
[[nodiscard]] std::string content_hash(const Sidecar& sidecar, const TokenFile& train,
                                       const TokenFile& validation);

}  // namespace isoflop
