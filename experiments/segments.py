"""Compare segments with partial pooling, pooled and apart, and print the tables of experiments/segments.md.

uv run python experiments/segments.py recovery BASES     # against the truth, by the number of customers of a segment
uv run python experiments/segments.py cost               # CPU seconds by the number of segments
uv run python experiments/segments.py log PATH@CUTOFF SEGMENT [SETTING=VALUE ...]   # on the holdout of a log
"""

import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from tenure.backtest import evaluate_holdout
from tenure.failures import Failures
from tenure.fit import fit_models
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.purchase import model_part
from tenure.rfm import CompressedSummary, split_log
from tenure.scorer import Scorer
from tenure.settings import FitSettings
from tenure.spend import model_part as spend_part
from tenure.summary import CustomerSummary
from tenure.transactions import read

SEGMENTS, HORIZON, LEVEL = 20, 365, 0.90
SPREADS = {"rate": 0.4, "dropout": 0.4, "spend": 0.3}
RATE, DROPOUT, SPEND = 0.006, 0.3, 30.0
FIT = FitSettings(method="laplace", draws=500, joint_draws=1000, segments=["segment"])


def draw_base(segments, size, rng):
    """Draw a customer base from the model's own law; return its summaries, and new customers' value by segment."""
    parts, values = [], []
    for at in range(segments):
        rate = RATE * np.exp(rng.normal(0, SPREADS["rate"]))
        odds = DROPOUT / (1 - DROPOUT) * np.exp(rng.normal(0, SPREADS["dropout"]))
        spend, share = SPEND * np.exp(rng.normal(0, SPREADS["spend"])), odds / (1 + odds)
        truth = {
            "r": 0.8,
            "alpha": 0.8 / rate,
            "a": 2 * share,
            "b": 2 * (1 - share),
            "p": 4.0,
            "q": 4.0,
            "v": spend * 0.75,
        }
        process = model_part("bg_nbd", "process").Process(
            **{name: truth[name] for name in ("r", "alpha", "a", "b")}, chances=0
        )
        T = rng.integers(150, 500, size)
        x, t_x = process.draw_histories(T.astype(float), rng)
        recency = np.minimum(np.maximum(np.ceil(t_x).astype(int), x), T)
        x = np.minimum(x, recency)
        money = spend_part("gamma_gamma", "process").Process(p=4.0, q=4.0, v=truth["v"])
        means = np.where(x > 0, money.draw_means(np.maximum(x, 1), rng), 0.0)
        columns = {"frequency": x, "recency": np.where(x > 0, recency, 0), "T": T, "monetary_value": means}
        parts.append(pd.DataFrame({**columns, "segment": f"s{at:03}"}))
        draws = {name: np.full((1, 100), value) for name, value in truth.items()}
        values.append(value_of(Posterior(draws, "bg_nbd", "gamma_gamma"))[0])
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "customer_id", [f"c{at}" for at in range(len(frame))])
    return frame, np.array(values)


def value_of(posterior):
    """Return the expected spend of a new customer on repeat purchases within the horizon, by draw."""
    purchases = Scorer(posterior, threads=1).expected_new_customer(np.array([HORIZON]))[:, 0]
    return purchases * posterior.specs[1].mean.value(posterior.joint())


def summary_of(frame):
    return CustomerSummary.from_frame(frame, segments=["segment"])


