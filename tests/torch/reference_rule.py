# SPDX-License-Identifier: Apache-2.0
"""Weights and tokens by rules of integers and powers of two, which C++ repeats to the bit.

Numbers come from lib/base/rng.h; the C++ side is tests/train/torch_reference_test.cc.
"""
import numpy

MASK = (1 << 64) - 1


def mix_bits(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


class Rng:
    """isoflop::Rng: number `i` of stream (seed, stream)."""

    def __init__(self, seed, stream=0):
        self.key = mix_bits(mix_bits(seed) ^ ((stream * 0xD1342543DE82EF95 + 1) & MASK))

    def bits(self, i):
        return mix_bits(self.key ^ mix_bits(i))

    def uniform(self, i):
        return (self.bits(i) >> 11) * 2.0**-53

    def below(self, n, i):
        return (self.bits(i) * n) >> 64


def tensor_values(seed, index, shape, amplitude):
    """Tensor number `index`: uniform within +-amplitude, a power of two; a gain (one dimension) within 1 +-
    1/4. Exact in double precision, but for one rounding of a gain, and rounded to fp32."""
    rng = Rng(seed, index)
    n = int(numpy.prod(shape))
    symmetric = numpy.array([2.0 * rng.uniform(i) - 1.0 for i in range(n)])
    values = 1.0 + 0.25 * symmetric if len(shape) == 1 else amplitude * symmetric
    return values.astype(numpy.float32).reshape(shape)


def random_tokens(seed, vocab_size, n_seqs, seq_len):
    """Tokens are the even numbers of stream 0 of `seed`, targets the odd ones."""
    rng = Rng(seed)
    ids = [rng.below(vocab_size, i) for i in range(2 * n_seqs * seq_len)]
    return numpy.array(ids, dtype=numpy.int64).reshape(n_seqs, seq_len, 2).transpose(2, 0, 1)


def markov_sequence(seed, index, vocab_size, length, noise=0.2):
    """Training sequence `index` of test::ToyDataset (tests/support/toy_dataset.h)."""
    rng = Rng((mix_bits(seed) + 1) & MASK, index)
    token = rng.below(vocab_size, 0)
    sequence = []
    for i in range(length):
        sequence.append(token)
        jump = rng.uniform(2 * i + 1) < noise
        token = rng.below(vocab_size, 2 * i + 2) if jump else (5 * token + 3) % vocab_size
    return sequence
