#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes trust_problems.txt: nonlinear least-squares problems in the manner of NIST's StRD, with
their answers from Gauss-Newton in 60 decimal digits (mpmath), which shares nothing with isoflop.

usage: tests/fit/surface/trust_certify.py > tests/fit/surface/trust_problems.txt

Data: the formula at the true parameters times 1 + noise * s, s the fractional parts of multiples of
the golden ratio less 1/2, rounded to 6 significant digits. A problem is certified where the scaled
gradient |J'r| / (|J| |r|) is below 1e-40.
"""
import sys

from mpmath import cos, exp, log, matrix, mp, mpf, lu_solve, inverse, power, sqrt

mp.dps = 60
PI = mp.pi


def gauss(b, x, i):
    return b[i] * exp(-((x - b[i + 1]) / b[i + 2]) ** 2)


# name: (level, formula, true parameters, points, noise, far start as factors)
def line(low, high, n):
    return [(mpf(low) + (mpf(high) - mpf(low)) * i / (n - 1), mpf(0)) for i in range(n)]


def grid(xs, ys):
    return [(mpf(x), mpf(y)) for x in xs for y in ys]


SIZES = ("5e7", "1.5e8", "4e8", "1.2e9", "4e9")


def batched(tokens, batches):
    return [(n, d, mpf(m)) for n, d in grid(SIZES, tokens) for m in batches]


def experts(values):
    return [(n, d, mpf(v)) for n, d in grid(SIZES, ("1e9", "4e9", "1.6e10")) for v in values]


def repeated(tokens):
    """Data sets of 1e9 and of 4e9 tokens in turn."""
    points = grid(SIZES, tokens)
    return [(n, d, min(d, mpf("1e9" if i % 2 == 0 else "4e9"))) for i, (n, d) in enumerate(points)]


def damage(b, x):
    repeats = x[1] / x[2] - 1
    harm = b[5] * power(repeats, b[6]) * power(x[0] / x[2], b[7]) if repeats > 0 else 0
    return b[0] + b[1] * power(x[0], -b[3]) + b[2] * power(x[1], -b[4]) + harm


PROBLEMS = {
    "exponential_rise": ("lower", lambda b, x: b[0] * (1 - exp(-b[1] * x[0])), ["240", "0.0055"],
                         line(70, 760, 14), "0.01", ["2", "0.2"]),
    "two_decays": ("lower", lambda b, x: b[0] * exp(-b[1] * x[0]) + b[2] * exp(-b[3] * x[0]),
                   ["8", "0.9", "3", "0.15"], line(0, 12, 40), "0.01", ["0.6", "1.6", "1.5", "0.5"]),
    "power_law": ("lower", lambda b, x: b[0] + b[1] * power(x[0], -b[2]), ["1.7", "6.5", "0.34"],
                  line(1, 60, 30), "0.005", ["0.3", "2", "2.5"]),
    "two_gauss_low": ("lower", lambda b, x: b[0] * exp(-b[1] * x[0]) + gauss(b, x[0], 2) +
                      gauss(b, x[0], 5), ["98", "0.01", "100", "67", "23", "72", "178", "18"],
                      line(1, 250, 125), "0.03", ["0.95", "1.1", "0.9", "0.95", "1.1", "1.1", "0.98",
                                                  "0.9"]),
    "saturation": ("lower", lambda b, x: b[0] * b[1] * x[0] / (1 + b[1] * x[0]), ["437", "0.0003"],
                   line(70, 760, 14), "0.004", ["1.2", "0.5"]),
    "power_of_shift": ("average", lambda b, x: b[0] * power(b[1] + x[0], -1 / b[2]),
                       ["25", "4", "0.9"], line(1, 80, 60), "0.01", ["2", "2", "1.5"]),
    "rational_2_2": ("average", lambda b, x: (b[0] + b[1] * x[0] + b[2] * x[0] ** 2) /
                     (1 + b[3] * x[0] + b[4] * x[0] ** 2), ["1.6", "-0.12", "0.02", "0.04", "0.006"],
                     line(0, 25, 60), "0.01", ["1.5", "0.5", "0.7", "1.5", "0.6"]),
    "logistic": ("average", lambda b, x: b[0] / (1 + exp(b[1] - b[2] * x[0])), ["72", "2.6", "0.067"],
                 line(9, 79, 20), "0.02", ["1.4", "0.7", "0.9"]),
    "season": ("average", lambda b, x: b[0] + b[1] * cos(2 * PI * x[0] / b[2]) + b[3] * x[0],
               ["10", "3", "12", "0.05"], line(1, 100, 100), "0.05", ["0.6", "0.4", "1.02", "3"]),
    "rational_3_3": ("higher", lambda b, x: (b[0] + b[1] * x[0] + b[2] * x[0] ** 2 + b[3] * x[0] ** 3)
                     / (1 + b[4] * x[0] + b[5] * x[0] ** 2 + b[6] * x[0] ** 3),
                     ["1290", "1490", "583", "75", "0.97", "0.4", "0.05"], line(-3, 2.2, 37), "0.004",
                     ["0.95", "1.05", "0.9", "0.8", "0.9", "1.1", "0.8"]),
    "peak": ("higher", lambda b, x: b[0] / b[1] * exp(-(((x[0] - b[2]) / b[1]) ** 2) / 2),
             ["1.55", "4.1", "451.5"], line(400, 500, 35), "0.05", ["0.7", "2", "0.995"]),
    "richards": ("higher", lambda b, x: b[0] * power(1 + exp(b[1] - b[2] * x[0]), -1 / b[3]),
                 ["700", "5.3", "0.76", "1.3"], line(1, 15, 15), "0.03", ["0.9", "1.5", "1.3", "0.7"]),
    "rational_sparse": ("higher", lambda b, x: b[0] * (x[0] ** 2 + b[1] * x[0]) /
                        (x[0] ** 2 + b[2] * x[0] + b[3]), ["0.19", "0.19", "0.12", "0.14"],
                        [(mpf(s), mpf(0)) for s in ("4", "2", "1", "0.5", "0.25", "0.167", "0.125",
                                                    "0.1", "0.0833", "0.0714", "0.0625")],
                        "0.03", ["1.3", "2", "3", "2.8"]),
    "three_decays": ("higher", lambda b, x: b[0] * exp(-b[1] * x[0]) + b[2] * exp(-b[3] * x[0]) +
                     b[4] * exp(-b[5] * x[0]), ["0.0951", "1", "0.8607", "3", "1.5576", "5"],
                     line(0, "1.15", 48), "0.00002", ["3", "0.8", "1.5", "0.9", "0.7", "1.1"]),
    "loss_surface": ("higher", lambda b, x: b[0] + b[1] * power(x[0], -b[3]) +
                     b[2] * power(x[1], -b[4]), ["1.7", "410", "1100", "0.34", "0.32"],
                     grid(("5e7", "1.5e8", "4e8", "1.2e9", "4e9"), ("1e9", "4e9", "1.6e10", "6e10")),
                     "0.01", ["0.5", "0.3", "3", "0.85", "1.15"]),
    "kaplan_surface": ("higher", lambda b, x: power(exp((b[0] - b[2] * log(x[0])) / b[3]) +
                       exp((b[1] - b[3] * log(x[1])) / b[3]), b[3]), ["2.45", "3.1", "0.076", "0.103"],
                       grid(("1e6", "1e7", "1e8", "1e9"), ("2e7", "2e8", "2e9", "2e10", "2e11")),
                       "0.01", ["0.8", "1.2", "1.4", "0.8"]),
    # By the forms of the loss surface themselves, which choose their own starts.
    "skaling": ("form", lambda b, x: b[0] + power(b[1] * power(x[0], -b[3]) +
                b[2] * power(x[1], -b[4]), b[5]), ["1.6", "23000", "116000", "0.57", "0.53", "0.6"],
                grid(SIZES, ("1e9", "4e9", "1.6e10", "6e10")), "0.002", ["1"] * 6),
    "three_term": ("form", lambda b, x: b[0] + b[1] * power(x[0], -b[4]) + b[2] * power(x[2], -b[5])
                   + b[3] * power(x[1] / x[2], -b[6]),
                   ["1.6", "410", "90", "30", "0.34", "0.5", "0.4"],
                   batched(("1e9", "4e9", "1.6e10"), ("1e5", "4e5", "1.6e6")), "0.005", ["1"] * 7),
    "repetition_damage": ("form", damage,
                          ["1.7", "410", "1100", "0.34", "0.32", "0.04", "0.8", "0.5"],
                          repeated(("1e9", "2.5e9", "6e9", "1.6e10", "4e10")), "0.005", ["1"] * 8),
    "moe_granularity": ("form", lambda b, x: b[0] + (b[1] + b[2] * power(x[2], -b[4])) *
                        power(x[0], -b[5]) + b[3] * power(x[1], -b[6]),
                        ["1.5", "300", "250", "900", "0.6", "0.34", "0.31"],
                        experts(("1", "2", "4", "8")), "0.002", ["1"] * 7),
    "moe_experts": ("form", lambda b, x: b[0] + b[1] * power(x[2], b[5]) *
                    power(x[0], -(b[3] + b[7] * log(x[2]))) + b[2] * power(x[2], b[6]) *
                    power(x[1], -(b[4] + b[8] * log(x[2]))),
                    ["1.5", "400", "900", "0.34", "0.31", "-0.25", "0.1", "-0.008", "0.005"],
                    experts(("1", "4", "16", "64")), "0.002", ["1"] * 9),
}


def pseudo_noise(i):
    ratio = (sqrt(mpf(5)) - 1) / 2
    return (i + 1) * ratio - int((i + 1) * ratio) - mpf("0.5")


def rounded(value):
    return mp.nstr(value, 6, strip_zeros=False)


def residuals(problem, b, data):
    return matrix([y - problem[1](b, x) for x, y in data])


def jacobian(problem, b, data):
    columns = []
    for i, value in enumerate(b):
        step = abs(value) * mpf("1e-20")
        above, below = list(b), list(b)
        above[i], below[i] = value + step, value - step
        columns.append([(problem[1](above, x) - problem[1](below, x)) / (2 * step) for x, _ in data])
    return matrix(columns).T


def norm(values):
    return sqrt(sum(v * v for v in values))


def certify(problem, data):
    b = [mpf(s) for s in problem[2]]
    for _ in range(400):
        r = residuals(problem, b, data)
        j = jacobian(problem, b, data)
        sizes = [norm(j[:, k]) for k in range(len(b))]
        g = j.T * r
        if max(abs(g[k]) / sizes[k] for k in range(len(b))) < mpf("1e-38") * norm(r):
            break
        step = lu_solve(j.T * j, g)
        # Halved until the sum of squares falls: Gauss-Newton alone may overshoot.
        length = mpf(1)
        while length > mpf("1e-12"):
            trial = [v + length * s for v, s in zip(b, step)]
            if norm(residuals(problem, trial, data)) <= norm(r):
                break
            length /= 2
        b = trial
    else:
        raise SystemExit("did not converge")
    rss = norm(r) ** 2
    variance = rss / (len(data) - len(b))
    covariance = inverse(j.T * j)
    return b, [sqrt(variance * covariance[k, k]) for k in range(len(b))], rss


def main():
    print("# Written by trust_certify.py. Per problem: name, level, parameters, points, inputs of a "
          "point; the near and the far start; certified\n# parameters, their standard errors, the "
          "residual sum of squares; the points x0 x1 ... y.")
    for name, problem in PROBLEMS.items():
        level, formula, true, points, noise, far = problem
        b = [mpf(s) for s in true]
        texts = [(x, rounded(formula(b, x) * (1 + mpf(noise) * pseudo_noise(i))))
                 for i, x in enumerate(points)]
        # Inputs as the doubles that a program reads.
        data = [(tuple(mpf(float(mp.nstr(v, 17))) for v in x), mpf(float(y))) for x, y in texts]
        certified, errors, rss = certify(problem, data)
        print(f"problem {name} {level} {len(b)} {len(data)} {len(data[0][0])}")
        print("near", *[mp.nstr(v * (1 + mpf("0.05") * (-1) ** k), 8) for k, v in enumerate(b)])
        print("far", *[mp.nstr(v * mpf(f), 8) for v, f in zip(b, far)])
        print("certified", *[mp.nstr(v, 20) for v in certified])
        print("errors", *[mp.nstr(v, 20) for v in errors])
        print("rss", mp.nstr(rss, 20))
        for (x, y), text in zip(data, texts):
            print(*[repr(float(v)) for v in x], text[1])
        print(name, "done", file=sys.stderr)


if __name__ == "__main__":
    main()
