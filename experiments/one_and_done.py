"""Compare BG/NBD, MBG/NBD and zero-inflated BG/NBD on holdouts, and print the tables of experiments/one_and_done.md.

uv run python experiments/one_and_done.py NAME=PATH@CUTOFF,CUTOFF ... [SETTING=VALUE ...]

A NAME is anything; PATH ends in .csv or .parquet; each CUTOFF is a last day of calibration, and the rest of the log is
the holdout. Settings are those of tenure-train. Differences are paired over customers.
"""

import logging
import sys
from dataclasses import replace

import numpy as np

from tenure.backtest import evaluate_holdout
from tenure.failures import Failures
from tenure.fit import fit_models, maximum_likelihood
from tenure.jobs.compose import compose_settings
from tenure.rfm import CompressedSummary, split_log
from tenure.scorer import Scorer
from tenure.transactions import read

MODELS = ("bg_nbd", "mbg_nbd", "zi_bg_nbd")
LAPLACE = ["fit.method=laplace", "backtest.baselines.names=[zero]"]
HEADER = (
    "log, cut-off, days", "model", "log-likelihood", "pi0", "k-hat", "CRPS", "less bg_nbd", "bias",
    "tails", "tails of one-time buyers", "gap of P(purchase)",
)  # fmt: skip


def main(arguments):
    logs = [part for part in arguments if "@" in part]
    others = [part for part in arguments if part not in logs]
    print("| " + " | ".join(HEADER) + " |\n|" + "---|" * len(HEADER))
    for log in logs:
        name, _, rest = log.partition("=")
        path, _, cutoffs = rest.partition("@")
        settings = compose_settings("train", [*LAPLACE, f"transactions.path={path}", *others])
        transactions = read(settings.transactions, end=settings.rfm.end)
        for cutoff in cutoffs.split(","):
            split = split_log(transactions, cutoff, settings.rfm.end)
            compare(f"{name}, {cutoff}, {split.horizon_days}", transactions, split, settings)


def compare(title, transactions, split, settings):
    """Fit and measure every model on one split, and print a row for each."""
    base, reference = CompressedSummary.of(split.calibration), None
    for model in MODELS:
        top = maximum_likelihood(base, model)["purchases_log_likelihood"]
        fitted = fit_models(base, replace(settings.fit, purchase_model=model), seed=settings.seed)
        backtest, holdout = evaluate_holdout(
            transactions, split, Scorer(fitted.posterior.thin(settings.fit.joint_draws)), settings.backtest,
            level=settings.review.level, seed=settings.seed, past_errors={},
            failures=Failures(split.calibration.table["customer_id"]),
        )  # fmt: skip
        crps = backtest.outcome("purchases").crps
        reference = crps if reference is None else reference
        print_row(title, model, top, fitted, holdout.metrics, crps, crps - reference)


def print_row(title, model, top, fitted, metrics, crps, less):
    pi0 = fitted.posterior.draws.get("pi0")
    share = "" if pi0 is None else f"{pi0.mean():.3f} ± {pi0.std():.3f}"
    khat = fitted.diagnostics.get("purchases.proposal_khat", np.nan)
    khat = f"{khat:.2f}" if fitted.methods["purchases"] == "laplace" else "NUTS"
    paired = "" if model == MODELS[0] else f"{less.mean():+.5f} ± {less.std(ddof=1) / np.sqrt(less.size):.5f}"
    tails = [metrics[f"purchases.{place}"] for place in ("pit_low_tail", "pit_high_tail")]
    one_time = [metrics[f"purchases.one_time.{place}"] for place in ("below_90", "above_90")]
    cells = (
        title, model, f"{top:,.1f}", share, khat, f"{crps.mean():.4f}", paired, f"{metrics['purchases.bias']:+.1%}",
        "/".join(f"{100 * tail:.1f}" for tail in tails), "/".join(f"{100 * tail:.1f}" for tail in one_time),
        f"{metrics['p_purchase.largest_gap']:.3f}",
    )  # fmt: skip
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    main(sys.argv[1:])
