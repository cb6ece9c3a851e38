// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "train/contract/backend.h"
#include "train/device/device_table.h"

namespace isoflop::test {

struct AdamWSettings {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  float bias_correction1, bias_correction2;  // 1 - beta^t
  float grad_scale;
};

/// One step of tensors of one size that are treated alike; `rounded` is null, or bf16.
inline void adamw_step(Backend& backend, Tensor w, Tensor grad, Tensor m, Tensor v,
                       const AdamWSettings& s, Tensor rounded = {}) {
  const DeviceTable<AdamWPart> parts(
      backend, std::array{AdamWPart{w.f32(), grad.f32(), m.f32(), v.f32(), rounded.data, w.size(),
                                    1.0, s.epsilon, s.weight_decay}});
  const DeviceTable<AdamWStep> step(
      backend, std::array{AdamWStep{static_cast<double>(s.learning_rate), s.bias_correction1,
                                    s.bias_correction2}});
  const DeviceTable<float> scale(backend, std::array{s.grad_scale});
  backend.adamw(parts.view(), s.beta1, s.beta2, step.view().data(), scale.view().data());
  backend.synchronize();
}

}  // namespace isoflop::test
