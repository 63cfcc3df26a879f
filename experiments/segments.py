"""Compare segments with partial pooling, pooled and apart, and print the tables of experiments/segments.md.

uv run python experiments/segments.py recovery CUSTOMERS BASES [SHARE]  # of a segment; SHARE of the spreads
uv run python experiments/segments.py calibration FITS   # simulation-based calibration of population and spreads
uv run python experiments/segments.py cost               # CPU seconds by the number of segments
uv run python experiments/segments.py log PATH@CUTOFF SEGMENT [SETTING=VALUE ...]   # on the holdout of a log
"""

import sys
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import kstest

from tenure.backtest import evaluate_holdout
from tenure.failures import Failures
from tenure.fit import fit_models
from tenure.fit.mode import find_mode
from tenure.fit.target import purchase_target, spend_target
from tenure.jobs.compose import compose_settings
from tenure.posterior import Posterior
from tenure.purchase import model_part
from tenure.rfm import CompressedSummary, split_log
from tenure.scorer import Scorer
from tenure.settings import FitSettings, ScaleSettings
from tenure.spend import model_part as spend_part
from tenure.summary import CustomerSummary
from tenure.transactions import read

SEGMENTS, HORIZON, LEVEL = 20, 365, 0.90
SPREADS = {"rate": 0.4, "dropout": 0.4, "spend": 0.3}
RATE, DROPOUT, SPEND = 0.006, 0.3, 30.0
FIT = FitSettings(method="laplace", draws=500, joint_draws=1000, segments=["segment"], spend_model="gamma_gamma")
RECOVERY = replace(FIT, draws=250, joint_draws=500)
FINE = 100  # units of time in a day, of simulation-based calibration: whole days would bias frequent purchases
CALIBRATION = replace(FIT, draws=250, joint_draws=100, scale=ScaleSettings(time_days=300.0 * FINE, money=30.0))
VARYING = ("mean_rate", "dropout_mean", "mean_spend")


def draw_base(segments, size, rng, of_spreads=1.0):
    """Draw a customer base from the model's own law; return its summaries, and new customers' value by segment."""
    parts, values, spreads = [], [], {name: of_spreads * one for name, one in SPREADS.items()}
    for at in range(segments):
        rate = RATE * np.exp(rng.normal(0, spreads["rate"]))
        odds = DROPOUT / (1 - DROPOUT) * np.exp(rng.normal(0, spreads["dropout"]))
        spend, share = SPEND * np.exp(rng.normal(0, spreads["spend"])), odds / (1 + odds)
        truth = {
            "r": 0.8,
            "alpha": 0.8 / rate,
            "a": 2 * share,
            "b": 2 * (1 - share),
            "p": 4.0,
            "q": 4.0,
            "v": spend * 0.75,
        }
        parts.append(summaries_of(truth, size, rng).assign(segment=f"s{at:03}"))
        draws = {name: np.full((1, 100), value) for name, value in truth.items()}
        values.append(value_of(Posterior(draws, "bg_nbd", "gamma_gamma"))[0])
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "customer_id", [f"c{at}" for at in range(len(frame))])
    return frame, np.array(values)


def summaries_of(truth, size, rng, unit=1):
    """Simulate the customer summaries of one segment."""
    process = model_part("bg_nbd", "process").Process(
        **{name: truth[name] for name in ("r", "alpha", "a", "b")}, chances=0
    )
    T = unit * rng.integers(150, 500, size)
    x, t_x = process.draw_histories(T.astype(float), rng)
    recency = np.minimum(np.maximum(np.ceil(t_x).astype(int), x), T)
    x = np.minimum(x, recency)
    money = spend_part("gamma_gamma", "process").Process(**{name: truth[name] for name in ("p", "q", "v")})
    means = np.where(x > 0, money.draw_means(np.maximum(x, 1), rng), 0.0)
    columns = {"frequency": x, "recency": np.where(x > 0, recency, 0), "T": T, "monetary_value": means}
    return pd.DataFrame(columns)


def value_of(posterior):
    """Return the expected spend of a new customer on repeat purchases within the horizon, by draw."""
    purchases = Scorer(posterior, threads=1).expected_new_customer(np.array([HORIZON]))[:, 0]
    return purchases * posterior.specs[1].mean.value(posterior.joint())


def summary_of(frame):
    return CustomerSummary.from_frame(frame, segments=["segment"])


HEADER = (
    "customers a segment", "spreads", "bases", "pooled", "apart", "segments", "less the better", "variances",
    "coverage", "k-hat", "inner error",
)  # fmt: skip


def recover(size, bases, of_spreads):
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    errors, inside, certificates = {"pooled": [], "apart": [], "segments": []}, [], []
    for seed in range(bases):
        frame, truth = draw_base(SEGMENTS, size, np.random.default_rng([size, seed]), of_spreads)
        errors["pooled"] += list(most_likely(frame) - truth)
        errors["apart"] += [most_likely(own) - truth[at] for at, (_, own) in enumerate(frame.groupby("segment"))]
        fitted = fit_models(summary_of(frame), RECOVERY, seed=seed)
        for at in range(SEGMENTS):
            values = value_of(fitted.posterior.of_segment(at))
            errors["segments"].append(values.mean() - truth[at])
            low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            inside.append(low <= truth[at] <= high)
        numbers = fitted.diagnostics
        certificates.append([max(numbers[f"{model}.{name}"] for model in ("purchases", "spend"))
                             for name in ("proposal_khat", "segments_inner_error")])  # fmt: skip
        if seed + 1 == bases or seed % 10 == 9:
            row = row_of(size, of_spreads, errors, inside, np.max(certificates, axis=0))
            print(row, file=sys.stdout if seed + 1 == bases else sys.stderr, flush=True)


