// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "isoflop/run_spec.h"

namespace isoflop {

/// What a tensor does, as far as its scale is concerned. hidden_in: W_qkv, W_gate_up. hidden_out:
/// W_o, W_down, the ends of residual branches.
enum class TensorRole { embedding, hidden_in, hidden_out, head, norm };

/// The role of a parameter by its name in ParameterLayout.
[[nodiscard]] TensorRole tensor_role(std::string_view parameter_name);

/// A tensor's own settings.
struct TensorScales {
  double init_std;       // of its initial values; 0 for norms, whose gains start at 1
  double learning_rate;  // factors on the spec's values; weight_decay 0 for norms
  double epsilon;
  double weight_decay;
  bool operator==(const TensorScales&) const = default;
};

/// With m = d_model / base_d_model, l = n_layers / base_n_layers and s = init_std:
///
///                          init_std          learning_rate  epsilon    weight_decay
///   mup         embedding  s                 1              1/m        1
///               hidden     s / sqrt(m)       1/m            1/m        m
///               head       s / m             1/m            1          m
///               norm       0                 1              1/m        0
///   complete_p  embedding  s                 1              1/m        1
///               hidden_in  s / sqrt(m)       1/m            1/(m l)    m
///               hidden_out s / (sqrt(m) l)   1/(m l)        1/m        m l
///               head       s / m             1/m            1          m
///               norm       0                 1              1/(m l)    0
///
/// standard: s, 1, 1, 1 (norm 0, 1, 1, 0), in any shape.
///
/// This is table 1 of arXiv:2505.01618 (its column muP for mup; alpha = 1 for complete_p) without
/// its forward multipliers, the 1/m on the logits and the 1/l on residual branches. AdamW cannot
/// tell y = theta W x from y = V x with V = theta W (arXiv:2203.03466, app. J): the gradient of
/// W is theta times that of V, so m and sqrt(v) of W are theta times V's, and theta times
///   W <- W - lr (m / (sqrt(v) + eps) + decay W)      reads
///   V <- V - theta lr (m' / (sqrt(v') + eps / theta) + decay / theta V),
/// started from theta times the initial values. So a multiplier theta makes (init_std,
/// learning_rate, epsilon, weight_decay) times (theta, theta, 1/theta, 1/theta), and the forward
/// pass stays the same for all parametrisations. The table is silent on epsilon outside the blocks:
/// gradients of embedding and head shrink with the multiplier on the logits, by 1/m, and their
/// epsilon with them. The final norm is treated as those in the blocks.
///
/// Two things differ from a model with multipliers. The global norm that clipping looks at is that
/// of V's gradients. And attention is divided by sqrt(d_head) where muP divides by d_head: that
/// matters where d_head grows with the width; our ladders hold it near 32, 64 or 128 while the
/// width grows a thousandfold, so keep n_heads proportional to d_model within one family.
[[nodiscard]] TensorScales tensor_scales(const RunSpec& spec, TensorRole role);

}  // namespace isoflop
