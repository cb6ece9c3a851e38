// SPDX-License-Identifier: Apache-2.0
// One table of cases for the operations of train/contract/backend.h, for any backend, with weights
// and activations in f32 or in bf16. References start from values that the type holds exactly, and
// take as input what the operation takes: a rounding in between is part of both.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "support/op_reference.h"
#include "support/op_run.h"
#include "train/contract/backend.h"

namespace isoflop::test {

/// Random numbers that floats hold exactly.
inline Matrix random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                            double scale = 1) {
  Matrix m(rows, cols);
  const Rng rng(seed);
  for (std::size_t i = 0; i < m.values.size(); ++i) m.values[i] = scale * rng.normal(i);
  return stored_as(DType::f32, m);
}
inline Ids random_ids(std::int64_t n, std::int64_t below, std::uint64_t seed) {
  Ids ids;
  for (std::int64_t i = 0; i < n; ++i)
    ids.push_back(static_cast<std::int32_t>(
        Rng(seed).below(static_cast<std::uint64_t>(below), static_cast<std::uint64_t>(i))));
  return ids;
}

/// "name 3 4 5".
template <class... Sizes>
std::string case_name(const std::string& name, Sizes... sizes) {
  std::ostringstream text;
  text << name;
  ((text << ' ' << sizes), ...);
  return text.str();
}

inline Matrix column(const reference::Doubles& values) {
  Matrix m(static_cast<std::int64_t>(values.size()), 1);
  m.values = values;
  return m;
}

struct OpCase {
  std::string name;
  DType storage;
  std::function<void(OpRun&)> body;
  /// Whether any output depends on element `at` of an input.
  std::function<bool(const std::string& input, std::int64_t at)> matters;

  [[nodiscard]] std::vector<OpOutput> run(Backend& backend, const Plant* plant = nullptr) const {
    OpRun run(backend, storage, plant);
    body(run);
    return run.outputs();
  }
  [[nodiscard]] std::vector<OpRun::Input> inputs(Backend& backend) const {
    OpRun run(backend, storage);
    body(run);
    return run.inputs();
  }
};

struct OpTable {
  DType storage;
  std::vector<OpCase> cases;

  [[nodiscard]] Matrix stored(Matrix m) const { return stored_as(storage, std::move(m)); }
  [[nodiscard]] Matrix random(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                              double scale = 1) const {
    return stored(random_matrix(rows, cols, seed, scale));
  }
  void add(
      const std::string& name, std::function<void(OpRun&)> body,
      decltype(OpCase::matters) matters = [](const auto&, auto) { return true; }) {
    cases.push_back({name, storage, std::move(body), std::move(matters)});
  }
};

inline void add_linear_cases(OpTable& table) {
  struct Size {
    std::int64_t rows, in, out;
  };
  // Every remainder of the register tiles (rows by 8, 4, 1; columns by 48, 32, 16, 8, 4, 1),
  // more than one panel depth (160) and more than one block of rows (512), on all three sides.
  for (const auto [r, in, out] :
       {Size{0, 5, 3}, Size{4, 0, 6}, Size{5, 8, 0}, Size{1, 1, 1}, Size{1, 24, 7}, Size{7, 3, 5},
        Size{13, 17, 19}, Size{20, 16, 24}, Size{128, 24, 72}, Size{33, 48, 100},
        Size{29, 131, 257}, Size{5, 300, 9}, Size{257, 9, 66}, Size{12, 64, 300}, Size{40, 96, 48},
        Size{525, 3, 20}, Size{6, 11, 530}}) {
    const Matrix x = table.random(r, in, 1), w = table.random(out, in, 2);
    const Matrix dy = table.random(r, out, 3), dw = random_matrix(out, in, 5);
    const Matrix y = times_transposed(x, w), dx = times(dy, w);
    const Matrix dw_sum = plus(dw, times(transposed(dy), x));
    table.add(case_name("linear_forward", r, in, out), [=](OpRun& run) {
      run.backend.linear_forward(run.input("x", x), run.input("w", w), run.output("y", y));
    });
    table.add(case_name("linear_backward_input", r, in, out), [=](OpRun& run) {
      run.backend.linear_backward_input(run.input("dy", dy), run.input("w", w),
                                        run.output("dx", dx));
    });
    table.add(case_name("linear_backward_weight", r, in, out), [=](OpRun& run) {
      run.backend.linear_backward_weight(run.input("dy", dy), run.input("x", x),
                                         run.in_out("dw", dw, dw_sum, DType::f32));
    });
  }
}

