"""Try two changes of the drift of totals: a bias prior with mean -5%, and a term for the same season of last year.

Prints the tables of experiments/drift_tries.md: `ratios` and `fits` over the scenarios of `drift.py`, or rolling
origins of purchase logs, whose holdouts do not overlap:

    uv run python experiments/drift_tries.py ratios [--logs 100]
    uv run python experiments/drift_tries.py fits [--logs 4]
    uv run python experiments/drift_tries.py NAME=PATH ...
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from drift import DRAWS, SCENARIOS, SHIPPED, fits, forecast_origins, ratios
from numpy.typing import NDArray
from scipy.special import stdtrit

from tenure.backtest import crps, rolling_origins
from tenure.jobs.compose import compose_settings
from tenure.outcomes import OUTCOMES
from tenure.totals import Drift, PastError, estimate_drift
from tenure.totals.drift import ESTIMATED
from tenure.transactions import read

type Floats = NDArray[np.float64]
type Origin = tuple[PastError, float, Floats]  # of a holdout: its past error, actual total and joint draws of the total

LEVELS = (0.50, 0.80, 0.90)
DAYS = (28, 91)
YEAR = 365.25
BIAS = np.log(0.95)
KINDS = ("assumed", "estimated", "estimated, with a year ago")
LONG = 17  # periods of four years
GRID = 24  # points each of tau and omega
DRIFT_DRAWS = 4000


class Case(NamedTuple):
    """A holdout to forecast, the errors before it, and where random numbers start."""

    holdout: PastError
    past: Sequence[PastError]
    seed: tuple[int, int]

    @property
    def years_ago(self) -> list[bool]:
        """Return for each past error whether its holdout is the season of this one, in an earlier year."""
        return [is_same_season(one, self.holdout) for one in self.past]


def is_same_season(one: PastError, other: PastError) -> bool:
    """Return whether two holdouts begin on about the same day of the year: no further apart than half a holdout."""
    days = (other.cutoff - one.cutoff).days
    return abs(days - YEAR * round(days / YEAR)) <= one.horizon_days / 2


def draw_shipped(case: Case, bias: float = 0.0) -> Drift:
    """Estimate the drift as shipped, but with a prior mean of the bias."""
    moved = [PastError(one.cutoff, one.end, one.log_ratio - bias, one.log_sd) for one in case.past]
    rng = np.random.default_rng(case.seed)
    drift = estimate_drift(moved, case.holdout.cutoff, SHIPPED, draws=DRIFT_DRAWS, rng=rng)
    return Drift(drift.logs + bias, drift.source, drift.periods)


def draw_seasonal(case: Case) -> Drift:
    """Estimate the drift with an effect of the season, which has a half-t prior of its own, as that of tau.

    d_o = delta + gamma_season + eta_o + e_o with gamma ~ N(0, omega^2). Where no earlier holdout has the season of this
    one, the drift is the shipped one.
    """
    shipped = draw_shipped(case)
    if shipped.source != ESTIMATED or not any(case.years_ago):
        return shipped
    rng = np.random.default_rng(case.seed)
    mean, variance, tau, weight = seasonal_posterior(case)
    at = rng.choice(weight.size, DRIFT_DRAWS, p=weight)
    return Drift(rng.normal(mean[at], np.sqrt(variance + tau**2)[at]), ESTIMATED, shipped.periods)


def seasonal_posterior(case: Case) -> tuple[Floats, Floats, Floats, Floats]:
    """Compute mean and variance of delta + gamma of the holdout's season, tau, and the weight of each grid point."""
    place = 0.5 + (np.arange(GRID) + 0.5) / (2 * GRID)
    scales = SHIPPED.spread_sd * np.asarray(stdtrit(SHIPPED.spread_df, place), np.float64)
    tau, omega = (axis.ravel() for axis in np.meshgrid(scales, scales))
    d = np.array([one.log_ratio for one in case.past])
    same = np.array([[is_same_season(one, other) for other in case.past] for one in case.past], float)
    own = np.array([max(one.log_sd, 1e-6) ** 2 for one in case.past])
    bias, season = SHIPPED.bias_sd**2, omega[:, None, None] ** 2
    covariance = bias + season * same + np.eye(d.size) * (tau[:, None, None] ** 2 + own)
    shared = bias + omega[:, None] ** 2 * np.array(case.years_ago, float)
    solved = np.linalg.solve(covariance, np.stack([np.broadcast_to(d, shared.shape), shared], axis=-1))
    log_likelihood = -0.5 * (np.linalg.slogdet(covariance)[1] + solved[..., 0] @ d)
    weight = np.exp(log_likelihood - log_likelihood.max())
    mean = (shared * solved[..., 0]).sum(axis=1)
    variance = bias + omega**2 - (shared * solved[..., 1]).sum(axis=1)
    return mean, variance, tau, weight / weight.sum()


