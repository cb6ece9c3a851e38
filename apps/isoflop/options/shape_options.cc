// SPDX-License-Identifier: Apache-2.0
#include "options/shape_options.h"

namespace isoflop::cli {

void add_shape_options(Command& command, ShapeOptions& options) {
  command.add_option("--tensor-parallel", options.tensor_parallel,
                     "Ranks that divide heads, d_ff and vocabulary (default: 1)",
                     {.range = Range{1, 4096}});
  command.add_option("--n-kv-heads", options.n_kv_heads,
                     "Key/value heads (default: all, from 30B parameters on 8)",
                     {.range = Range{1, 65'536}});
  command.add_option("--gqa-ratio", options.gqa_ratio, "Query heads per key/value head",
                     {.range = Range{1, 65'536}, .excludes = "--n-kv-heads"});
  command.add_option("--d-head", options.d_head, "Head size (default: 64 or 128 by size)",
                     {.range = Range{2, 1024}});
  command.add_flag("--tied", options.tied, "One matrix for embedding and head");
  command.add_option("--multiple-of", options.multiple_of,
                     "Of which d_ff is a multiple (default: 256 from 100M parameters on)",
                     {.range = Range{1, 65'536}});
  command.add_option(
      "--pad-vocab-to", options.pad_vocab_to,
      "Of which the vocabulary is made a multiple (default: 128 from 100M parameters "
      "on)",
      {.range = Range{1, 1 << 20}});
}

ShapeRules with_options(ShapeRules rules, const ShapeOptions& options) {
  rules.tensor_parallel = options.tensor_parallel.value_or(rules.tensor_parallel);
  if (options.n_kv_heads || options.gqa_ratio) {
    rules.n_kv_heads = options.n_kv_heads;
    rules.gqa_ratio = options.gqa_ratio;
  }
  if (options.d_head) rules.d_head = options.d_head;
  if (options.multiple_of) rules.multiple_of = options.multiple_of;
  if (options.pad_vocab_to) rules.pad_vocab_to = options.pad_vocab_to;
  rules.tied_embeddings = rules.tied_embeddings || options.tied;
  return rules;
}

}  // namespace isoflop::cli
