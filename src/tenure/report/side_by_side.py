"""Runs side by side: settings, checks, holdouts, forecasts, and which pairs can be compared.

Two runs can be compared customer by customer only if both have the same customers on the same days of the same log.
Otherwise the tables show the reason in place of a difference.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from tenure.errors import InputError
from tenure.fit import KHAT_LIMIT, LEAST_ELPD, compare
from tenure.outcomes import OUTCOMES
from tenure.registry import Evidence, evidence
from tenure.review import Check, Verdict

from .comparability import settings_below, why_incomparable
from .fit import MODELS, last_stage
from .origin import LABELS
from .tables import NONE, Cell, Note, Table, count, money, percent, plain

type Runs = Mapping[str, Evidence]
type Write = Callable[[float | None], Cell]

OWN = "own"  # the name of priors that are none of conf/fit/priors
OF_THE_MODEL = ("validated_horizon_days",)  # MLflow keeps it with the settings
ENDS = {"low": 0.05, "middle": 0.5, "high": 0.95}


def _share(value: float | None) -> Cell:
    return percent(value, signed=True)


HOLDOUT: Sequence[tuple[str, str, Write]] = (
    ("purchases: bias of the total", "purchases.bias", _share),
    ("purchases: mean CRPS, lower is better", "purchases.crps", plain),
    ("purchases: coverage (randomised PIT)", "purchases.pit_coverage", percent),
    ("purchases: below it", "purchases.pit_low_tail", percent),
    ("purchases: above it", "purchases.pit_high_tail", percent),
    ("purchases: correlation of customers", "purchases.correlation", plain),
    ("spend: bias of the total", "spend.bias", _share),
    ("spend: mean CRPS, lower is better", "spend.crps", plain),
    ("spend: coverage (randomised PIT)", "spend.pit_coverage", percent),
    ("spend: below it", "spend.pit_low_tail", percent),
    ("spend: above it", "spend.pit_high_tail", percent),
    ("probability of a purchase: Brier score, lower is better", "p_purchase.brier", plain),
    ("baselines that are better in either", "baselines.won", count),
)
BASE_FORECAST: Sequence[tuple[str, str, Write]] = (
    ("customers scored", "base.customers", count),
    ("purchases of all customers, expected", "base.purchases.expected", count),
    ("clv of all customers, expected", "base.clv.expected", count),
    ("its predictive interval, adjusted for drift: low", "base.clv.adjusted_low", count),
    ("high", "base.clv.adjusted_high", count),
    ("a new customer, expected", "new_customer.clv", money),
)


class SideBySideError(InputError):
    """Runs that cannot be shown side by side."""


def gather(uris: Sequence[str]) -> dict[str, Evidence]:
    """Read the evidence of two or more models (`models:/clv/2`) or runs, by name.

    A model goes by its URI, a run by its name in MLflow. Raises SideBySideError for fewer than two different runs, and
    NoModelError for one that is not there.
    """
    runs: dict[str, Evidence] = {}
    for uri in uris:
        run = evidence(uri)
        same = next((name for name, other in runs.items() if other.run_id == run.run_id), None)
        if same is not None:
            raise SideBySideError(f"{uri} and {same} are one run: {run.run_id}. Name different runs.")
        run.review()  # a run without a review is refused before anything is shown
        name = uri.removeprefix("models:/") if ":/" in uri else run.tags.get("mlflow.runName", run.run_id[:8])
        runs[name if name not in runs else f"{name} {run.run_id[:8]}"] = run
    if len(runs) < 2:
        raise SideBySideError(f"At least two runs are needed, got {len(runs)}: {', '.join(uris) or 'none'}.")
    return runs


def runs_table(runs: Runs) -> Table:
    """Build the table of what each run is."""
    facts: dict[str, Callable[[Evidence], str]] = {
        "verdict": lambda run: run.review().verdict.value,
        "registered as": lambda run: run.tags.get("model", "not registered"),
        "run": lambda run: run.run_id[:12],
        "digest of the log": lambda run: run.tags.get("data.digest", NONE)[:12],
        "first day of the log": lambda run: run.tags.get("data.first_day", NONE),
        "calibrated to": lambda run: run.tags.get("cutoff", NONE),
        "held out to": lambda run: run.tags.get("end", NONE),
        "days held out": lambda run: count(run.metrics.get("horizon_days")).text,
        "customers in the holdout": lambda run: count(run.metrics.get("customers")).text,
        "purchase model": lambda run: LABELS.get(_purchases(run), _purchases(run)),
        "method": lambda run: run.tags.get("calibration.purchases.method", NONE),
        "priors": lambda run: _priors(run, runs),
        "limits of the review": lambda run: _same_as(run, runs, "review."),
        "commit": lambda run: run.tags.get("git.commit", NONE)[:12],
    }
    rows = [[Cell(fact), *(Cell(read(run)) for run in runs.values())] for fact, read in facts.items()]
    return Table("The runs. Verdicts by different limits cannot be compared.", ("", *runs), rows)


def _purchases(run: Evidence) -> str:
    return run.params.get("fit.purchase_model", NONE)


def _priors(run: Evidence, runs: Runs) -> str:
    """Return the name of a run's priors; the first run with the same ones where they have no name."""
    name = run.params.get("fit.priors", OWN)
    return _same_as(run, runs, "fit.priors.") if name == OWN else name


