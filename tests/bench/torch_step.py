#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times the training step of step_bench.cc in PyTorch: the same block, clip and AdamW, fp32, CPU."""
import argparse
import json
import pathlib
import statistics
import sys
import time

import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "torch"))
import llama  # noqa: E402

SEQ_LEN, VOCAB_SIZE, BATCH_TOKENS = 256, 256, 4096
SHAPES = {
    "d64": llama.Shape(2, 64, 2, 2, 32, 176, VOCAB_SIZE, SEQ_LEN),
    "d128": llama.Shape(4, 128, 4, 4, 32, 344, VOCAB_SIZE, SEQ_LEN),
    "d256": llama.Shape(6, 256, 4, 4, 64, 688, VOCAB_SIZE, SEQ_LEN),
    "d384": llama.Shape(8, 384, 6, 6, 64, 1024, VOCAB_SIZE, SEQ_LEN),
}


def train_step(model, compiled, optimizer, tokens, targets, micro_batch_seqs):
    n_micro_batches = tokens.shape[0] // micro_batch_seqs
    parts = zip(tokens.split(micro_batch_seqs), targets.split(micro_batch_seqs))
    for part_tokens, part_targets in parts:
        (compiled(part_tokens, part_targets) / n_micro_batches).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def step_seconds(shape, arguments):
    """Of `reps` steps, after some that warm up and compile."""
    model = llama.Llama(shape)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.02)
    optimizer = llama.make_optimizer(model, 1e-3)
    compiled = torch.compile(model, mode=arguments.compile) if arguments.compile else model
    sequences = torch.randint(0, VOCAB_SIZE, (BATCH_TOKENS // SEQ_LEN, SEQ_LEN + 1))
    tokens, targets = sequences[:, :-1].contiguous(), sequences[:, 1:].contiguous()
    seconds = []
    for _ in range(arguments.warmup + arguments.reps):
        start = time.perf_counter()
        micro_batch_seqs = arguments.micro_batch // SEQ_LEN
        train_step(model, compiled, optimizer, tokens, targets, micro_batch_seqs)
        seconds.append(time.perf_counter() - start)
    return seconds[arguments.warmup :]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--warmup", type=int, default=2, help="steps before those that are timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--micro-batch", type=int, default=BATCH_TOKENS, help="tokens")
    parser.add_argument("--compile", metavar="MODE", help="torch.compile: default, max-autotune, ...")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    seconds = step_seconds(SHAPES[arguments.shape], arguments)
    result = {
        "torch": torch.__version__,
        "median_ms": 1e3 * statistics.median(seconds),
        "least_ms": 1e3 * min(seconds),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
