// SPDX-License-Identifier: Apache-2.0
// Causal attention in strips: kTileRows queries against all the keys they see. A strip of scores
// lives in L1, keys and values of one head in L2; nothing of size [T, T] exists. The backward pass
// recomputes the probabilities from log_sum_exp (FlashAttention, arXiv:2205.14135).
#include "train/cpu/product.h"
#include "train/cpu/table.h"

namespace isoflop::ISOFLOP_CPU_ISA {
namespace {

/// Queries whose probabilities are kept for the gradients of keys and values: the depth of those
/// products.
constexpr Index kBlock = 64;
static_assert(kBlock % kTileRows == 0);

constexpr Index round_up(Index n, Index unit) { return (n + unit - 1) / unit * unit; }

/// One vector past the end can be read and written; an odd number of cache lines, so that rows do
/// not fall into the same sets.
Index strip_stride(Index seq_len) { return round_up(seq_len + kLanes, 32) + 16; }
/// Narrow vectors at the end of a row stay within it.
Index head_stride(Index d_head) { return round_up(d_head, 8); }

struct Scratch {
  float* next;
  float* take(Index n) {
    float* here = next;
    next += round_up(n, 16);
    return here;
  }
};

void copy_rows(const float* source, Index source_stride, Index n_rows, Index n_cols, float* target,
               Index target_stride) {
  for (Index r = 0; r < n_rows; ++r)
    sweep(n_cols, [&](auto w, Index i) {
      constexpr int N = decltype(w)::kWidth;
      store<N>(target + r * target_stride + i, load<N>(source + r * source_stride + i));
    });
}

/// body(vector, position) over the first `n` scores of a row and, masked by `inside`, the zero or
/// more of the vector after them.
template <class Body>
ISOFLOP_INLINE void over_visible(Index n, Body&& body) {
  Index j = 0;
  for (; j + kLanes <= n; j += kLanes) body(j, [](Vec<kLanes> v, float) { return v; });
  const IntVec<kLanes> inside = lane_numbers<kLanes>() < static_cast<std::int32_t>(n - j);
  body(j, [inside](Vec<kLanes> v, float outside) { return inside ? v : splat<kLanes>(outside); });
}

struct Softmax {
  float largest, sum;
};

/// Scores of `visible` keys become exp(scale (score - largest)), those behind them zero; returns
/// scale * largest and the sum, which is NaN where a score is NaN or infinite: one of -inf would
/// leave no other trace.
Softmax softmax_row(float* row, Index visible, float scale) {
  constexpr int N = kLanes;
  Vec<N> most = splat<N>(row[0]), sum = {};
  over_visible(visible, [&](Index j, auto mask) {
    const Vec<N> score = load<N>(row + j);
    most = larger<N>(most, mask(score, -__builtin_inff()));
    sum += mask(score * 0.0f, 0.0f);
  });
  const float largest = max_of<N>(most);
  const float to_log2 = scale * kLog2E, shift = largest * to_log2;
  over_visible(visible, [&](Index j, auto mask) {
    const Vec<N> p = mask(exp2_of<N>(load<N>(row + j) * to_log2 - shift), 0.0f);
    store<N>(row + j, p);
    sum += p;
  });
  return {largest * scale, sum_of<N>(sum)};
}

/// Scores become probabilities p, and `dp` becomes the gradient of the unscaled scores,
/// scale p (dp - delta); both zero behind the `visible` keys. NaN where log_sum_exp is not finite:
/// probabilities near 0 would hide it.
void softmax_row_backward(float* row, float* dp, Index visible, float scale, float log_sum_exp,
                          float delta) {
  constexpr int N = kLanes;
  const float to_log2 = scale * kLog2E, shift = log_sum_exp * kLog2E + (log_sum_exp - log_sum_exp);
  over_visible(visible, [&](Index j, auto mask) {
    const Vec<N> p = mask(exp2_of<N>(load<N>(row + j) * to_log2 - shift), 0.0f);
    const Vec<N> ds = mask((load<N>(dp + j) - delta) * (p * scale), 0.0f);
    store<N>(row + j, p);
    store<N>(dp + j, ds);
  });
}

float dot(const float* a, const float* b, Index n) {
  Sum sum;
  sweep(n, [&](auto w, Index i) {
    constexpr int N = decltype(w)::kWidth;
    sum.add<N>(load<N>(a + i) * load<N>(b + i));
  });
  return sum.total();
}

/// Where things lie in one sequence.
struct Layout {
  Index seq_len, d_head, group;  // group: query heads of one key/value head
  Index qkv_stride, out_stride, n_heads;
  Index strip, head;  // strides of the scratch
  float scale;

