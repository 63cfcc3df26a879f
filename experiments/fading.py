"""Compare spend models, with the first order and with fading evidence, on customers' spend in the holdout.

Fits the models by laplace to the days up to each cut-off, and prints the tables of experiments/fading.md. A cut-off may
have the last day of its holdout after a colon:

    uv run python experiments/fading.py NAME=PATH@CUTOFF[:END],CUTOFF[:END] ... [SETTING=VALUE ...]
"""

import sys
import time
import warnings
from dataclasses import replace

import numpy as np
from spend_models import LEVELS, coverage

from tenure.backtest.scores import crps
from tenure.fit.run import explore, population
from tenure.fit.target import purchase_target, spend_target
from tenure.jobs.compose import compose_settings
from tenure.rfm import CompressedSummary, split_log
from tenure.scorer import Scorer
from tenure.spend import MODELS
from tenure.spend.order_evidence import evidence_of
from tenure.transactions import read

DRAWS = 1000
UNFADED = {"gamma_gamma_fading": "gamma_gamma_transactions", "gamma_gamma_orders": "gamma_gamma_first_order"}
GROUPS = ("x = 0", "x = 1, 2", "x > 2", "top decile")
GIVEN = []
VALUES = []


def main(arguments):
    for log in (part for part in arguments if "@" in part):
        name, _, rest = log.partition("=")
        path, _, cutoffs = rest.rpartition("@")
        for cutoff in cutoffs.split(","):
            first, _, end = cutoff.partition(":")
            ends = [f"rfm.end={end}"] if end else []
            others = [part for part in arguments if "@" not in part]
            settings = compose_settings(
                "train", [f"transactions.path={path}", f"rfm.cutoff={first}", "fit.method=laplace", *ends, *others]
            )
            compare(f"{name} {first}", settings)
    print("| log, cut-off | model | p | f | delta | buyers | " + " | ".join(f"{level:.0%}" for level in LEVELS)
          + f" | {' | '.join(GROUPS)} | bias | CRPS | less means | less unfaded |")  # fmt: skip
    print("\n".join(["|---" * 18 + "|", *GIVEN]))
    print("\n| log, cut-off | model | k-hat | fit | score | bias | CRPS of spend | less means | tails | "
          + " | ".join(GROUPS) + " |")  # fmt: skip
    print("\n".join(["|---" * 13 + "|", *VALUES]))


def compare(name, settings):
    """Keep a row of each model for both tables."""
    parts = split_log(read(settings.transactions, end=settings.rfm.end), settings.rfm.cutoff, settings.rfm.end)
    base = CompressedSummary.of(parts.calibration)
    purchases = explore(purchase_target(base, settings.fit), settings.fit, seed=1)
    given, values = {}, {}
    for model in MODELS:
        start = time.process_time()
        fit = replace(settings.fit, spend_model=model)
        fitted = explore(spend_target(base, fit), fit, seed=1)
        seconds = time.process_time() - start
        given[model] = spend_given_count(name, model, fitted, parts.calibration, parts.holdout, given)
        draws = {**purchases.draws, **fitted.draws}
        posterior = population(draws, (settings.fit.purchase_model, model), {"method": "laplace"}).thin(DRAWS)
        values[model] = spend_of_all(name, model, (fitted, posterior, seconds), parts, values)
        print(GIVEN[-1], VALUES[-1], sep="\n", file=sys.stderr, flush=True)


def spend_given_count(name, model, fitted, summary, holdout, before):
    """Judge forecasts of the spend of buyers, given how often each bought; return the CRPS of each."""
    paid = np.flatnonzero(holdout["spend"] > 0)
    counts, actual = holdout["purchases"].to_numpy(float)[paid], holdout["spend"].to_numpy()[paid]
    sums = draw_sums(fitted, summary.take(paid), counts)
    scores, forecast, x = crps(sums, actual), sums.mean(axis=1), summary.table["frequency"].to_numpy()[paid]
    within = np.array([coverage(sums, actual, level) for level in LEVELS])
    inside = [f"{100 * share:.1f}" for share in within.mean(axis=1)]
    numbers = [name, model, *(number_of(fitted, parameter) for parameter in ("p", "f", "delta")), f"{paid.size:,}"]
    numbers += [*inside, *(shares(within[:, group]) for group in groups(x, forecast))]
    numbers += [f"{100 * (forecast.sum() / actual.sum() - 1):+.0f}%", f"{scores.mean():.4g}"]
    others = [before.get("gamma_gamma"), before.get(UNFADED.get(model))]
    GIVEN.append("| " + " | ".join([*numbers, *(difference(scores, other) for other in others)]) + " |")
    return scores