inline void add_embedding_cases(OpTable& table) {
  // A table of `held` rows from `first` on, of tokens below `vocab`.
  for (const auto& [r, vocab, first, held, d] :
       {std::array{0, 3, 0, 3, 4}, std::array{1, 1, 0, 1, 1}, std::array{50, 7, 0, 7, 13},
        std::array{33, 300, 0, 300, 48}, std::array{50, 13, 4, 5, 24}, std::array{20, 9, 7, 2, 5},
        std::array{9, 5, 5, 0, 8}, std::array{9, 5, 3, 7, 8}}) {
    const Matrix w = table.random(held, d, 1), dx = table.random(r, d, 2);
    const Ids ids = random_ids(r, vocab, 3);
    const Matrix dw = random_matrix(held, d, 4);
    const std::int64_t first_token = first, cols = d;
    const auto want = reference::embedding(ids, w, dx, first, dw);
    table.add(
        case_name("embedding_forward", r, vocab, first, held, d),
        [=](OpRun& run) {
          run.backend.embedding_forward(run.ids(ids), run.input("w", w), first_token,
                                        run.output("x", want.x));
        },
        // Rows whose token does not occur are not read.
        [=](const std::string&, std::int64_t at) {
          return std::count(ids.begin(), ids.end(), first_token + at / cols) > 0;
        });
    table.add(
        case_name("embedding_backward", r, vocab, first, held, d),
        [=](OpRun& run) {
          run.backend.embedding_backward(run.ids(ids), run.input("dx", dx), first_token,
                                         run.in_out("dw", dw, want.dw, DType::f32));
        },
        // Gradients of tokens that another rank holds are that rank's.
        [=](const std::string& input, std::int64_t at) {
          if (input == "dw") return true;
          const std::int64_t row = ids[static_cast<std::size_t>(at / cols)] - first_token;
          return row >= 0 && row < dw.rows;
        });
  }
}

inline void add_rmsnorm_cases(OpTable& table) {
  constexpr float kEpsilon = 1e-5f;
  for (const auto& [rows, d] : {std::array{0, 8}, std::array{1, 1}, std::array{3, 5},
                                std::array{17, 24}, std::array{9, 64}, std::array{4, 131}}) {
    const Matrix x = table.random(rows, d, 1, 3), delta = table.random(rows, d, 2);
    const Matrix gain = table.random(1, d, 3), dy = table.random(rows, d, 4);
    const Matrix dx = table.random(rows, d, 5), dgain = random_matrix(1, d, 6);
    const Matrix sum = table.stored(plus(x, delta));  // stored, then normed
    const auto plain = reference::rmsnorm(x, gain, kEpsilon);
    const auto added = reference::rmsnorm(sum, gain, kEpsilon);
    table.add(case_name("rmsnorm_forward", rows, d), [=](OpRun& run) {
      run.backend.rmsnorm_forward(run.input("residual", x), Tensor{}, run.input("gain", gain),
                                  kEpsilon, run.output("y", plain.y),
                                  run.output("inverse_rms", plain.inverse_rms, DType::f32));
    });
    table.add(case_name("rmsnorm_forward, residual += delta", rows, d), [=](OpRun& run) {
      run.backend.rmsnorm_forward(run.in_out("residual", x, sum), run.input("delta", delta),
                                  run.input("gain", gain), kEpsilon, run.output("y", added.y),
                                  run.output("inverse_rms", added.inverse_rms, DType::f32));
    });
    const Matrix inverse_rms = stored_as(DType::f32, plain.inverse_rms);
    const auto gradient = reference::rmsnorm_backward(dy, x, gain, inverse_rms);
    table.add(
        case_name("rmsnorm_backward", rows, d),
        [=](OpRun& run) {
          run.backend.rmsnorm_backward(
              run.input("dy", dy), run.input("residual", x), run.input("gain", gain),
              run.input("inverse_rms", inverse_rms, DType::f32),
              run.in_out("dresidual", dx, plus(dx, gradient.dx)),
              run.in_out("dgain", dgain, plus(dgain, gradient.dgain), DType::f32));
        },
        // Without rows the gain takes no part.
        [=](const std::string& input, std::int64_t) { return x.rows > 0 || input != "gain"; });
  }
}