  explicit Layout(const AttentionArgs& a)
      : seq_len(a.seq_len),
        d_head(a.d_head),
        group(a.n_heads / a.n_kv_heads),
        qkv_stride((a.n_heads + 2 * a.n_kv_heads) * a.d_head),
        out_stride(a.n_heads * a.d_head),
        n_heads(a.n_heads),
        strip(strip_stride(a.seq_len)),
        head(head_stride(a.d_head)),
        scale(1.0f / __builtin_sqrtf(static_cast<float>(a.d_head))) {}
};

Index forward_head(const Layout& l, const float* q, const float* keys_t, const float* values,
                   float* strip, float* out, float* log_sum_exp) {
  Index pairs = 0;
  for (Index first = 0; first < l.seq_len; first += kTileRows) {
    const Index rows = l.seq_len - first < kTileRows ? l.seq_len - first : kTileRows;
    const Index seen = first + rows;
    const float* q_rows = q + first * l.qkv_stride;
    float* out_rows = out + first * l.out_stride;
    multiply_in_place<false>(
        {l.d_head, q_rows, l.qkv_stride, keys_t, l.strip, strip, l.strip, false}, rows, seen);
    float inverse[kTileRows];
    for (Index r = 0; r < rows; ++r) {
      const Index visible = first + r + 1;
      const Softmax softmax = softmax_row(strip + r * l.strip, visible, l.scale);
      inverse[r] = 1.0f / softmax.sum;
      log_sum_exp[(first + r) * l.n_heads] = softmax.largest + __builtin_logf(softmax.sum);
      pairs += visible;
    }
    multiply_in_place<false>({seen, strip, l.strip, values, l.head, out_rows, l.out_stride, false},
                             rows, l.d_head);
    for (Index r = 0; r < rows; ++r)
      sweep(l.d_head, [&](auto w, Index i) {
        constexpr int N = decltype(w)::kWidth;
        float* o = out_rows + r * l.out_stride + i;
        store<N>(o, load<N>(o) * inverse[r]);
      });
  }
  return pairs;
}

/// What the backward pass of one key/value head works on.
struct BackwardScratch {
  float *keys_t, *values_t, *keys;  // [S, T] twice, [T, S]
  float *dkeys, *dvalues;           // [T, S]
  float *q, *dout;                  // [kBlock, S]
  float *p, *ds;                    // [kBlock, T]

