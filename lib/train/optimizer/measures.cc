// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer/measures.h"

#include <algorithm>

#include "isoflop/error.h"

namespace isoflop {

Measures::Measures(Backend& backend, Mesh& mesh) : backend_(backend), tensor_(*mesh.tensor) {
  const std::int64_t n_ranks = tensor_.size();
  memory_ = backend.allocate((n_ranks + 1) * kMeasures * size_of(DType::f64));
  terms_ = {memory_->data(), DType::f64, n_ranks, kMeasures};
  for (std::int64_t i = 0; i < n_ranks; ++i) by_rank_.push_back(terms_.slice(i, 1));
  for (int i = 0; i <= backend.steps_ahead(); ++i) {
    on_their_way_.push_back(backend.make_staging(kMeasures * size_of(DType::f64)));
  }
}

Tensor Measures::term(Measure measure) const {
  const Tensor mine = terms_.slice(tensor_.rank(), 1);
  return {mine.f64() + static_cast<std::int64_t>(measure), DType::f64, 1, 1};
}

void Measures::add_up() {
  const Range mine{tensor_.rank(), tensor_.rank() + 1};
  tensor_.all_gather(backend_, terms_, {&mine, 1});
  backend_.sum(by_rank_, sums());
}

Tensor Measures::sums() const { return {terms_.f64() + terms_.size(), DType::f64, 1, kMeasures}; }

void Measures::send_to_host() {
  ISOFLOP_CHECK(n_sent_ - n_received_ < on_their_way_.size(), "more steps than the host may lag");
  on_their_way_[n_sent_++ % on_their_way_.size()]->fetch(sums().data);
}

std::array<double, kMeasures> Measures::receive() {
  ISOFLOP_CHECK(n_received_ < n_sent_, "nothing was sent");
  Staging& oldest = *on_their_way_[n_received_++ % on_their_way_.size()];
  std::array<double, kMeasures> values;
  std::copy_n(static_cast<const double*>(oldest.wait()), kMeasures, values.begin());
  return values;
}

}  // namespace isoflop