/// Attention problems: one row, sequences that end inside every tile, grouped queries, head sizes
/// off the vector width.
inline const std::vector<AttentionDims>& attention_dims() {
  static const std::vector<AttentionDims> dims{
      {0, 16, 2, 1, 8},  {1, 1, 1, 1, 8},    {1, 7, 2, 1, 16},    {2, 33, 4, 2, 24},
      {3, 64, 6, 2, 32}, {1, 130, 2, 2, 64}, {1, 100, 1, 1, 128}, {2, 19, 3, 1, 10},
      {1, 70, 1, 1, 2},  {1, 257, 2, 1, 48}, {2, 128, 1, 1, 20},  {1, 45, 2, 2, 40}};
  return dims;
}

inline void add_attention_cases(OpTable& table) {
  constexpr float kTheta = 10000.0f;
  for (const AttentionDims& d : attention_dims()) {
    const Matrix qkv = table.random(d.rows(), d.qkv_cols(), 1);
    const Matrix dout = table.random(d.rows(), d.n_heads * d.d_head, 2);
    const auto name = [&](const char* op) {
      return case_name(op, d.n_seqs, d.seq_len, d.n_heads, d.n_kv_heads, d.d_head);
    };
    for (const bool inverse : {false, true}) {
      const Matrix rotated = reference::rope(qkv, d, kTheta, inverse);
      table.add(name(inverse ? "rope, inverse," : "rope"), [=](OpRun& run) {
        run.backend.rope(run.in_out("qkv", qkv, rotated), d, kTheta, inverse);
      });
    }
    const auto want = reference::attention(qkv, d);
    table.add(name("attention_forward"), [=](OpRun& run) {
      run.backend.attention_forward(run.input("qkv", qkv), d, run.output("out", want.out),
                                    run.output("log_sum_exp", want.log_sum_exp, DType::f32));
    });
    const Matrix out = table.stored(want.out);
    const Matrix log_sum_exp = stored_as(DType::f32, want.log_sum_exp);
    const Matrix dqkv = reference::attention_backward(qkv, d, out, log_sum_exp, dout);
    table.add(name("attention_backward"), [=](OpRun& run) {
      run.backend.attention_backward(run.input("qkv", qkv), d, run.input("out", out),
                                     run.input("log_sum_exp", log_sum_exp, DType::f32),
                                     run.input("dout", dout), run.output("dqkv", dqkv));
    });
  }
}

inline void add_activation_cases(OpTable& table) {
  for (const auto& [r, f] : {std::array{0, 8}, std::array{1, 1}, std::array{3, 7},
                             std::array{5, 24}, std::array{2, 64}, std::array{4, 45}}) {
    const Matrix gate_up = table.random(r, 2 * f, 1, 4), dact = table.random(r, f, 2);
    const Matrix x = table.random(r, f, 3, 3);
    const Matrix swiglu = reference::swiglu(gate_up), gelu = reference::gelu(x);
    const Matrix dgate_up = reference::swiglu_backward(dact, gate_up);
    const Matrix dx = reference::gelu_backward(dact, x);
    table.add(case_name("swiglu_forward", r, f), [=](OpRun& run) {
      run.backend.swiglu_forward(run.input("gate_up", gate_up), run.output("act", swiglu));
    });
    table.add(case_name("swiglu_backward", r, f), [=](OpRun& run) {
      run.backend.swiglu_backward(run.input("dact", dact),
                                  run.in_out("gate_up", gate_up, dgate_up));
    });
    table.add(case_name("gelu_forward", r, f), [=](OpRun& run) {
      run.backend.gelu_forward(run.input("x", x), run.output("act", gelu));
    });
    table.add(case_name("gelu_backward", r, f), [=](OpRun& run) {
      run.backend.gelu_backward(run.input("dact", dact), run.in_out("x", x, dx));
    });
  }
}

inline void add_cross_entropy_cases(OpTable& table) {
  for (const auto& [r, vocab, spread] :
       {std::array{0, 8, 1}, std::array{1, 1, 1}, std::array{3, 5, 2}, std::array{9, 257, 3},
        std::array{4, 256, 40}, std::array{2, 1000, 1}, std::array{33, 31, 1}}) {
    const Matrix logits = table.random(r, vocab, 1, spread);
    const Ids targets = random_ids(r, vocab, 2);
    constexpr float kScale = 0.125f;
    const auto want = reference::cross_entropy(logits, targets, kScale);
    table.add(case_name("cross_entropy", r, vocab, spread), [=](OpRun& run) {
      run.backend.cross_entropy(run.in_out("logits", logits, want.dlogits), run.ids(targets),
                                kScale, run.output("losses", want.losses, DType::f32));
    });
    table.add(case_name("cross_entropy, scale 0,", r, vocab, spread), [=](OpRun& run) {
      run.backend.cross_entropy(run.input("logits", logits), run.ids(targets), 0,
                                run.output("losses", want.losses, DType::f32));
    });
  }
}

