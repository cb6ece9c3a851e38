# SPDX-License-Identifier: Apache-2.0
"""isoflop's decoder in PyTorch: the same tensors, layouts and formulas as lib/train, written apart from it.

RMSNorm (epsilon 1e-5), RoPE (theta 10000, Hugging Face layout), grouped-query causal attention, SwiGLU,
fused q-k-v and gate-up projections, head tied or not. Runs on PyTorch 1.13 and later.
"""
import dataclasses
import inspect
import math

import torch
from torch import nn
from torch.nn import functional

HAS_FUSED_ATTENTION = hasattr(functional, "scaled_dot_product_attention")


@dataclasses.dataclass(frozen=True)
class Shape:
    n_layers: int
    d_model: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    d_ff: int
    vocab_size: int
    seq_len: int
    tied_embeddings: bool = False


class RMSNorm(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


class Rope(nn.Module):
    def __init__(self, seq_len, d_head):
        super().__init__()
        frequency = 10000 ** (-torch.arange(0, d_head, 2).double() / d_head)
        angle = torch.outer(torch.arange(seq_len).double(), frequency).repeat(1, 2)
        self.register_buffer("cosine", angle.cos().float(), persistent=False)
        self.register_buffer("sine", angle.sin().float(), persistent=False)
        self.angle = angle

    def to_double(self):
        """Tables to double precision, not the rounded ones widened."""
        self.cosine, self.sine = self.angle.cos(), self.angle.sin()

    def forward(self, x):
        half = x.shape[-1] // 2
        rotated = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cosine + rotated * self.sine


def causal_attention(q, k, v):
    """q [B, H, T, S], k and v [B, K, T, S]."""
    if k.shape[1] != q.shape[1]:
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
    if HAS_FUSED_ATTENTION:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    mask = torch.full((q.shape[-2], q.shape[-2]), float("-inf"), dtype=q.dtype).triu(1)
    scores = torch.matmul(q / math.sqrt(q.shape[-1]), k.transpose(-2, -1)) + mask
    return torch.matmul(torch.softmax(scores, -1), v)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = shape.n_heads, shape.n_kv_heads, shape.d_head
        n_columns = (shape.n_heads + 2 * shape.n_kv_heads) * shape.d_head
        self.qkv_proj = nn.Linear(shape.d_model, n_columns, bias=False)
        self.o_proj = nn.Linear(shape.n_heads * shape.d_head, shape.d_model, bias=False)

    def forward(self, x, rope):
        n_seqs, seq_len, _ = x.shape
        heads = self.qkv_proj(x).view(n_seqs, seq_len, -1, self.d_head).transpose(1, 2)
        q, k, v = heads.split([self.n_heads, self.n_kv_heads, self.n_kv_heads], 1)
        attended = causal_attention(rope(q), rope(k), v)
        return self.o_proj(attended.transpose(1, 2).reshape(n_seqs, seq_len, -1))


class FeedForward(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate_up_proj = nn.Linear(shape.d_model, 2 * shape.d_ff, bias=False)
        self.down_proj = nn.Linear(shape.d_ff, shape.d_model, bias=False)

    def forward(self, x):
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        return self.down_proj(functional.silu(gate) * up)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.input_layernorm = RMSNorm(shape.d_model)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RMSNorm(shape.d_model)
        self.mlp = FeedForward(shape)

    def forward(self, x, rope):
        x = x + self.self_attn(self.input_layernorm(x), rope)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.d_model)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = RMSNorm(shape.d_model)

    def forward(self, tokens, rope):
        x = self.embed_tokens(tokens)
        for block in self.layers:
            x = block(x, rope)
        return self.norm(x)


class Llama(nn.Module):
    """Parameters bear the names of lib/train/network/parameters.cc."""

    def __init__(self, shape):
        super().__init__()
        self.model = Decoder(shape)
        self.lm_head = nn.Linear(shape.d_model, shape.vocab_size, bias=False)
        if shape.tied_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.rope = Rope(shape.seq_len, shape.d_head)

    def double(self):
        super().double()
        self.rope.to_double()
        return self

    def forward(self, tokens, targets):
        """Mean loss over all tokens [nats]."""
        logits = self.lm_head(self.model(tokens, self.rope))
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def make_optimizer(model, learning_rate, weight_decay=0.1, betas=(0.9, 0.95), epsilon=1e-8):
    """AdamW that decays matrices only; one fused kernel, or one for all tensors, where there is one."""
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    options = {"lr": learning_rate, "betas": betas, "eps": epsilon}
    known = inspect.signature(torch.optim.AdamW).parameters
    if "fused" in known:
        try:
            return torch.optim.AdamW(groups, fused=True, **options)
        except RuntimeError:  # 2.0 to 2.3 fuse on GPUs only
            pass
    if "foreach" in known:
        options["foreach"] = True
    return torch.optim.AdamW(groups, **options)