def _same_as(run: Evidence, runs: Runs, prefix: str) -> str:
    """Return the first run that has the same settings below a prefix."""
    settings = settings_below(run, prefix)
    first = next(name for name, other in runs.items() if settings_below(other, prefix) == settings)
    return "its own" if runs[first] is run else f"those of {first}"


def settings_table(runs: Runs) -> Table | Note:
    """Build the table of the settings that differ."""
    keys = dict.fromkeys(key for run in runs.values() for key in run.params if key not in OF_THE_MODEL)
    values_of = {key: [run.params.get(key, NONE) for run in runs.values()] for key in keys}
    rows = [[Cell(key), *map(Cell, values)] for key, values in values_of.items() if len(set(values)) > 1]
    if not rows:
        return Note("No setting differs: differences come from chance, the code or the log.")
    return Table(f"The settings that differ, of {len(keys)}.", ("setting", *runs), rows)


def checks_table(runs: Runs) -> Table | Note:
    """Build the table of the checks that some run did not pass, those that no run passes included."""
    reviews = [{check.metric: check for check in run.review().checks} for run in runs.values()]
    rows = []
    for metric in dict.fromkeys(metric for review in reviews for metric in review):
        checks = [review.get(metric) for review in reviews]
        if any(check is not None and check.verdict is not Verdict.PASS for check in checks):
            rows.append([Cell(metric), *(Cell(NONE if check is None else _result(check)) for check in checks)])
    if not rows:
        return Note("No check is outside its limits in any run.")
    caption = (
        "The checks that are outside their limits in one run or more, each with its number. Look for those that your "
        "preferred run does not pass, and for numbers that differ much where no run passes. "
        f"{NONE}: the run does not have the check."
    )
    return Table(caption, ("metric", *runs), rows)


def _result(check: Check) -> str:
    return f"{check.verdict} {plain(check.value).text}"


def holdout_table(runs: Runs) -> Table:
    """Build the table of each run's holdout, with the runs whose holdout differs in the caption."""
    first, *others = runs
    reasons = {name: why_incomparable(runs[first], runs[name], is_judged=True) for name in others}
    apart = [f"{name} ({reason})" for name, reason in reasons.items() if reason]
    caption = (
        "The holdout. All runs have the same customers and days, so the rows can be compared. "
        "The runs do not log the CRPS of each customer, so these differences are not paired and have no error: small "
        "ones may be chance. tenure-promote compares two recipes customer by customer."
        if not apart
        else f"The holdout. The errors of these runs cannot be compared with those of {first}: {', '.join(apart)}."
    )
    return Table(caption, ("", *runs), [[Cell(label), *_each(runs, key, write)] for label, key, write in HOLDOUT])


def _each(runs: Runs, key: str, write: Write) -> list[Cell]:
    return [write(run.metrics.get(key)) for run in runs.values()]


def base_forecast_table(runs: Runs) -> Table:
    """Build the table of each run's forecast of the customer base; a failed run has none."""
    failed = [run.review().verdict is Verdict.FAIL for run in runs.values()]
    rows = []
    for label, key, write in BASE_FORECAST:
        cells = zip(_each(runs, key, write), failed, strict=True)
        rows.append([Cell(label), *(Cell(NONE) if is_failed else cell for cell, is_failed in cells)])
    return Table(
        "Forecast of the customer base, over each run's own horizon and at its own margin (see the settings that "
        "differ). A failed run has no forecast.",
        ("", *runs),
        rows,
    )


