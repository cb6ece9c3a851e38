#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times the training step of step_bench.cc in PyTorch: the same LLaMA block, clip and AdamW, fp32, CPU.

Prints one line like step_bench's: name, milliseconds (median), tokens/s, GFLOP/s by
M = 72 L d^2 + 12 L d l. Eager mode; attention as matrix products with a causal mask where this
PyTorch has no scaled_dot_product_attention.
"""
import argparse
import math
import statistics
import time

import torch
from torch import nn
from torch.nn import functional

SHAPES = {  # d_model, n_layers, n_heads, d_ff
    "d64": (64, 2, 2, 176),
    "d128": (128, 4, 4, 344),
    "d256": (256, 6, 4, 688),
    "d384": (384, 8, 6, 1024),
}
SEQ_LEN, VOCAB_SIZE, BATCH_TOKENS = 256, 256, 4096


class RMSNorm(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.gain


class Rope(nn.Module):
    def __init__(self, d_head):
        super().__init__()
        frequency = 10000 ** (-torch.arange(0, d_head, 2).float() / d_head)
        angle = torch.outer(torch.arange(SEQ_LEN).float(), frequency).repeat(1, 2)
        self.register_buffer("cosine", angle.cos())
        self.register_buffer("sine", angle.sin())

    def forward(self, x):
        half = x.shape[-1] // 2
        rotated = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cosine + rotated * self.sine


def causal_attention(q, k, v):
    if hasattr(functional, "scaled_dot_product_attention"):
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    mask = torch.full((q.shape[-2], q.shape[-2]), float("-inf")).triu(1)
    scores = torch.matmul(q / math.sqrt(q.shape[-1]), k.transpose(-2, -1)) + mask
    return torch.matmul(torch.softmax(scores, -1), v)


class Block(nn.Module):
    def __init__(self, d_model, n_heads, d_ff):
        super().__init__()
        self.n_heads, self.d_head = n_heads, d_model // n_heads
        self.attention_norm, self.ffn_norm = RMSNorm(d_model), RMSNorm(d_model)
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.attention_out = nn.Linear(d_model, d_model, bias=False)
        self.gate_up = nn.Linear(d_model, 2 * d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x, rope):
        n_seqs, seq_len, d_model = x.shape
        heads = self.qkv(self.attention_norm(x)).view(n_seqs, seq_len, 3, self.n_heads, self.d_head)
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        attended = causal_attention(rope(q), rope(k), v)
        x = x + self.attention_out(attended.transpose(1, 2).reshape(n_seqs, seq_len, d_model))
        gate, up = self.gate_up(self.ffn_norm(x)).chunk(2, -1)
        return x + self.down(functional.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, d_model, n_layers, n_heads, d_ff):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, d_model)
        self.blocks = nn.ModuleList(Block(d_model, n_heads, d_ff) for _ in range(n_layers))
        self.norm = RMSNorm(d_model)
        self.head = nn.Linear(d_model, VOCAB_SIZE, bias=False)
        self.rope = Rope(d_model // n_heads)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.rope)
        logits = self.head(self.norm(x))
        return functional.cross_entropy(logits.view(-1, VOCAB_SIZE), targets.reshape(-1))


def make_optimizer(model):
    groups = [
        {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    options = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8}
    try:
        return torch.optim.AdamW(groups, foreach=True, **options)
    except TypeError:  # before 1.12
        return torch.optim.AdamW(groups, **options)


def train_step(model, optimizer, tokens, targets, micro_batch_seqs):
    n_micro_batches = tokens.shape[0] // micro_batch_seqs
    parts = zip(tokens.split(micro_batch_seqs), targets.split(micro_batch_seqs))
    for part_tokens, part_targets in parts:
        (model(part_tokens, part_targets) / n_micro_batches).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def median_step_seconds(shape, reps, micro_batch_tokens):
    model = Llama(*shape)
    optimizer = make_optimizer(model)
    sequences = torch.randint(0, VOCAB_SIZE, (BATCH_TOKENS // SEQ_LEN, SEQ_LEN + 1))
    tokens, targets = sequences[:, :-1].contiguous(), sequences[:, 1:].contiguous()
    seconds = []
    for _ in range(reps + 2):  # the first two warm up
        start = time.perf_counter()
        train_step(model, optimizer, tokens, targets, micro_batch_tokens // SEQ_LEN)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", nargs="?", choices=SHAPES, help="default: all but d384")
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--micro-batch", type=int, default=BATCH_TOKENS, help="tokens")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for name in [arguments.shape] if arguments.shape else ["d64", "d128", "d256"]:
        d_model, n_layers, _, _ = SHAPES[name]
        seconds = median_step_seconds(SHAPES[name], arguments.reps, arguments.micro_batch)
        m = 72 * n_layers * d_model**2 + 12 * n_layers * d_model * SEQ_LEN
        rate = BATCH_TOKENS / seconds
        print(f"{name:5} {1e3 * seconds:9.2f} ms {rate:9.0f} tokens/s {1e-9 * m * rate:7.1f} GFLOP/s", flush=True)


if __name__ == "__main__":
    main()
