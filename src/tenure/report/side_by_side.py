"""Set runs side by side: what they are, where they differ, how well each did, and which pairs may be compared at all.

Two runs can be compared customer by customer only where both looked at the same customers on the same days of the same
log. Where they did not, the tables say why not, in place of a difference that would mean nothing.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from tenure.errors import InputError
from tenure.fit import KHAT_LIMIT, LEAST_ELPD, compare
from tenure.registry import Evidence, evidence
from tenure.review import Check, Verdict

from .cells import NONE, Cell, Note, Table, count, money, percent, plain
from .fit import MODELS, last_stage
from .holdout import OUTCOMES
from .origin import LABELS

type Runs = Mapping[str, Evidence]
type Write = Callable[[float | None], Cell]

TOLD_OTHERWISE = ("transactions.path", "rfm.cutoff", "rfm.end")  # by the log's digest, and by the days themselves
OF_THE_MODEL = ("validated_horizon_days",)  # MLflow keeps it with the settings
ENDS = {"low": 0.05, "middle": 0.5, "high": 0.95}


def _share(value: float | None) -> Cell:
    return percent(value, signed=True)


HOLDOUT: Sequence[tuple[str, str, Write]] = (
    ("purchases: bias of the total", "purchases.bias", _share),
    ("purchases: mean CRPS, lower is better", "purchases.crps", plain),
    ("purchases: inside their interval", "purchases.pit_coverage", percent),
    ("purchases: below it", "purchases.pit_low_tail", percent),
    ("purchases: above it", "purchases.pit_high_tail", percent),
    ("purchases: correlation of customers", "purchases.correlation", plain),
    ("spend: bias of the total", "spend.bias", _share),
    ("spend: mean CRPS, lower is better", "spend.crps", plain),
    ("spend: inside their interval", "spend.pit_coverage", percent),
    ("spend: below it", "spend.pit_low_tail", percent),
    ("spend: above it", "spend.pit_high_tail", percent),
    ("probability of a purchase: Brier score, lower is better", "p_purchase.brier", plain),
    ("baselines that are better in either", "baselines.won", count),
)
OUTLOOK: Sequence[tuple[str, str, Write]] = (
    ("customers valued", "base.customers", count),
    ("purchases of all of them, expected", "base.purchases.expected", count),
    ("discounted margin of all of them, expected", "base.clv.expected", count),
    ("its interval for a world that changes: low", "base.clv.adjusted_low", count),
    ("high", "base.clv.adjusted_high", count),
    ("a new customer, expected", "new_customer.clv", money),
)


class SideBySideError(InputError):
    """Runs that cannot be set side by side."""


def gather(uris: Sequence[str]) -> dict[str, Evidence]:
    """Read the evidence of two or more models (`models:/clv/2`) or runs, each under the name that a reader knows.

    A model goes by its URI, a run by its name in MLflow. Raises SideBySideError for fewer than two different runs, and
    NoModelError for one that is not there.
    """
    found: dict[str, Evidence] = {}
    for uri in uris:
        run = evidence(uri)
        known = next((name for name, other in found.items() if other.run_id == run.run_id), None)
        if known is not None:
            raise SideBySideError(f"{uri} is the run that {known} is: {run.run_id}. Name different ones.")
        run.review()  # refuse a run that was not judged before anything is drawn
        name = uri.removeprefix("models:/") if ":/" in uri else run.tags.get("mlflow.runName", run.run_id[:8])
        found[name if name not in found else f"{name} {run.run_id[:8]}"] = run
    if len(found) < 2:
        raise SideBySideError(f"Two runs at least are set side by side, got {len(found)}: {', '.join(uris) or 'none'}.")
    return found


def identities(runs: Runs) -> Table:
    """Lay out what each run is."""
    facts: dict[str, Callable[[Evidence], str]] = {
        "verdict": lambda run: run.review().verdict.value,
        "registered as": lambda run: run.tags.get("model", "not registered"),
        "run": lambda run: run.run_id[:12],
        "digest of the log": lambda run: run.tags.get("data.digest", NONE)[:12],
        "first day of the log": lambda run: run.tags.get("data.first_day", NONE),
        "calibrated to": lambda run: run.tags.get("cutoff", NONE),
        "held out to": lambda run: run.tags.get("end", NONE),
        "days held out": lambda run: count(run.metrics.get("horizon_days")).text,
        "customers judged": lambda run: count(run.metrics.get("customers")).text,
        "purchases by": lambda run: LABELS.get(_purchases(run), _purchases(run)),
        "draws by": lambda run: run.tags.get("calibration.purchases.method", NONE),
        "priors": lambda run: _like(run, runs, "fit.priors."),
        "limits of the review": lambda run: _like(run, runs, "review."),
        "commit": lambda run: run.tags.get("git.commit", NONE)[:12],
    }
    rows = [[Cell(fact), *(Cell(tell(run)) for run in runs.values())] for fact, tell in facts.items()]
    return Table("What they are. Verdicts by different limits are different questions.", ("", *runs), rows)


def _purchases(run: Evidence) -> str:
    return run.params.get("fit.purchase_model", NONE)


def _like(run: Evidence, runs: Runs, prefix: str) -> str:
    """Name the first run that has the same settings below a prefix."""
    ours = _below(run, prefix)
    first = next(name for name, other in runs.items() if _below(other, prefix) == ours)
    return "its own" if runs[first] is run else f"those of {first}"


def _below(run: Evidence, *prefixes: str) -> dict[str, str]:
    return {key: value for key, value in run.params.items() if key.startswith(prefixes)}


def settings(runs: Runs) -> Table | Note:
    """Lay out the settings that are not the same in all."""
    keys = dict.fromkeys(key for run in runs.values() for key in run.params if key not in OF_THE_MODEL)
    told = {key: [run.params.get(key, NONE) for run in runs.values()] for key in keys}
    rows = [[Cell(key), *map(Cell, values)] for key, values in told.items() if len(set(values)) > 1]
    if not rows:
        return Note("No setting differs: only chance, the code or the log can make their numbers differ.")
    return Table(f"The settings that differ, of {len(keys)}; all others are alike.", ("setting", *runs), rows)


def checks(runs: Runs) -> Table | Note:
    """Lay out the checks that did not pass everywhere and come to different verdicts; not asked for is one of them."""
    judged = [{check.metric: check for check in run.review().checks} for run in runs.values()]
    rows = []
    for metric in dict.fromkeys(metric for found in judged for metric in found):
        asked = [found.get(metric) for found in judged]
        verdicts = {None if check is None else check.verdict for check in asked}
        if len(verdicts) > 1 and verdicts - {None, Verdict.PASS}:
            rows.append([Cell(metric), *(Cell(NONE if check is None else _told(check)) for check in asked)])
    if not rows:
        return Note("No check is outside its limits in one run and not in another.")
    caption = (
        "The checks that are outside their limits in some and not in all, each with its number. Look for those "
        f"that the run you prefer does not pass. {NONE}: not asked for in that run."
    )
    return Table(caption, ("metric", *runs), rows)


def _told(check: Check) -> str:
    return f"{check.verdict} {plain(check.value).text}"


def holdout(runs: Runs) -> Table:
    """Lay out how each did on its own holdout, and say whose task was another."""
    first, *others = runs
    reasons = {name: why_apart(runs[first], runs[name], is_judged=True) for name in others}
    apart = [f"{name} ({reason})" for name, reason in reasons.items() if reason]
    caption = (
        "What the holdout showed. All judged the same customers on the same days, so that the lines may be compared; "
        "small differences may be chance."
        if not apart
        else f"What the holdout showed. These had another task than {first}, so that their errors must not be compared "
        f"with its: {', '.join(apart)}."
    )
    return Table(caption, ("", *runs), [[Cell(label), *_each(runs, key, write)] for label, key, write in HOLDOUT])


def _each(runs: Runs, key: str, write: Write) -> list[Cell]:
    return [write(run.metrics.get(key)) for run in runs.values()]


def base_forecast(runs: Runs) -> Table:
    """Lay out what each says of the business; a run that failed says nothing."""
    failed = [run.review().verdict is Verdict.FAIL for run in runs.values()]
    rows = []
    for label, key, write in OUTLOOK:
        told = zip(_each(runs, key, write), failed, strict=True)
        rows.append([Cell(label), *(Cell(NONE) if is_failed else cell for cell, is_failed in told)])
    return Table(
        "What each says of the business, over its own horizon and at its own margin (see the settings that differ). "
        "A failed run says nothing.",
        ("", *runs),
        rows,
    )


def why_apart(first: Evidence, second: Evidence, *, is_judged: bool) -> str | None:
    """Say why two runs did not look at the same customers and days; None where they did.

    Args:
        first: a run.
        second: another.
        is_judged: of the holdout as well, and not of the calibration alone.

    What a run does not tell is taken as different: a comparison is never made on a guess.
    """
    if not first.tags.get("data.digest") or first.tags["data.digest"] != second.tags.get("data.digest"):
        return "the logs differ"
    for tag, words in (("cutoff", "calibrated to"), ("end", "held out to")):
        days = [run.tags.get(tag) for run in (first, second)]
        if (tag == "cutoff" or is_judged) and (None in days or days[0] != days[1]):
            return f"{words} {days[0]} and {days[1]}"
    rules = [_below(run, "transactions.", "rfm.") for run in (first, second)]
    differ = [key for key in {**rules[0], **rules[1]} if rules[0].get(key) != rules[1].get(key)]
    differ = [key for key in differ if key not in TOLD_OTHERWISE]
    if differ:
        return f"rows or customers are chosen by other rules: {', '.join(differ)}"
    return None


def differences(runs: Runs) -> Table:
    """Lay out paired differences of the expected log predictive density, each run beside the first like it.

    Each customer's own density, left out, in one run less that in the other, summed; the error is over customers.
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27. A difference below `LEAST_ELPD` is a tie.
    """
    rows: list[list[Cell]] = []
    names = list(runs)
    for at, name in enumerate(names[1:], 1):
        apart = {before: why_apart(runs[before], runs[name], is_judged=False) for before in names[:at]}
        beside = next((before for before, reason in apart.items() if reason is None), None)
        if beside is None:
            told = Cell(f"means nothing: {apart[names[0]]}")
            rows.append([Cell(name), Cell(names[0]), Cell("both"), told, Cell(NONE)])
        else:
            rows += [_difference(runs, name, beside, model) for model in MODELS]
    return Table(
        "Which of two foretells a customer better whom it has not seen, on the days of the calibration: the difference "
        "of elpd, ± its standard error, positive where the run is better than the one it stands beside. Look for more "
        f"than two errors, and for more than {LEAST_ELPD:g}: less is a tie.",
        ("run", "beside", "model", "difference of elpd", "better beyond two errors"),
        rows,
    )


def _difference(runs: Runs, name: str, beside: str, model: str) -> list[Cell]:
    start = [Cell(name), Cell(beside), Cell(model)]
    pair = [runs[name], runs[beside]]
    if not all(run.holds(f"diagnostics/calibration/{model}_loo.npz") for run in pair):
        return [*start, Cell("no leave-one-out was logged by one of them"), Cell(NONE)]
    ours, theirs = (run.loo("calibration", model) for run in pair)
    try:
        found = compare(ours, theirs)
    except ValueError as error:
        return [*start, Cell(f"means nothing: {error}"), Cell(NONE)]
    # Where not everyone was left out, either sum is off by chance as well.
    doubt = float(np.sqrt(found.se**2 + ours.subsampling_se**2 + theirs.subsampling_se**2))
    better = "neither" if abs(found.elpd) <= max(2 * doubt, LEAST_ELPD) else name if found.elpd > 0 else beside
    worst = max(ours.khat_max, theirs.khat_max)
    if worst > KHAT_LIMIT:
        better = f"not to be told: k-hat is {worst:.2f}"
    return [*start, Cell(f"{found.elpd:+.1f} ± {doubt:.1f}", found.elpd), Cell(better)]


def common_stage(runs: Runs) -> str:
    """Name the last fit that all came to: `final`, or `calibration` where one was not refitted."""
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
    """Tabulate what each posterior says in business terms, as `parameters` does."""
    tables = [
        run.table(f"diagnostics/{stage}/prior_consequences")
        .rename(columns={"posterior_low": "low", "posterior_median": "middle", "posterior_high": "high"})
        .assign(run=name)[["quantity", "run", *ENDS]]
        for name, run in runs.items()
        if run.holds(f"diagnostics/{stage}/prior_consequences.csv")
    ]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["quantity", "run", *ENDS])


def totals(runs: Runs) -> pd.DataFrame:
    """Tabulate each foretold total of the holdout over the actual one, less 1, with both intervals.

    Columns outcome, run, low, middle, high, adjusted_low, adjusted_high; NaN where nothing came.
    """
    rows = []
    for outcome in OUTCOMES:
        for name, run in runs.items():
            told = {key: run.metrics.get(f"{outcome}.{key}", np.nan) for key in TOTALS.values()}
            actual = run.metrics.get(f"{outcome}.actual_total", np.nan) or np.nan
            over = {column: told[key] / actual - 1 for column, key in TOTALS.items()}
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
    """Read each run's weeks, where it logged them, with `days`: how far each week's end lies behind its cut-off."""
    found = {}
    for name, run in runs.items():
        if run.holds("backtest/tracking.csv"):
            table = run.table("backtest/tracking")
            day = pd.to_datetime(table["day"])
            found[name] = table.assign(day=day, days=(day - pd.Timestamp(run.tags["cutoff"])).dt.days)
    return found