def differences(runs: Runs) -> Table:
    """Build the table of paired differences of elpd, each run against the first comparable one.

    The difference of the customers' leave-one-out log predictive densities, summed; the error is over customers.
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27. A difference below `LEAST_ELPD` is a tie.
    """
    rows: list[list[Cell]] = []
    names = list(runs)
    for at, name in enumerate(names[1:], 1):
        apart = {before: why_incomparable(runs[before], runs[name], is_judged=False) for before in names[:at]}
        beside = next((before for before, reason in apart.items() if reason is None), None)
        if beside is None:
            reason = Cell(f"not comparable: {apart[names[0]]}")
            rows.append([Cell(name), Cell(names[0]), Cell("both"), reason, Cell(NONE)])
        else:
            rows += [_difference(runs, name, beside, model) for model in MODELS]
    return Table(
        "Leave-one-out prediction of the calibration window: the difference of elpd, ± its standard error, positive if "
        "the run is better than the one in the second column. Look for more than two standard errors, and for more "
        f"than {LEAST_ELPD:g}: less is a tie.",
        ("run", "against", "model", "difference of elpd", "better by two standard errors"),
        rows,
    )


def _difference(runs: Runs, name: str, beside: str, model: str) -> list[Cell]:
    start = [Cell(name), Cell(beside), Cell(model)]
    pair = [runs[name], runs[beside]]
    if not all(run.holds(f"diagnostics/calibration/{model}_loo.npz") for run in pair):
        return [*start, Cell("one of the runs did not log leave-one-out"), Cell(NONE)]
    first, second = (run.loo("calibration", model) for run in pair)
    try:
        difference = compare(first, second)
    except ValueError as error:
        return [*start, Cell(f"not comparable: {error}"), Cell(NONE)]
    # If only a sample of customers was left out, both sums have a sampling error too.
    se = float(np.sqrt(difference.se**2 + first.subsampling_se**2 + second.subsampling_se**2))
    better = "neither" if abs(difference.elpd) <= max(2 * se, LEAST_ELPD) else name if difference.elpd > 0 else beside
    worst = max(first.khat_max, second.khat_max)
    if worst > KHAT_LIMIT:
        better = f"unreliable: k-hat is {worst:.2f}"
    return [*start, Cell(f"{difference.elpd:+.1f} ± {se:.1f}", difference.elpd), Cell(better)]


def common_stage(runs: Runs) -> str:
    """Return the last fit that all runs have: `final`, or `calibration` if one was not refitted."""
    return "final" if all(last_stage(run) == "final" for run in runs.values()) else "calibration"


def parameters(runs: Runs, stage: str) -> pd.DataFrame:
    """Tabulate each parameter's 90% credible range: columns quantity, run, low, middle, high; a point has no width."""
    rows = [
        {"quantity": parameter, "run": name} | {end: float(np.quantile(draws, share)) for end, share in ENDS.items()}
        for name, run in runs.items()
        for parameter, draws in run.posterior(stage).joint().items()
    ]
    return pd.DataFrame(rows)


def quantities(runs: Runs, stage: str) -> pd.DataFrame:
    """Tabulate the interpretable quantities of each posterior, as `parameters` does."""
    tables = [
        run.table(f"diagnostics/{stage}/prior_consequences")
        .rename(columns={"posterior_low": "low", "posterior_median": "middle", "posterior_high": "high"})
        .assign(run=name)[["quantity", "run", *ENDS]]
        for name, run in runs.items()
        if run.holds(f"diagnostics/{stage}/prior_consequences.csv")
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["quantity", "run", *ENDS])


def totals(runs: Runs) -> pd.DataFrame:
    """Tabulate each forecast total of the holdout over the actual one, less 1, with both intervals.

    Columns outcome, run, low, middle, high, adjusted_low, adjusted_high; NaN if there were no sales.
    """
    rows = []
    for outcome in OUTCOMES:
        for name, run in runs.items():
            forecast = {key: run.metrics.get(f"{outcome}.{key}", np.nan) for key in TOTALS.values()}
            actual = run.metrics.get(f"{outcome}.actual_total", np.nan) or np.nan
            over = {column: forecast[key] / actual - 1 for column, key in TOTALS.items()}
            rows.append({"outcome": outcome, "run": name, **over})
    return pd.DataFrame(rows)


TOTALS = {
    "low": "total_low",
    "middle": "expected_total",
    "high": "total_high",
    "adjusted_low": "adjusted_low",
    "adjusted_high": "adjusted_high",
}


def trackings(runs: Runs) -> dict[str, pd.DataFrame]:
    """Read the weekly tables of the runs that logged them; `days` counts from the cut-off to the end of the week."""
    tables = {}
    for name, run in runs.items():
        if run.holds("backtest/tracking.csv"):
            table = run.table("backtest/tracking")
            day = pd.to_datetime(table["day"])
            tables[name] = table.assign(day=day, days=(day - pd.Timestamp(run.tags["cutoff"])).dt.days)
    return tables
