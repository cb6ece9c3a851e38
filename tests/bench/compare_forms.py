#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does SciPy find a lower objective of a wider form than isoflop did?

Reads points.csv and optima.csv of form_bench. From random starts, minimises the same objective by
trust-region least squares, then L-BFGS-B with Huber's delta lowered step by step, with exact
gradients (complex steps). Prints how many sets isoflop's value is above SciPy's by more than 1e-9
of it, and the worst gap; exit code 1 if any.

  compare_forms.py form folder [--starts 12] [--seed 0]
"""
import argparse
import csv
import pathlib
import sys

import numpy as np
from scipy.optimize import least_squares, minimize

TOLERANCE = 1e-9
DELTA = 1e-3


def skaling(p, c):
    e, a, b, alpha, beta, k = p
    return e + (np.exp(a - alpha * c["u"]) + np.exp(b - beta * c["v"])) ** k


def three_term(p, c):
    e, a, b, s, ea, eb, eg = p
    return (e + np.exp(a - ea * c["u"]) + np.exp(b - eb * c["m"]) +
            np.exp(s - eg * (c["v"] - c["m"])))


def repetition_damage(p, c):
    e, a, b, alpha, beta, damage, delta, kappa = p
    repeats = np.where(c["r"] > 0, c["r"], 1)
    return (e + np.exp(a - alpha * c["u"]) + np.exp(b - beta * c["v"]) +
            np.where(c["r"] > 0, damage * repeats ** delta * np.exp(kappa * c["o"]), 0))


def moe_granularity(p, c):
    e, a, g, b, gamma, alpha, beta = p
    return (e + (np.exp(a) + np.exp(g - gamma * c["g"])) * np.exp(-alpha * c["u"]) +
            np.exp(b - beta * c["v"]))


def moe_experts(p, c):
    e, a, b, alpha, beta, d, w, gamma, zeta = p
    return (e + np.exp(a - alpha * c["u"] + d * c["x"] - gamma * c["u"] * c["x"]) +
            np.exp(b - beta * c["v"] + w * c["x"] - zeta * c["v"] * c["x"]))


def joint(p, c):
    """Two groups, c["k"] 0 or 1, that share alpha and beta; E, ln A and ln B of each."""
    own = [p[2 * i] + (p[2 * i + 1] - p[2 * i]) * c["k"] for i in range(3)]
    return own[0] + np.exp(own[1] - p[6] * c["u"]) + np.exp(own[2] - p[7] * c["v"])


# Formula, bounds, and the box of random starts.
FORMS = {
    "skaling": (skaling, [(0, 20), (-60, 30), (-60, 30), (2e-4, 60), (2e-4, 60), (0.05, 10)],
                [(0, 2), (-2, 1), (-2, 1), (0.1, 1), (0.1, 1), (0.2, 1.5)]),
    "three_term": (three_term, [(0, 20), (-60, 13), (-60, 13), (-60, 13), (1e-4, 20), (1e-4, 20),
                                (1e-4, 20)],
                   [(0, 2), (-3, 0), (-4, 0), (-3, 0), (0.1, 1), (0.1, 1), (0.1, 1)]),
    "repetition_damage": (repetition_damage,
                          [(0, 20), (-60, 13), (-60, 13), (1e-4, 20), (1e-4, 20), (0, 1e6),
                           (1e-2, 5), (-5, 5)],
                          [(0, 2), (-3, 0), (-3, 0), (0.1, 1), (0.1, 1), (0, 0.2), (0.3, 2),
                           (-0.5, 1.5)]),
    "moe_granularity": (moe_granularity,
                        [(0, 20), (-60, 13), (-60, 13), (-60, 13), (0.05, 5), (1e-4, 20), (1e-4, 20)],
                        [(0, 2), (-3, 0), (-3, 0), (-3, 0), (0.2, 2), (0.1, 1), (0.1, 1)]),
    "moe_experts": (moe_experts,
                    [(0, 20), (-60, 13), (-60, 13), (1e-4, 20), (1e-4, 20), (-20, 20), (-20, 20),
                     (-20, 20), (-20, 20)],
                    [(0, 2), (-3, 0), (-3, 0), (0.1, 1), (0.1, 1), (-0.3, 0.1), (-0.1, 0.1),
                     (-0.05, 0.05), (-0.05, 0.05)]),
    "joint": (joint, [(0, 20), (0, 20)] + [(-60, 13)] * 4 + [(1e-4, 20)] * 2,
              [(0, 2)] * 2 + [(-3, 0)] * 4 + [(0.1, 1)] * 2),
}


def columns(rows):
    size, tokens, batch, unique, granularity, experts, group, loss = rows.T
    centred = {name: np.log(x) - np.log(x).mean()
               for name, x in (("u", size), ("v", tokens), ("m", batch), ("g", granularity),
                               ("x", experts))}
    return centred | {"k": group, "r": tokens / unique - 1, "o": np.log(size / unique)}, loss


def slopes(formula, p, c):
    step = 1e-30
    return np.stack([np.imag(formula(p.astype(complex) + 1j * step * np.eye(len(p))[i], c)) / step
                     for i in range(len(p))], axis=1)


class Objective:
    def __init__(self, formula, c, loss, kind):
        self.formula, self.c, self.loss, self.log = formula, c, loss, kind != "mse"
        self.robust = kind == "huber_log"

    def residuals(self, p):
        predicted = self.formula(p, self.c)
        return np.log(predicted / self.loss) if self.log else predicted - self.loss

    def jacobian(self, p):
        j = slopes(self.formula, p, self.c)
        return j / self.formula(p, self.c)[:, None] if self.log else j

    def value(self, p, delta):
        r = self.residuals(p)
        if not self.robust:
            return r @ r, 2 * r @ self.jacobian(p)
        size = np.abs(r)
        value = np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)).sum()
        return value, np.clip(r, -delta, delta) @ self.jacobian(p)

    def lowest(self, start, bounds):
        low, high = np.array(bounds).T
        x = least_squares(self.residuals, start, self.jacobian, (low, high), xtol=1e-15, ftol=1e-15,
                          gtol=1e-15, max_nfev=400).x
        best = self.value(x, DELTA)[0]
        for delta in [DELTA * 4.0 ** k for k in range(3, -1, -1)] if self.robust else []:
            scale = max(self.value(x, delta)[0], 1e-12)

            def scaled(y, delta=delta, scale=scale):
                value, gradient = self.value(y, delta)
                if not np.isfinite(value):
                    return 1e300, np.zeros(len(y))
                return value / scale, gradient / scale
            x = minimize(scaled, x, jac=True, method="L-BFGS-B", bounds=bounds,
                         options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-12}).x
            best = min(best, self.value(x, DELTA)[0])
        return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=FORMS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    formula, bounds, box = FORMS[options.form]
    sets = {}
    with open(options.folder / "points.csv") as file:
        for row in csv.DictReader(file):
            sets.setdefault(row["set"], []).append(
                [float(row[k]) for k in ("size", "tokens", "batch", "unique", "granularity", "n_experts",
                                          "group", "loss")])
    rng = np.random.default_rng(options.seed)
    worse, worst = {}, {}
    with open(options.folder / "optima.csv") as file:
        for row in csv.DictReader(file):
            c, loss = columns(np.array(sets[row["set"]]))
            objective = Objective(formula, c, loss, row["objective"])
            ours, best = float(row["value"]), np.inf
            for _ in range(options.starts):
                start = np.array([rng.uniform(*ends) for ends in box])
                with np.errstate(all="ignore"):
                    try:
                        best = min(best, objective.lowest(start, bounds))
                    except ValueError:  # a start where the formula is not finite
                        continue
            gap = (ours - best) / ours
            kind = row["objective"]
            worse[kind] = worse.get(kind, 0) + (gap > TOLERANCE)
            if gap > worst.get(kind, (-np.inf, ""))[0]:
                worst[kind] = gap, row["set"]
            if gap > TOLERANCE:
                print(f"set {row['set']} {kind}: {ours:.12g} against {best:.12g}")
    for kind, n in worse.items():
        print(f"{options.form} {kind}: {n} of {len(sets)} worse than SciPy, largest gap "
              f"{worst[kind][0]:.1e} (set {worst[kind][1]})")
    return any(worse.values())


if __name__ == "__main__":
    sys.exit(main())
