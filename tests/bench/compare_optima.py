#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does SciPy find a lower objective than isoflop did?

Reads points.csv and optima.csv of optima_bench. From random starts, and from isoflop's own answer,
minimises the same objective by L-BFGS-B, BFGS with Huber's delta lowered step by step, and
Nelder-Mead at the end, in centred coordinates with analytic gradients. Prints the worst relative
gap (isoflop - SciPy) / isoflop per objective, with the set's seed; exit code 1 above 1e-9.

  compare_optima.py folder [--starts 8] [--sets 500] [--seed 0]
"""
import argparse
import csv
import pathlib
import sys

import numpy as np
from scipy.optimize import minimize

TOLERANCE = 1e-9


class Problem:
    """The objective in (E, ln A', ln B', alpha, beta), N and D over their geometric means."""

    def __init__(self, points, objective):
        size, tokens, self.loss = points.T
        self.u, self.v = np.log(size), np.log(tokens)
        self.centre = self.u.mean(), self.v.mean()
        self.u, self.v = self.u - self.centre[0], self.v - self.centre[1]
        self.objective = objective

    def value_and_gradient(self, x, delta):
        e, log_a, log_b, alpha, beta = x
        with np.errstate(all="ignore"):
            a, b = np.exp(log_a - alpha * self.u), np.exp(log_b - beta * self.v)
            predicted = e + a + b
            slope = np.stack([np.ones_like(a), a, b, -a * self.u, -b * self.v])
            if self.objective == "huber_log":
                r, slope = np.log(predicted / self.loss), slope / predicted
            else:
                r = predicted - self.loss
            if self.objective == "mse":
                value, weight = r @ r, 2 * r
            else:
                size = np.abs(r)
                value = np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)).sum()
                weight = np.clip(r, -delta, delta)
            gradient = slope @ weight
        if not np.isfinite(value) or not np.isfinite(gradient).all():
            return 1e300, np.zeros(5)
        return value, gradient

    def centred(self, law):
        e, a, b, alpha, beta = law
        tiny = 1e-300
        return np.array([e, np.log(max(a, tiny)) - alpha * self.centre[0],
                         np.log(max(b, tiny)) - beta * self.centre[1], alpha, beta])

    def descend(self, start, delta):
        """Continuation in delta, then polish: the value and where."""
        bounds = [(0, None), (-60, 30), (-60, 30), (1e-4, 20), (1e-4, 20)]
        deltas = [delta]
        if self.objective != "mse":
            deltas = [delta * 4.0 ** k for k in range(4, -1, -1)]
        x = np.array(start)
        scale = max(self.value_and_gradient(x, delta)[0], 1e-12)
        for step in deltas:
            def f(y, step=step):
                value, gradient = self.value_and_gradient(y, step)
                return value / scale, gradient / scale
            x = minimize(f, x, jac=True, method="L-BFGS-B", bounds=bounds,
                         options={"maxiter": 300, "ftol": 1e-15, "gtol": 1e-12}).x
        return self.value_and_gradient(x, delta)[0], x

    def polish(self, x, delta):
        """Quasi-Newton and simplex in turn, the bound of E by reflection."""
        def f(y):
            return self.value_and_gradient(np.r_[abs(y[0]), y[1:]], delta)
        best = f(x)[0]
        scale = max(best, 1e-300)
        for _ in range(2):
            def g(y):
                value, gradient = f(y)
                gradient = gradient.copy()
                gradient[0] *= 1 if y[0] >= 0 else -1
                return value / scale, gradient / scale
            for end in (minimize(g, x, jac=True, method="BFGS", options={"gtol": 1e-12}),
                        minimize(lambda y: f(y)[0] / scale, x, method="Nelder-Mead",
                                 options={"xatol": 1e-12, "fatol": 1e-14, "maxiter": 800})):
                value = f(end.x)[0]
                if value < best and 1e-4 <= min(end.x[3:]) and max(end.x[3:]) <= 20:
                    best, x = value, end.x
        return best


def random_start(problem, rng):
    part = rng.dirichlet([1, 1, 1]) * problem.loss.min()
    return [part[0], np.log(part[1]), np.log(part[2]), *rng.uniform(0.05, 1.5, 2)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    points = {}
    with open(arguments.folder / "points.csv") as file:
        for row in csv.DictReader(file):
            points.setdefault(row["set"], []).append(
                [float(row[name]) for name in ("size", "tokens", "loss")])
    worst, lower, n_sets = {}, {}, {}
    with open(arguments.folder / "optima.csv") as file:
        for row in csv.DictReader(file):
            objective, seed = row["objective"], row["set"]
            if n_sets.get(objective, 0) >= arguments.sets:
                continue
            n_sets[objective] = n_sets.get(objective, 0) + 1
            problem = Problem(np.array(points[seed]), objective)
            delta = float(row["delta"])
            rng = np.random.default_rng([arguments.seed, int(seed)])
            law = [float(row[name]) for name in ("E", "A", "B", "alpha", "beta")]
            starts = [random_start(problem, rng) for _ in range(arguments.starts)]
            ends = [problem.descend(start, delta) for start in starts]
            ends.append((problem.value_and_gradient(problem.centred(law), delta)[0],
                         problem.centred(law)))
            value, x = min(ends, key=lambda end: end[0])
            found = min(value, problem.polish(x, delta))
            gap = (float(row["value"]) - found) / float(row["value"])
            if gap > TOLERANCE:
                lower[objective] = lower.get(objective, 0) + 1
                print(f"{objective} seed {seed}: isoflop {row['value']}, SciPy {found!r}, "
                      f"gap {gap:.2e}", flush=True)
            worst[objective] = max(worst.get(objective, (-np.inf, "")), (gap, seed))
    for objective, (gap, seed) in worst.items():
        print(f"{objective:9s} {n_sets[objective]} sets, worst gap {gap:+.2e} (seed {seed}), "
              f"SciPy lower by more than {TOLERANCE:g}: {lower.get(objective, 0)}")
    return 1 if lower else 0


if __name__ == "__main__":
    sys.exit(main())