def spend_of_all(name, model, result, parts, before):
    """Judge forecasts of all customers' spend over the holdout, purchases included; return the CRPS of each."""
    fitted, posterior, seconds = result
    scorer, actual = Scorer(posterior), parts.holdout["spend"].to_numpy()
    table = scorer.prepare(parts.calibration).table
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sums = scorer.simulate(table, horizon_days=parts.horizon_days, discount_rate=0.0, seed=3).clv
    took = time.process_time() - start
    scores, rng = crps(sums, actual), np.random.default_rng(4)
    below, equal = (sums < actual[:, None]).sum(axis=1), (sums == actual[:, None]).sum(axis=1)
    places = (below + rng.random(actual.size) * (equal + 1)) / (DRAWS + 1)
    members = (np.full(actual.size, True), *groups(table["frequency"].to_numpy(), sums.mean(axis=1)))
    tails = [f"{100 * (places[one] < 0.05).mean():.1f}/{100 * (places[one] > 0.95).mean():.1f}" for one in members]
    khat = fitted.diagnostics.get("proposal_khat")
    numbers = [name, model, "NUTS" if khat is None else f"{khat:.2f}", f"{seconds:.1f} s", f"{took:.1f} s"]
    numbers += [f"{100 * (sums.mean(axis=1).sum() / actual.sum() - 1):+.1f}%", f"{scores.mean():.4g}"]
    VALUES.append("| " + " | ".join([*numbers, difference(scores, before.get("gamma_gamma")), *tails]) + " |")
    return scores


def groups(x, forecast):
    """Return the members of each of `GROUPS`."""
    return x == 0, (x > 0) & (x < 3), x > 2, forecast >= np.quantile(forecast, 0.9)


def shares(within):
    """Return the coverage at each level, in percent, and the number of customers."""
    return "/".join(f"{100 * share:.0f}" for share in within.mean(axis=1)) + f" ({within.shape[1]:,})"


def draw_sums(fitted, summary, counts, seed=2):
    """Draw sums of `counts` purchases of each customer, shape (customers, draws)."""
    rng, draws = np.random.default_rng(seed), {key: np.ravel(value)[::4] for key, value in fitted.draws.items()}
    p, q, v = (draws[key] for key in "pqv")
    delta = float(draws.get("delta", [1.0])[0])
    table = summary.with_faded(delta).table if delta < 1.0 else summary.table
    evidence = evidence_of(table, fitted.target.spec, delta)
    first, number, spend = (column[:, None] for column in (evidence.first, evidence.number, evidence.spend))
    c, b = q - 1.0 + 0.0 * first, v + 0.0 * first
    c = np.where(first > 0, delta * c + p, c)
    b = np.where(first > 0, delta * b + first / draws.get("f", 1.0), b)
    left = np.maximum(1.0 - (1.0 - delta) * number, 0.0)
    c, b = left * c + p * number, left * b + spend
    if delta == 1.0:
        return rng.standard_gamma(p * counts[:, None]) * b / rng.standard_gamma(1.0 + c)
    sums, at, rest = np.zeros(c.shape), np.arange(counts.size), counts
    while at.size:
        shape = p + 0.0 * c
        z = rng.standard_gamma(shape) * b / rng.standard_gamma(1.0 + c)
        sums[at] += z
        more = rest > 1
        at, rest, c, b = at[more], rest[more] - 1, (delta * c + p)[more], (delta * b + z)[more]
    return sums


def number_of(fitted, parameter):
    return f"{fitted.draws[parameter].mean():.3f}" if parameter in fitted.draws else ""


def difference(scores, others):
    """Return the mean difference to other scores of the same customers, with its error in brackets by customers."""
    if others is None:
        return ""
    less = scores - others
    return f"{less.mean():+.3g} ± {less.std() / np.sqrt(less.size):.2g}"


if __name__ == "__main__":
    main(sys.argv[1:])
