// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/spec_identity.h"

#include <concepts>
#include <string_view>
#include <type_traits>

#include "base/hash.h"
#include "base/text.h"

namespace isoflop {
namespace {

/// Words, each ended by a newline. A string is preceded by its length, so that none can pose as
/// two.
class Words {
 public:
  template <class... Values>
  void add(const Values&... values) {
    (add_one(values), ...);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  template <std::integral T>
  void add_one(T value) {
    text_ += std::to_string(value) + "\n";
  }
  template <class T>
  requires std::is_enum_v<T>
  void add_one(T value) { add_one(static_cast<int>(value)); }
  void add_one(double value) { text_ += exact_text(value) + "\n"; }
  void add_one(const std::string& value) {
    add_one(value.size());
    text_ += value + "\n";
  }

  std::string text_;
};

// A field that is added to one of these structs does not compile here until it is listed.
void add(Words& words, const ModelShape& shape) {
  const auto& [n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff, vocab_size, seq_len, ffn,
               tied] = shape;
  words.add(n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff, vocab_size, seq_len, ffn, tied);
}

void add(Words& words, const LrSchedule& schedule) {
  const auto& [kind, milestones, decay_fraction, decay_shape, final_lr_fraction] = schedule;
  words.add(kind, decay_fraction, decay_shape, final_lr_fraction, milestones.size());
  for (const auto& [token_fraction, lr_fraction] : milestones) {
    words.add(token_fraction, lr_fraction);
  }
}

void add(Words& words, const RunSpec& spec) {
  const auto& [shape, dataset, dataset_hash, batch_tokens, n_steps, warmup_steps, peak_lr, schedule,
               weight_decay, adam_beta1, adam_beta2, adam_epsilon, grad_clip, init_std,
               parametrisation, base_d_model, base_n_layers, precision, micro_batch_seqs,
               data_parallel, seed, validation_tokens] = spec;
  add(words, shape);
  add(words, schedule);
  words.add(dataset, dataset_hash, batch_tokens, n_steps, warmup_steps, peak_lr, weight_decay,
            adam_beta1, adam_beta2, adam_epsilon, grad_clip, init_std, parametrisation,
            base_d_model, base_n_layers, precision, micro_batch_seqs, data_parallel, seed,
            validation_tokens);
}

}  // namespace

std::string spec_identity(const RunSpec& spec, const std::string& device) {
  Words words;
  add(words, spec);
  words.add(device);
  return hash_hex(words.text());
}

std::string trunk_identity(const RunSpec& spec, const std::string& device) {
  return spec_identity(trunk_of(spec), device);
}

}  // namespace isoflop
