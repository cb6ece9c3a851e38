#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch's compiled training step at the shapes of gpu_bench.cc: the same block, clip and AdamW.

One line of JSON per setting: `autocast`, fp32 weights and bf16 products as torch.autocast chooses them, and
`bf16`, weights and moments in bf16 too (less to move than fp32 master weights, which isoflop has). Both with
torch.compile of the whole model without graph breaks, scaled_dot_product_attention and the fused AdamW. The
batch lies on the device from the start.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "torch"))
import llama  # noqa: E402

WARMUP = 5
# Shape, tokens per step, sequences per micro-batch: PyTorch keeps more for the backward pass, and computes
# the loss in fp32. 16,384 tokens and more fill the device.
SHAPES = {
    "10M": (llama.Shape(6, 384, 6, 6, 64, 1024, 256, 2048), 65536, 32),
    "50M": (llama.Shape(10, 640, 10, 10, 64, 1728, 256, 2048), 65536, 16),
    "124M": (llama.Shape(12, 768, 12, 12, 64, 2048, 32768, 2048), 65536, 16),
    "350M": (llama.Shape(24, 1024, 16, 16, 64, 2816, 32768, 2048), 65536, 8),
    "gpt2-124M": (llama.Shape(12, 768, 12, 12, 64, 2048, 50304, 1024, True), 65536, 16),
    "17M": (llama.Shape(9, 512, 8, 4, 64, 704, 1024, 1024, True), 65536, 64),
    "tiny": (llama.Shape(2, 64, 2, 1, 32, 192, 256, 64), 512, 4),
}


def grouped_attention(q, k, v):
    grouped = {"enable_gqa": True} if k.shape[1] != q.shape[1] else {}
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True, **grouped)


class Step:
    def __init__(self, name, setting, arguments):
        shape, batch_tokens, self.micro_batch_seqs = SHAPES[name]
        self.micro_batch_seqs = arguments.micro_batch_seqs or self.micro_batch_seqs
        self.device, self.setting, self.batch_tokens = arguments.device, setting, batch_tokens
        model = llama.Llama(shape)
        for parameter in model.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)
        dtype = torch.bfloat16 if setting == "bf16" else torch.float32
        self.model = model.to(device=self.device, dtype=dtype)
        self.compiled = torch.compile(self.model, fullgraph=True, dynamic=False, mode=arguments.compile)
        self.optimizer = llama.make_optimizer(self.model, 1e-3)
        sequences = torch.randint(0, shape.vocab_size, (batch_tokens // shape.seq_len, shape.seq_len + 1))
        sequences = sequences.to(self.device)
        self.tokens, self.targets = sequences[:, :-1].contiguous(), sequences[:, 1:].contiguous()

    def loss(self, tokens, targets):
        autocast = torch.autocast(torch.device(self.device).type, torch.bfloat16)
        with autocast if self.setting == "autocast" else contextlib.nullcontext():
            return self.compiled(tokens, targets)

    def __call__(self):
        parts = list(zip(self.tokens.split(self.micro_batch_seqs), self.targets.split(self.micro_batch_seqs)))
        for tokens, targets in parts:
            (self.loss(tokens, targets) / len(parts)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def wait(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def seconds_per_step(step, arguments):
    """In windows of many steps, at whose ends alone anybody waits."""
    for _ in range(WARMUP):
        step()
    wait(arguments.device)
    start = time.perf_counter()
    step()
    wait(arguments.device)
    n_steps = max(1, round(arguments.window_seconds / (time.perf_counter() - start)))
    windows = []
    for _ in range(arguments.windows):
        start = time.perf_counter()
        for _ in range(n_steps):
            step()
        wait(arguments.device)
        windows.append((time.perf_counter() - start) / n_steps)
    return windows


def measure(name, setting, arguments):
    torch.manual_seed(0)
    started = time.perf_counter()
    step = Step(name, setting, arguments)
    windows = seconds_per_step(step, arguments)
    on_gpu = torch.device(arguments.device).type == "cuda"
    return {
        "shape": name,
        "setting": setting,
        "torch": torch.__version__,
        "micro_batch_seqs": step.micro_batch_seqs,
        "step_ms": 1e3 * statistics.median(windows),
        "tokens_per_second": step.batch_tokens / statistics.median(windows),
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else 0,
        "seconds_with_compilation": time.perf_counter() - started,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--settings", nargs="+", default=["autocast", "bf16"], choices=["autocast", "bf16"])
    parser.add_argument("--compile", metavar="MODE", help="torch.compile: default, max-autotune, ...")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--window-seconds", type=float, default=1.0)
    parser.add_argument("--micro-batch-seqs", type=int)
    arguments = parser.parse_args()
    if torch.device(arguments.device).type == "cuda" and not torch.cuda.is_available():
        print("PyTorch finds no GPU", file=sys.stderr)
        sys.exit(3)
    torch.set_float32_matmul_precision("high")
    llama.causal_attention = grouped_attention
    for setting in arguments.settings:
        print(json.dumps(measure(arguments.shape, setting, arguments)), flush=True)
        torch._dynamo.reset()
        if torch.device(arguments.device).type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