/// A vocabulary over ranks: losses and gradients are those of the whole.
inline void add_vocabulary_cases(OpTable& table) {
  struct Split {
    std::int64_t rows;
    int spread;
    std::vector<std::int64_t> shards;  // tokens of each rank
  };
  for (const Split& split :
       {Split{0, 1, {4, 4}}, Split{3, 2, {5}}, Split{9, 3, {200, 57}}, Split{7, 3, {17, 1, 46}},
        Split{12, 5, {3, 0, 30, 8}}, Split{5, 40, {100, 156}}, Split{33, 1, {0, 31}},
        Split{2, 1, {300, 300, 301, 99}}}) {
    constexpr float kScale = 0.125f;
    const auto ranges = reference::consecutive(split.shards);
    const std::int64_t rows = split.rows, vocab = ranges.back().end;
    const Matrix logits = table.random(rows, vocab, 1, split.spread);
    const Ids targets = random_ids(rows, vocab, 2);
    const auto want = reference::cross_entropy(logits, targets, kScale);
    const Matrix statistics = reference::vocabulary_statistics(logits, targets, ranges);
    const Matrix given = stored_as(DType::f32, statistics);
    std::string sizes = case_name("", rows, split.spread, "over");
    for (const std::int64_t n : split.shards) sizes = case_name(sizes, n);

    table.add("vocabulary_statistics" + sizes, [=](OpRun& run) {
      const Tensor all = run.output("statistics", statistics, DType::f32), ids = run.ids(targets);
      for (std::size_t i = 0; i < ranges.size(); ++i)
        run.backend.vocabulary_statistics(
            run.input(case_name("logits", i), reference::columns(logits, ranges[i])), ids,
            ranges[i].begin, all.slice(static_cast<std::int64_t>(i) * rows, rows));
    });
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const Matrix shard = reference::columns(logits, ranges[i]);
      const Matrix dshard = reference::columns(want.dlogits, ranges[i]);
      // A shard without tokens says so by a sum of 0; its largest logit is -inf and not read.
      const auto is_read = [=](const std::string& input, std::int64_t at) {
        return input != "statistics" || at % 3 != 0 ||
               given.values[static_cast<std::size_t>(at) + 1] != 0;
      };
      table.add(
          case_name("vocabulary_cross_entropy" + sizes, "rank", i),
          [=](OpRun& run) {
            run.backend.vocabulary_cross_entropy(run.in_out("logits", shard, dshard),
                                                 run.ids(targets), ranges[i].begin,
                                                 run.input("statistics", given, DType::f32), kScale,
                                                 run.output("losses", want.losses, DType::f32));
          },
          is_read);
      table.add(
          case_name("vocabulary_cross_entropy, scale 0," + sizes, "rank", i),
          [=](OpRun& run) {
            run.backend.vocabulary_cross_entropy(run.input("logits", shard), run.ids(targets),
                                                 ranges[i].begin,
                                                 run.input("statistics", given, DType::f32), 0,
                                                 run.output("losses", want.losses, DType::f32));
          },
          // The loss alone comes from the statistics, which have seen the logits.
          [=](const std::string& input, std::int64_t at) {
            return input != "logits" && is_read(input, at);
          });
    }
  }
}

inline void add_sum_cases(OpTable& table) {
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 1027})
    for (const std::int64_t n_inputs : {1, 2, 3, 5})
      // The output is one of the inputs, or none of them where that is n_inputs.
      for (const std::int64_t target : {std::int64_t{0}, n_inputs - 1, n_inputs}) {
        std::vector<Matrix> inputs;
        Matrix want(1, n);
        for (std::int64_t k = 0; k < n_inputs; ++k) {
          inputs.push_back(table.random(1, n, 10 + static_cast<std::uint64_t>(k)));
          want = plus(want, inputs.back());
        }
        table.add(case_name("sum", n, n_inputs, target), [=](OpRun& run) {
          std::vector<Tensor> x;
          for (std::int64_t k = 0; k < n_inputs; ++k) {
            const Matrix& input = inputs[static_cast<std::size_t>(k)];
            x.push_back(k == target ? run.in_out(case_name("x and y", k), input, want)
                                    : run.input(case_name("x", k), input));
          }
          run.backend.sum(
              x, target == n_inputs ? run.output("y", want) : x[static_cast<std::size_t>(target)]);
        });
      }
}