def recover(bases):
    header = "| customers a segment | pooled | apart | segments | less the better | coverage | k-hat | inner error |"
    print(header + "\n|---|---|---|---|---|---|---|---|")
    point = replace(FIT, method="map", segments=[], draws=100, joint_draws=100)
    for size in (20, 100, 1000):
        errors, inside, certificates = {"pooled": [], "apart": [], "segments": []}, [], []
        for seed in range(bases):
            frame, truth = draw_base(SEGMENTS, size, np.random.default_rng([size, seed]))
            pooled = fit_models(summary_of(frame), point, seed=seed).posterior
            errors["pooled"] += list(value_of(pooled)[0] - truth)
            for at, (_, own) in enumerate(frame.groupby("segment")):
                apart = fit_models(summary_of(own.reset_index(drop=True)), point, seed=seed).posterior
                errors["apart"].append(value_of(apart)[0] - truth[at])
            fitted = fit_models(summary_of(frame), FIT, seed=seed)
            for at in range(SEGMENTS):
                values = value_of(fitted.posterior.of_segment(at))
                errors["segments"].append(values.mean() - truth[at])
                low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                inside.append(low <= truth[at] <= high)
            numbers = fitted.diagnostics
            certificates.append([max(numbers[f"{model}.{name}"] for model in ("purchases", "spend"))
                                 for name in ("proposal_khat", "segments_inner_error")])  # fmt: skip
        rmse = {name: float(np.sqrt(np.mean(np.square(one)))) for name, one in errors.items()}
        share = rmse["segments"] / min(rmse["pooled"], rmse["apart"])
        khat, error = np.max(certificates, axis=0)
        numbers = [f"{rmse[name]:.2f}" for name in ("pooled", "apart", "segments")]
        row = [f"{size:,}", *numbers, f"{share:.2f}", f"{np.mean(inside):.1%}", f"{khat:.2f}", f"{error:.2f}"]
        print("| " + " | ".join(row) + " |", flush=True)


def measure_cost():
    print("| segments | customers | one population | segments | times | k-hat | inner error |")
    print("|---|---|---|---|---|---|---|")
    for segments, size in ((10, 10_000), (100, 1000), (500, 200), (500, 2000)):
        frame, _ = draw_base(segments, size, np.random.default_rng(segments))
        whole = summary_of(frame)
        plain, split = CompressedSummary.of(whole), CompressedSummary.of(whole, ["segment"])
        settings = replace(FIT, draws=1000)
        seconds, fits = [], []
        for base, one in ((plain, replace(settings, segments=[])), (split, settings)):
            start = time.process_time()
            fits.append(fit_models(base, one, seed=0))
            seconds.append(time.process_time() - start)
        numbers = fits[1].diagnostics
        khat, error = (max(numbers[f"{model}.{name}"] for model in ("purchases", "spend"))
                       for name in ("proposal_khat", "segments_inner_error"))  # fmt: skip
        row = [f"{segments}", f"{segments * size:,}", *(f"{one:.0f} s" for one in seconds)]
        print(
            "| " + " | ".join([*row, f"{seconds[1] / seconds[0]:.1f}", f"{khat:.2f}", f"{error:.2f}"]) + " |",
            flush=True,
        )


def compare_log(place, segment, others):
    path, _, cutoff = place.partition("@")
    fixed = ["fit.method=laplace", "backtest.baselines.names=[zero]", f"transactions.path={path}"]
    backtests = []
    print("| log | fit | CRPS of purchases | CRPS of spend | bias of purchases | bias of spend |")
    print("|---|---|---|---|---|---|")
    for name, more in (("one population", []), (f"by {segment}", [f"fit.segments=[{segment}]"])):
        settings = compose_settings("train", [*fixed, *more, *others])
        transactions = read(settings.transactions, end=settings.rfm.end)
        split = split_log(transactions, cutoff, settings.rfm.end)
        fitted = fit_models(split.calibration, settings.fit, seed=0)
        scorer = Scorer(fitted.posterior.thin(settings.fit.joint_draws))
        failures = Failures(split.calibration.table["customer_id"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backtest, _ = evaluate_holdout(
                transactions, split, scorer, settings.backtest, level=LEVEL, seed=0, failures=failures
            )
        backtests.append(backtest)
        numbers = [backtest.metrics[f"{outcome}.crps"] for outcome in ("purchases", "spend")]
        biases = [backtest.metrics[f"{outcome}.bias"] for outcome in ("purchases", "spend")]
        row = [place, name, *(f"{one:.4g}" for one in numbers), *(f"{one:+.1%}" for one in biases)]
        print("| " + " | ".join(row) + " |", flush=True)
    for outcome in ("purchases", "spend"):
        difference = backtests[1].outcome(outcome).crps - backtests[0].outcome(outcome).crps
        print(f"{outcome}: {difference.mean():+.4g} ± {difference.std() / np.sqrt(difference.size):.2g} by {segment}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["recovery", bases]:
            recover(int(bases))
        case ["cost"]:
            measure_cost()
        case ["log", place, segment, *others]:
            compare_log(place, segment, others)
        case _:
            sys.exit(__doc__)