def row_of(size, of_spreads, errors, inside, largest):
    rmse = {name: float(np.sqrt(np.mean(np.square(one)))) for name, one in errors.items()}
    share = rmse["segments"] / min(rmse["pooled"], rmse["apart"])
    numbers = [f"{rmse[name]:.2f}" for name in ("pooled", "apart", "segments")]
    about = [f"{size:,}", f"{of_spreads:g}", f"{len(inside) // SEGMENTS}"]
    further = [f"{share:.2f}", f"{(rmse['pooled'] / rmse['apart']) ** 2:.2f}", f"{np.mean(inside):.1%}"]
    return "| " + " | ".join([*about, *numbers, *further, *(f"{one:.2f}" for one in largest)]) + " |"


def most_likely(frame):
    """Return the value of a new customer of one population at the posterior mode."""
    base, draws = CompressedSummary.of(summary_of(frame.reset_index(drop=True))), {}
    for target in (purchase_target(base, RECOVERY), spend_target(base, RECOVERY)):
        draws |= target.quantities(np.broadcast_to(find_mode(target).point, (1, 100, len(target.names))))
    draws = {name: draws[name] for name in ("r", "alpha", "a", "b", "p", "q", "v")}
    return value_of(Posterior(draws, "bg_nbd", "gamma_gamma"))[0]


def calibrate(fits):
    """Print the ranks of true population parameters and spreads among their draws, by tenths."""
    ranks = {}
    for seed in range(fits):
        rng = np.random.default_rng([7, seed])
        frame, truth = draw_from_prior(rng)
        base = CompressedSummary.of(summary_of(frame), ["segment"])
        models = fit_models(base, CALIBRATION, seed=seed).models
        for model in models.values():
            u = model.u.reshape(-1, model.u.shape[-1])
            for at, name in enumerate(model.target.names):
                ranks.setdefault(name, []).append(np.mean(u[:, at] < truth[name]))
    print("| quantity | fits | mean rank | uniform by Kolmogorov-Smirnov, p | inside 50% | inside 90% |")
    print("|---|---|---|---|---|---|")
    for name, one in ranks.items():
        one = np.array(one)
        numbers = [f"{np.mean(np.abs(one - 0.5) <= level / 2):.0%}" for level in (0.5, 0.9)]
        about = [name, f"{one.size}", f"{one.mean():.3f}", f"{kstest(one, 'uniform').pvalue:.2f}"]
        print("| " + " | ".join([*about, *numbers]) + " |")


def draw_from_prior(rng, segments=10, size=60):
    """Draw a population and spreads from their priors, and a customer base; return it and the truth by coordinate."""
    priors, spread = {**CALIBRATION.priors_of("bg_nbd"), **CALIBRATION.priors_of("gamma_gamma")}, CALIBRATION
    truth = {name: draw_one(prior, rng) for name, prior in priors.items()}
    for name in VARYING:
        truth[f"{name}_spread"] = np.log(draw_one(spread.segment_spread, rng, is_log=False))
    names, parts = tuple(priors), []
    for at in range(segments):
        u = np.array([truth[name] for name in names])
        for name in VARYING:
            u[names.index(name)] += np.exp(truth[f"{name}_spread"]) * rng.normal()
        own = {
            **model_part("bg_nbd", "likelihood").to_parameters(u[:4], CALIBRATION.scale.time_days),
            **spend_part("gamma_gamma", "likelihood").to_parameters(u[4:], CALIBRATION.scale.money),
        }
        parts.append(summaries_of(own, size, rng, FINE).assign(segment=f"s{at:03}"))
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "customer_id", [f"c{at}" for at in range(len(frame))])
    return frame, truth


def draw_one(prior, rng, is_log=True):
    """Draw from a prior: the log, or the log odds of a share."""
    values = prior.parameters
    match prior.distribution:
        case "LogNormal":
            x = rng.lognormal(values["mu"], values["sigma"])
        case "Gamma":
            x = rng.gamma(values["alpha"], 1 / values["beta"])
        case "InverseGamma":
            x = values["beta"] / rng.gamma(values["alpha"])
        case "HalfNormal":
            x = abs(rng.normal(0, values["sigma"]))
        case "Exponential":
            x = rng.exponential(1 / values["lam"])
        case "Beta":
            x = rng.beta(values["alpha"], values["beta"])
            return np.log(x) - np.log1p(-x)
    return np.log(x) if is_log else x


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
    fixed = ["fit.method=laplace", "fit.spend_model=gamma_gamma"]  # the default spend model has no segments
    fixed += ["backtest.baselines.names=[zero]", f"transactions.path={path}"]
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
        case ["recovery", size, bases, *of_spreads]:
            recover(int(size), int(bases), float(of_spreads[0]) if of_spreads else 1.0)
        case ["calibration", fits]:
            calibrate(int(fits))
        case ["cost"]:
            measure_cost()
        case ["log", place, segment, *others]:
            compare_log(place, segment, others)
        case _:
            sys.exit(__doc__)
