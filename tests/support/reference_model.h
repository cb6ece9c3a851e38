// SPDX-License-Identifier: Apache-2.0
// The decoder of lib/train once more: in double, row by row, forward only, as plain as it can be
// written. Its finite differences are what the gradients are held against.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "isoflop/model_shape.h"

namespace isoflop::test {

using Vector = std::vector<double>;

/// Weights by name, row-major.
using ReferenceWeights = std::map<std::string, Vector>;

class ReferenceModel {
 public:
  explicit ReferenceModel(const ModelShape& shape) : shape_(shape) {}

  /// -log p(target) of every position of one sequence.
  Vector losses(const ReferenceWeights& w, std::span<const std::int32_t> tokens,
                std::span<const std::int32_t> targets) const {
    std::vector<Vector> x;
    const Vector& embedding = w.at("model.embed_tokens.weight");
    const auto d = shape_.d_model;
    for (const std::int32_t token : tokens) {
      x.emplace_back(embedding.begin() + token * d, embedding.begin() + (token + 1) * d);
    }
    for (std::int64_t i = 0; i < shape_.n_layers; ++i) {
      const std::string block = "model.layers." + std::to_string(i) + ".";
      add_attention(w, block, x);
      add_ffn(w, block, x);
    }
    const Vector& head = shape_.tied_embeddings ? embedding : w.at("lm_head.weight");
    Vector result;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Vector logits = product(head, norm(x[t], w.at("model.norm.weight")));
      double sum = 0;
      for (const double logit : logits) sum += std::exp(logit);
      result.push_back(std::log(sum) - logits[static_cast<std::size_t>(targets[t])]);
    }
    return result;
  }

 private:
  // W x, W [out, in].
  static Vector product(const Vector& w, const Vector& x) {
    Vector y(w.size() / x.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) y[i] += w[i * x.size() + j] * x[j];
    }
    return y;
  }

  static Vector norm(const Vector& x, const Vector& gain) {
    double sum = 0;
    for (const double v : x) sum += v * v;
    const double rms = std::sqrt(sum / static_cast<double>(x.size()) + 1e-5);
    Vector y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] / rms * gain[i];
    return y;
  }

  void rotate(double* head, std::size_t position) const {
    const std::int64_t half = shape_.d_head / 2;
    for (std::int64_t i = 0; i < half; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(shape_.d_head);
      const double angle = static_cast<double>(position) * std::pow(10000.0, exponent);
      const double a = head[i], b = head[i + half];
      head[i] = a * std::cos(angle) - b * std::sin(angle);
      head[i + half] = b * std::cos(angle) + a * std::sin(angle);
    }
  }

  void add_attention(const ReferenceWeights& w, const std::string& block,
                     std::vector<Vector>& x) const {
    std::vector<Vector> qkv;
    for (std::size_t t = 0; t < x.size(); ++t) {
      qkv.push_back(product(w.at(block + "self_attn.qkv_proj.weight"),
                            norm(x[t], w.at(block + "input_layernorm.weight"))));
      for (std::int64_t h = 0; h < shape_.n_heads + shape_.n_kv_heads; ++h) {
        rotate(qkv[t].data() + h * shape_.d_head, t);
      }
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
      Vector heads;
      for (std::int64_t h = 0; h < shape_.n_heads; ++h) {
        const Vector head = attend(qkv, t, h);
        heads.insert(heads.end(), head.begin(), head.end());
      }
      const Vector out = product(w.at(block + "self_attn.o_proj.weight"), heads);
      for (std::size_t i = 0; i < out.size(); ++i) x[t][i] += out[i];
    }
  }

  Vector attend(const std::vector<Vector>& qkv, std::size_t t, std::int64_t h) const {
    const std::int64_t size = shape_.d_head;
    const std::int64_t kv = h / (shape_.n_heads / shape_.n_kv_heads);
    const std::int64_t k = (shape_.n_heads + kv) * size, v = k + shape_.n_kv_heads * size;
    Vector out(static_cast<std::size_t>(size));
    double sum = 0;
    for (std::size_t s = 0; s <= t; ++s) {
      double score = 0;
      for (std::int64_t i = 0; i < size; ++i) {
        score += qkv[t][static_cast<std::size_t>(h * size + i)] *
                 qkv[s][static_cast<std::size_t>(k + i)];
      }
      const double weight = std::exp(score / std::sqrt(static_cast<double>(size)));
      sum += weight;
      for (std::int64_t i = 0; i < size; ++i) {
        out[static_cast<std::size_t>(i)] += weight * qkv[s][static_cast<std::size_t>(v + i)];
      }
    }
    for (double& value : out) value /= sum;
    return out;
  }

  void add_ffn(const ReferenceWeights& w, const std::string& block, std::vector<Vector>& x) const {
    const auto f = static_cast<std::size_t>(shape_.d_ff);
    const bool gated = shape_.ffn == FfnKind::swiglu;
    const std::string in = block + (gated ? "mlp.gate_up_proj.weight" : "mlp.up_proj.weight");
    for (Vector& row : x) {
      const Vector hidden =
          product(w.at(in), norm(row, w.at(block + "post_attention_layernorm.weight")));
      Vector act(f);
      for (std::size_t i = 0; i < f; ++i) {
        act[i] = gated ? hidden[i] / (1 + std::exp(-hidden[i])) * hidden[f + i] : gelu(hidden[i]);
      }
      const Vector out = product(w.at(block + "mlp.down_proj.weight"), act);
      for (std::size_t i = 0; i < out.size(); ++i) row[i] += out[i];
    }
  }

  // The tanh form.
  static double gelu(double x) {
    const double pi = std::acos(-1.0);
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
  }

  ModelShape shape_;
};

}  // namespace isoflop::test