  BackwardScratch(const Layout& l, float* memory) {
    Scratch scratch{memory};
    keys_t = scratch.take(l.d_head * l.strip);
    values_t = scratch.take(l.d_head * l.strip);
    keys = scratch.take(l.seq_len * l.head);
    dkeys = scratch.take(l.seq_len * l.head);
    dvalues = scratch.take(l.seq_len * l.head);
    q = scratch.take(kBlock * l.head);
    dout = scratch.take(kBlock * l.head);
    p = scratch.take(kBlock * l.strip);
    ds = scratch.take(kBlock * l.strip);
  }
};

struct BackwardHead {
  const float *q, *out, *dout, *log_sum_exp;
  float* dq;
  bool first_of_group;
};

/// Probabilities, score gradients and query gradients of queries first ... first + n - 1.
Index backward_queries(const Layout& l, const BackwardHead& h, const BackwardScratch& s,
                       Index first, Index n) {
  Index pairs = 0;
  for (Index row = 0; row < n; row += kTileRows) {
    const Index rows = n - row < kTileRows ? n - row : kTileRows;
    const Index begin = first + row, seen = begin + rows;
    float* p = s.p + row * l.strip;
    float* ds = s.ds + row * l.strip;
    const float* dout = h.dout + begin * l.out_stride;
    multiply_in_place<false>(
        {l.d_head, h.q + begin * l.qkv_stride, l.qkv_stride, s.keys_t, l.strip, p, l.strip, false},
        rows, seen);
    multiply_in_place<false>(
        {l.d_head, dout, l.out_stride, s.values_t, l.strip, ds, l.strip, false}, rows, seen);
    for (Index r = 0; r < rows; ++r) {
      const Index visible = begin + r + 1;
      const float delta =
          dot(dout + r * l.out_stride, h.out + (begin + r) * l.out_stride, l.d_head);
      softmax_row_backward(p + r * l.strip, ds + r * l.strip, visible, l.scale,
                           h.log_sum_exp[(begin + r) * l.n_heads], delta);
      pairs += visible;
    }
    multiply_in_place<false>(
        {seen, ds, l.strip, s.keys, l.head, h.dq + begin * l.qkv_stride, l.qkv_stride, false}, rows,
        l.d_head);
  }
  return pairs;
}

/// target [T, S] += weights^T x for the queries first ... first + n - 1, weights [n, T], x [n, S].
/// Keys of the block itself are seen only from their own query on, and are met here first.
void add_to_keys(const Layout& l, const float* weights, const float* x, bool overwrite, Index first,
                 Index n, float* target) {
  multiply_in_place<true>({n, weights, l.strip, x, l.head, target, l.head, true}, first, l.d_head);
  for (Index row = 0; row < n; row += kTileRows) {
    const Index rows = n - row < kTileRows ? n - row : kTileRows;
    multiply_in_place<true>(
        {n - row, weights + row * l.strip + first + row, l.strip, x + row * l.head, l.head,
         target + (first + row) * l.head, l.head, !overwrite},
        rows, l.d_head);
  }
}

Index backward_head(const Layout& l, const BackwardHead& h, const BackwardScratch& s) {
  Index pairs = 0;
  for (Index first = 0; first < l.seq_len; first += kBlock) {
    const Index n = l.seq_len - first < kBlock ? l.seq_len - first : kBlock;
    pairs += backward_queries(l, h, s, first, n);
    copy_rows(h.q + first * l.qkv_stride, l.qkv_stride, n, l.d_head, s.q, l.head);
    copy_rows(h.dout + first * l.out_stride, l.out_stride, n, l.d_head, s.dout, l.head);
    add_to_keys(l, s.p, s.dout, h.first_of_group, first, n, s.dvalues);
    add_to_keys(l, s.ds, s.q, h.first_of_group, first, n, s.dkeys);
  }
  return pairs;
}

}  // namespace

Index attention_scratch(const AttentionArgs& args) {
  const Layout l(args);
  const Index rows = round_up(l.seq_len * l.head, 16);
  return 2 * round_up(l.d_head * l.strip, 16) + 3 * rows + 2 * kBlock * (l.head + l.strip) + 64;
}

Index attention_forward(const AttentionArgs& args) {
  const Layout l(args);
  const Index d = l.d_head;
  Scratch scratch{args.scratch};
  float* keys_t = scratch.take(d * l.strip);
  float* values = scratch.take(l.seq_len * l.head);
  float* strip = scratch.take(kTileRows * l.strip);
  Index pairs = 0;
  for (Index s = 0; s < args.n_seqs; ++s) {
    const Index row = s * l.seq_len;
    const float* qkv = args.qkv + row * l.qkv_stride;
    for (Index g = 0; g < args.n_kv_heads; ++g) {
      const float* k = qkv + (l.n_heads + g) * d;
      pack_columns(k, l.qkv_stride, d, l.strip, l.seq_len, keys_t);
      copy_rows(k + args.n_kv_heads * d, l.qkv_stride, l.seq_len, d, values, l.head);
      for (Index h = g * l.group; h < (g + 1) * l.group; ++h)
        pairs += forward_head(l, qkv + h * d, keys_t, values, strip,
                              args.out + row * l.out_stride + h * d,
                              args.log_sum_exp + row * l.n_heads + h);
    }
  }
  return pairs * 2 * 2 * d;  // q k^T and p v
}

Index attention_backward(const AttentionArgs& args) {
  const Layout l(args);
  const Index d = l.d_head;
  const BackwardScratch scratch(l, args.scratch);
  Index pairs = 0;
  for (Index s = 0; s < args.n_seqs; ++s) {
    const Index row = s * l.seq_len;
    const float* qkv = args.qkv + row * l.qkv_stride;
    float* dqkv = args.dqkv + row * l.qkv_stride;
    for (Index g = 0; g < args.n_kv_heads; ++g) {
      const Index k = (l.n_heads + g) * d, v = k + args.n_kv_heads * d;
      pack_columns(qkv + k, l.qkv_stride, d, l.strip, l.seq_len, scratch.keys_t);
      pack_columns(qkv + v, l.qkv_stride, d, l.strip, l.seq_len, scratch.values_t);
      copy_rows(qkv + k, l.qkv_stride, l.seq_len, d, scratch.keys, l.head);
      for (Index h = g * l.group; h < (g + 1) * l.group; ++h) {
        const Index out = row * l.out_stride + h * d;
        pairs +=
            backward_head(l,
                          {qkv + h * d, args.out + out, args.dout + out,
                           args.log_sum_exp + row * l.n_heads + h, dqkv + h * d, h == g * l.group},
                          scratch);
      }
      copy_rows(scratch.dkeys, l.head, l.seq_len, d, dqkv + k, l.qkv_stride);
      copy_rows(scratch.dvalues, l.head, l.seq_len, d, dqkv + v, l.qkv_stride);
    }
  }
  return pairs * 4 * 2 * d;  // dp, dv, dq, dk; the scores computed again are not counted
}

}  // namespace isoflop::ISOFLOP_CPU_ISA
