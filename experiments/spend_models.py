"""Compare the spend models on customers' spend in the holdout, given how often they bought in it.

Fits the spend models alone, by laplace, to the days up to each cut-off, and prints the tables of
experiments/spend_models.md. A cut-off may have the last day of its holdout after a colon:

    uv run python experiments/spend_models.py NAME=PATH@CUTOFF[:END],CUTOFF[:END] ... [SETTING=VALUE ...]
    uv run python experiments/spend_models.py merged
"""

import sys
from dataclasses import replace

import numpy as np

from tenure.backtest.scores import crps
from tenure.fit.run import explore
from tenure.fit.target import spend_target
from tenure.jobs.compose import compose_settings
from tenure.rfm import CompressedSummary, Histories, Spends, split_log
from tenure.simulate import spend_process
from tenure.spend import MODELS
from tenure.summary import Amounts
from tenure.transactions import read

LEVELS = (0.50, 0.80, 0.90, 0.95)
TRUTH = {"p": 3.0, "q": 4.0, "v": 20.0}


def main(arguments):
    logs = [part for part in arguments if "@" in part]
    others = [part for part in arguments if part not in logs]
    print("| log, cut-off | model | p | left out | buyers | " + " | ".join(f"{level:.0%}" for level in LEVELS)
          + " | x = 0 | x = 1, 2 | x > 2 | top decile | bias | CRPS | less than gamma_gamma |")  # fmt: skip
    print("|---" * 16 + "|")
    for log in logs:
        name, _, rest = log.partition("=")
        path, _, cutoffs = rest.rpartition("@")
        for cutoff in cutoffs.split(","):
            first, _, end = cutoff.partition(":")
            ends = [f"rfm.end={end}"] if end else []
            settings = compose_settings(
                "train", [f"transactions.path={path}", f"rfm.cutoff={first}", "fit.method=laplace", *ends, *others]
            )
            compare(f"{name} {first}", settings)


def compare(name, settings):
    """Print a row of each model."""
    parts = split_log(read(settings.transactions, end=settings.rfm.end), settings.rfm.cutoff, settings.rfm.end)
    base, paid = CompressedSummary.of(parts.calibration), (parts.holdout["spend"] > 0).to_numpy()
    customers, holdout = parts.calibration.table[paid], parts.holdout[paid]
    x, mean = customers["frequency"].to_numpy(float), customers["monetary_value"].to_numpy()
    counts, actual = holdout["purchases"].to_numpy(float), holdout["spend"].to_numpy()
    before = None
    for model in MODELS:
        fitted = explore(spend_target(base, replace(settings.fit, spend_model=model)), settings.fit, seed=1)
        sums = draw_sums(fitted.draws, x, mean, counts)
        scores = crps(sums, actual)
        before = scores if before is None else before
        left_out = base.amounts.left_out if MODELS[model].without_amounts else 0
        print_row(name, model, fitted, left_out, x, sums, actual, scores, before)


def draw_sums(draws, x, mean, counts, seed=2):
    """Draw sums of `counts` purchases of each customer, shape (customers, draws)."""
    rng = np.random.default_rng(seed)
    p, q, v = (np.ravel(draws[name])[::4] for name in ("p", "q", "v"))
    bought = np.where(mean > 0, x, 0.0)[:, None]
    nu = rng.standard_gamma(p * bought + q) / (v + bought * mean[:, None])
    return rng.standard_gamma(p * counts[:, None]) / nu


def sum_by(values, counts):
    """Sum the values of customers who have `counts` of them each."""
    return np.add.reduceat(values, np.append(0, counts.cumsum()[:-1]))


def coverage(sums, actual, level):
    below = (sums < actual[:, None]).mean(axis=1)
    return np.abs(below - 0.5) < level / 2


def print_row(name, model, fitted, left_out, x, sums, actual, scores, before):
    forecast = sums.mean(axis=1)
    groups = (x == 0, (x > 0) & (x < 3), x > 2, forecast >= np.quantile(forecast, 0.9))
    inside = [100 * coverage(sums, actual, level).mean() for level in LEVELS]
    within = coverage(sums, actual, 0.90)
    less = before - scores
    error = less.std() / np.sqrt(less.size)
    numbers = [name, model, f"{fitted.draws['p'].mean():.2f}", f"{left_out}", f"{actual.size:,}"]
    numbers += [f"{share:.0f}" for share in inside]
    numbers += [f"{100 * within[group].mean():.0f}" for group in groups]
    numbers += [f"{100 * (forecast.sum() / actual.sum() - 1):+.0f}%", f"{scores.mean():.4g}"]
    gain = "" if scores is before else f"{less.mean():.3g} ± {error:.2g} ({less.mean() / before.mean():.1%})"
    print("| " + " | ".join([*numbers, gain]) + " |", flush=True)


def merged():
    """Print what becomes of p and of the coverage if a share of the days has two orders."""
    settings = replace(compose_settings("train").fit, method="laplace")
    print("| days with two orders | model | p (3 in truth) | " + " | ".join(f"{level:.0%}" for level in LEVELS) + " |")
    print("|---" * 7 + "|")
    for share in (0.0, 0.05, 0.10, 0.20):
        rng = np.random.default_rng(4)
        x, later = rng.geometric(0.35, 4000), rng.geometric(0.35, 4000)
        process = spend_process("gamma_gamma", TRUTH)
        nu = process.draw_state(x.size, rng)
        days = [process.draw_sums(np.repeat(nu, n), 1.0 + (rng.random(n.sum()) < share), rng) for n in (x, later)]
        sums = [
            np.add.reduceat(spent, np.append(0, n.cumsum()[:-1])) for spent, n in zip(days, (x, later), strict=True)
        ]
        logs = np.add.reduceat(np.log(days[0] / np.repeat(sums[0] / x, x)), np.append(0, x.cumsum()[:-1]))
        one, mean = np.ones(x.size, np.int64), sums[0] / x
        amounts = Amounts(x, mean, np.minimum(logs, 0.0), one, 0.0, int(x.sum()))
        base = CompressedSummary(Histories(x, x, x, one), Spends(x, mean, one), None, None, amounts)
        for model in MODELS:
            fitted = explore(spend_target(base, replace(settings, spend_model=model)), settings, seed=1)
            future_sums = draw_sums(fitted.draws, x.astype(float), mean, later.astype(float))
            inside = [f"{100 * coverage(future_sums, sums[1], level).mean():.1f}" for level in LEVELS]
            shape = fitted.draws["p"]
            print(f"| {share:.0%} | {model} | {shape.mean():.2f} ± {shape.std():.2f} | " + " | ".join(inside) + " |")


if __name__ == "__main__":
    merged() if sys.argv[1:] == ["merged"] else main(sys.argv[1:])