TRIES: dict[str, Callable[[Case], Drift]] = {
    "shipped": draw_shipped,
    "bias prior -5%": lambda case: draw_shipped(case, BIAS),
    "same season": draw_seasonal,
}


def measure(origins: Iterator[Origin], seed: int) -> list[dict[str, object]]:
    """Return a row for each origin and try: what its intervals cover, and how wide they are."""
    rows: list[dict[str, object]] = []
    past: list[PastError] = []
    for holdout, actual, totals in origins:
        case = Case(holdout, tuple(past), (seed, len(past)))
        for name, draw in TRIES.items():
            drift = draw(case)
            kind = KINDS[0 if drift.source != ESTIMATED else 1 + any(case.years_ago)]
            adjusted = drift.adjust(totals, np.random.default_rng(case.seed))
            rows.append({"kind": kind, "try": name} | score(adjusted, actual))
        past.append(holdout)
    return rows


def score(adjusted: Floats, actual: float) -> dict[str, float]:
    """Compute coverage at each level, log(high / low) of the 90% interval, and the CRPS of the log total."""
    row: dict[str, float] = {}
    for level in LEVELS:
        low, high = np.quantile(adjusted, [(1 - level) / 2, (1 + level) / 2])
        row[f"{level:.0%}"] = float(low <= actual <= high)
    row["width"] = float(np.log(high / low))
    row["crps"] = float(crps(np.log(adjusted)[None, :], np.log([actual]))[0])
    return row


def scenario_rows(kind: str, logs: int) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield each scenario with its rows; `ratios` has four years of some of them too."""
    for scenario in SCENARIOS:
        simulated = ratios if kind == "ratios" else fits
        yield scenario, [row for seed in range(logs) for row in measure(simulated(scenario, seed), seed)]
    if kind == "ratios":
        for scenario in ("stationary", "seasons 15%", "yearly 20%"):
            rows = [row for seed in range(logs) for row in measure(ratios(scenario, seed, LONG), seed)]
            yield f"{scenario}, four years", rows


def log_rows(name: str, path: str, others: Sequence[str]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Yield each outcome and horizon of a purchase log with its rows."""
    for days in DAYS:
        origins = [f"origins.horizons_days=[{days}]", f"origins.step_days={days}"]
        fixed = [f"transactions.path={path}", f"fit.joint_draws={DRAWS}", "backtest.baselines.names=[]"]
        settings = compose_settings("backtest", [*fixed, *origins, *others])
        transactions = read(settings.transactions)
        places = rolling_origins(settings.origins, transactions.first_day, transactions.last_day)
        done = list(forecast_origins(transactions, settings, places, settings.seed))
        for outcome in OUTCOMES:
            results = [(errors[outcome], backtest.outcome(outcome)) for errors, backtest in done if outcome in errors]
            rows = measure(((error, one.actual.sum(), one.totals) for error, one in results), settings.seed)
            yield f"{name}, {outcome}, {days} days", rows


def print_table(results: Iterator[tuple[str, list[dict[str, object]]]]) -> None:
    """Print a line for each source and kind of drift: coverage at each level, width and CRPS of each try."""
    print("| source | drift | origins | " + " | ".join(TRIES) + " |\n" + "|---" * (3 + len(TRIES)) + "|")
    for source, rows in results:
        for kind, part in pd.DataFrame(rows).groupby("kind", sort=False):
            means = part.drop(columns="kind").groupby("try").mean()
            print(
                f"| {source} | {kind} | {len(part) // len(TRIES):,} | " + " | ".join(cells(str(kind), means)) + " |",
                flush=True,
            )


def cells(kind: str, means: pd.DataFrame) -> list[str]:
    """Return each try's cell."""
    columns = [*(f"{level:.0%}" for level in LEVELS), "width", "crps"]
    numbers = {str(name): row.to_numpy(np.float64) for name, row in means[columns].iterrows()}
    result = [
        "/".join(f"{100 * share:.0f}" for share in numbers[name][: len(LEVELS)])
        + ", {:.2f}, {:.3f}".format(*numbers[name][len(LEVELS) :])
        for name in TRIES
    ]
    return result if kind == KINDS[2] else [*result[:-1], "as shipped"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Try two changes of the drift of totals.")
    parser.add_argument("sources", nargs="+", help="`ratios`, `fits`, or NAME=PATH and settings of tenure-backtest")
    parser.add_argument("--logs", type=int)
    arguments = parser.parse_args()
    kind, *_ = arguments.sources
    if kind in ("ratios", "fits"):
        print_table(scenario_rows(kind, arguments.logs or {"ratios": 100, "fits": 4}[kind]))
        return
    logs = [one.split("=", 1) for one in arguments.sources if one.endswith((".csv", ".parquet"))]
    others = [one for one in arguments.sources if not one.endswith((".csv", ".parquet"))]
    print_table(result for name, path in logs for result in log_rows(name, path, others))


if __name__ == "__main__":
    main()