inline void add_conversion_cases(OpTable& table) {
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 1027}) {
    const Matrix x = table.random(1, n, 1), y = random_matrix(1, n, 2);
    table.add(case_name("cast to f32", n), [=](OpRun& run) {
      run.backend.cast(run.input("x", x), run.output("y", x, DType::f32));
    });
    table.add(case_name("cast from f32", n), [=](OpRun& run) {
      run.backend.cast(run.input("x", y, DType::f32), run.output("y", y));
    });
  }
}

inline void add_optimizer_cases(OpTable& table) {
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 2300}) {
    const Matrix w = random_matrix(1, n, 1), m = random_matrix(1, n, 2);
    Matrix variance = random_matrix(1, n, 3);
    for (double& v : variance.values) v *= v;
    const Matrix v = stored_as(DType::f32, variance), grad = random_matrix(1, n, 4);
    const AdamWSettings settings{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.271f, 0.1426f, 0.25f};
    const auto want = reference::adamw({w, m, v}, grad, settings);
    const bool rounds = table.storage == DType::bf16;
    table.add(case_name("adamw", n), [=](OpRun& run) {
      adamw_step(run.backend, run.in_out("w", w, want.w, DType::f32),
                 run.input("grad", grad, DType::f32), run.in_out("m", m, want.m, DType::f32),
                 run.in_out("v", v, want.v, DType::f32), settings,
                 rounds ? run.output("rounded", want.w) : Tensor{});
    });
  }
}

inline void add_measure_cases(OpTable& table) {
  constexpr DType kMeasure = DType::f64;
  for (const std::int64_t n : {0, 1, 3, 16, 45, 200, 2300, 40000}) {
    const std::vector<Range> parts{{0, n}, {n / 3, n - n / 4}, {0, n / 2}};
    const Matrix x = table.random(1, n, 5);
    const Matrix want = column(reference::squared_norms(x, parts));
    table.add(case_name("squared_norms", n), [=](OpRun& run) {
      run.backend.squared_norms(run.input("x", x), run.table(parts),
                                run.output("sums", want, kMeasure));
    });
    const Matrix a = random_matrix(n, 1, 6), b = random_matrix(n, 1, 7);
    const Matrix product = times_transposed(transposed(a), transposed(b));
    table.add(case_name("dot", n), [=](OpRun& run) {
      run.backend.dot(run.input("a", a, kMeasure), run.input("b", b, kMeasure),
                      run.output("result", product, kMeasure));
    });
  }
  for (const auto& [r, c] : {std::array{0, 5}, std::array{1, 1}, std::array{3, 70},
                             std::array{40, 7}, std::array{5, 3000}}) {
    const Matrix x = random_matrix(r, c, 8);
    const Matrix sums = times_transposed(x, Matrix(1, c, 1.0));
    table.add(case_name("row_sums", r, c), [=](OpRun& run) {
      run.backend.row_sums(run.input("x", x, DType::f32), run.output("sums", sums, kMeasure));
    });
  }
  for (const double square : {0.0, 1e-30, 0.25, 9.0, 1e40, 1e60}) {
    const Matrix measures = column({square, 1.0, -3.0});
    const Matrix before = column({1.0}), want = column({std::min(1.0, 0.7 / std::sqrt(square))});
    table.add(
        case_name("clip_scale", square),
        [=](OpRun& run) {
          run.backend.clip_scale(run.input("measures", measures, kMeasure), 0.7,
                                 run.in_out("scale", before, want, DType::f32));
        },
        [](const std::string&, std::int64_t) { return false; });  // it says so by -1
  }
}

/// The table with weights and activations of the type `storage`.
inline const std::vector<OpCase>& op_cases(DType storage) {
  const auto make = [](DType dtype) {
    OpTable table{dtype, {}};
    add_linear_cases(table);
    add_embedding_cases(table);
    add_rmsnorm_cases(table);
    add_attention_cases(table);
    add_activation_cases(table);
    add_cross_entropy_cases(table);
    add_vocabulary_cases(table);
    add_sum_cases(table);
    add_conversion_cases(table);
    add_optimizer_cases(table);
    add_measure_cases(table);
    return table.cases;
  };
  static const std::vector<OpCase> f32 = make(DType::f32), bf16 = make(DType::bf16);
  return storage == DType::bf16 ? bf16 : f32;
}

}  // namespace isoflop::test
