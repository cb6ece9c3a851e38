#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether SciPy finds a lower optimum of the annealing law than `annealing_bench write` did.

Reads steps.csv, bins.csv and optima.csv of annealing_bench. S1 and S2 are summed by their definition, the
mean of S1^-alpha over a bin is taken step by step. From random starts, minimises the same objective
by least_squares and, for Huber's function, by L-BFGS-B with delta lowered. Needs numpy and scipy."""
import argparse
import csv
import pathlib
import sys

import numpy as np
from scipy.optimize import least_squares, minimize

TOLERANCE = 1e-6  # relative, of the objective


def areas(lr, lam):
    peak = 0
    while peak + 1 < len(lr) and lr[peak + 1] > lr[peak]:
        peak += 1
    drops = np.zeros(len(lr))
    drops[peak + 1:] = lr[peak:-1] - lr[peak + 1:]
    powers = lam ** np.arange(len(lr))
    momenta = np.convolve(drops, powers)[:len(lr)]
    return np.cumsum(lr), np.cumsum(momenta)


class Means:
    """Means over bins of what the law is made of, of one curve each."""

    def __init__(self, number, n_bins, parts):
        self.number, self.n = number, np.maximum(np.bincount(number, minlength=n_bins), 1)
        self.ln_s1, s2, loss = np.array(parts).T
        self.s2, self.loss = self.mean(s2), self.mean(loss)

    def mean(self, x):
        return np.bincount(self.number, x, minlength=len(self.n)) / self.n

    def law(self, p):
        power = np.exp(-p[2] * self.ln_s1)
        mean, slope = self.mean(power), self.mean(-self.ln_s1 * power)
        jacobian = np.stack([np.ones_like(mean), mean, p[1] * slope, -self.s2], axis=1)
        value = np.maximum(p[0] + p[1] * mean - p[3] * self.s2, 1e-9)
        return np.log(value), jacobian / value[:, None]


class Bins:
    def __init__(self, rows, bins, lam):
        self.slope, self.weight = bins[:, 2], bins[:, 3]
        curves = {c: rows[rows[:, 0] == c] for c in np.unique(rows[:, 0])}
        parts = {}
        for c, own in curves.items():
            s1, s2 = areas(own[:, 2], lam)
            parts[c] = np.stack([np.log(s1), s2, own[:, 3]], axis=1)
        centre = np.mean([p[:, 0].mean() for p in parts.values()])
        unit = max(np.abs(p[:, 1]).max() for p in parts.values())
        for p in parts.values():
            p -= np.array([centre, 0, 0])
            p /= np.array([1, unit, 1])
        own, beside = ([], []), ([], [])
        for c, steps in curves.items():
            for i, number in enumerate(steps[:, 4].astype(int)):
                if number < 0:
                    continue
                own[0].append(number)
                own[1].append(parts[c][i])
                if bins[number, 1] >= 0:
                    beside[0].append(number)
                    beside[1].append(parts[bins[number, 1]][i])
        self.own = Means(np.array(own[0]), len(bins), own[1])
        self.loss = self.own.loss
        self.beside = Means(np.array(beside[0]), len(bins), beside[1]) if beside[0] else None


class Objective:
    def __init__(self, bins, delta):
        self.bins, self.delta = bins, delta

    def parts(self, p):
        b = self.bins
        value, jacobian = b.own.law(p)
        value = value - np.log(b.loss)
        if b.beside is not None:
            other, slope = b.beside.law(p)
            paired = b.slope > 0
            value = value - np.where(paired, b.slope * (
                other - np.log(np.where(paired, b.beside.loss, 1))), 0)
            jacobian = jacobian - np.where(paired, b.slope, 0)[:, None] * slope
        return value, jacobian

    def value(self, p, delta):
        r, j = self.parts(p)
        w = self.bins.weight
        if delta == 0:
            return w @ (r * r), 2 * (w * r) @ j
        size = np.abs(r)
        value = w @ np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
        return value, (w * np.clip(r, -delta, delta)) @ j

    def lowest(self, start, bounds):
        low, high = np.array(bounds).T
        root = np.sqrt(self.bins.weight)
        x = least_squares(lambda p: root * self.parts(p)[0], start,
                          lambda p: root[:, None] * self.parts(p)[1], (low, high), xtol=1e-15,
                          ftol=1e-15, gtol=1e-15, max_nfev=400).x
        best = self.value(x, self.delta)[0]
        for delta in [self.delta * 4.0 ** k for k in range(3, -1, -1)] if self.delta else []:
            scale = max(self.value(x, delta)[0], 1e-12)
            x = minimize(lambda p, d=delta, s=scale: tuple(v / s for v in self.value(p, d)), x,
                         jac=True, method="L-BFGS-B", bounds=bounds,
                         options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-12}).x
            best = min(best, self.value(x, self.delta)[0])
        return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sets, bins = {}, {}
    for name, of_set in (("steps.csv", sets), ("bins.csv", bins)):
        with open(options.folder / name) as file:
            for row in csv.reader(file):
                if row[0] != "set":
                    of_set.setdefault(row[0], []).append([float(x) for x in row[1:]])
    rng = np.random.default_rng(options.seed)
    worse, worst = {}, {}
    with open(options.folder / "optima.csv") as file:
        for row in csv.DictReader(file):
            objective = Objective(Bins(np.array(sets[row["set"]]), np.array(bins[row["set"]]),
                                       float(row["lambda"])), float(row["delta"]))
            most = 100 * objective.bins.loss.max()
            bounds = [(0, most), (0, most), (0.01, 10), (-most, most)]
            lowest_loss = objective.bins.loss.min()
            best = min(objective.lowest(np.array([rng.uniform(0, lowest_loss), rng.uniform(0.01, 1),
                                                  rng.uniform(0.05, 2), rng.uniform(-0.1, 0.3)]),
                                        bounds) for _ in range(options.starts))
            gap = (float(row["value"]) - best) / float(row["value"])
            kind = row["delta"]
            worse[kind] = worse.get(kind, 0) + (gap > TOLERANCE)
            worst[kind] = max(worst.get(kind, (-np.inf, "")), (gap, row["set"]))
    for kind, n in worse.items():
        print(f"delta {kind}: {n} of {len(sets)} worse than SciPy, largest gap "
              f"{worst[kind][0]:.1e} (set {worst[kind][1]})")
    return any(worse.values())


if __name__ == "__main__":
    sys.exit(main())
