"""The result of a run, and the table that compares the runs of a sweep."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tenure.errors import Reason
from tenure.outcomes import OUTCOMES
from tenure.text import printable, shown

if TYPE_CHECKING:
    from tenure.fit import Loo

NONE = "-"
WIDTH = 1000  # a row is never broken: a terminal wraps it, a pipe has no width
MODELS = ("purchases", "spend")
CAPTION = "elpd: leave-one-out of the calibration fit; a difference is paired over customers, ± its standard error"


@dataclass(frozen=True)
class Result:
    """The result of a run: its exit code, and the numbers in a sweep's table.

    Args:
        exit_code: of the run.
        name: of the run in MLflow.
        verdict: of the review of the run, where there is one.
        metrics: `purchases.bias`, `spend.crps`, `spend.crps_se` and so on, as far as the job has them.
        loos: leave-one-out of the calibration fit, by model.
        fitted_to: identifies the calibration data; runs that share it have comparable `loos`.
        run_id: of the run in MLflow.
        model: the model version that was registered, promoted or scored with, such as `models:/clv/3`.
        alias: of the model version, where it has a new one or was named by it.
        totals: the main numbers of the command: a table by name, such as `clv`, with `expected`, `low`, `high`.
        paths: files that were read and written, by name.
        reason: why the exit code is not 0, where the job itself decides so.
        model_verdict: of the review of the model that is scored with or promoted.
        as_of: the last observed day.
        customers: that the command scored, fitted or compared.
        not_scored: customers of the log that are not among them, by reason.
    """

    exit_code: int = 0
    name: str | None = None
    verdict: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    loos: Mapping[str, "Loo"] = field(default_factory=dict, repr=False)
    fitted_to: tuple[str, ...] = ()
    run_id: str | None = None
    model: str | None = None
    alias: str | None = None
    totals: Mapping[str, Any] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    reason: Reason | None = None
    model_verdict: str | None = None
    as_of: str | None = None
    customers: int | None = None
    not_scored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of a sweep: its number, as in the log on stderr, its overrides, and its result."""

    number: int
    overrides: Sequence[str]
    result: Result


def print_heading(number: int, overrides: Sequence[str], name: str | None = None) -> None:
    """Print the heading of a run of a sweep: its number and the overrides that only this run has."""
    own = [one for one in overrides if one not in sys.argv[1:]] or overrides
    called = f" {_plain(name)}" if name else ""
    print(f"\n=== Run #{number}{called}: {_plain(' '.join(own))}", flush=True)


def print_table(runs: Sequence[Run]) -> None:
    """Print the runs of a sweep side by side."""
    out = Console(highlight=False, width=WIDTH)
    out.print(f"\n[bold]The sweep: {len(runs)} runs[/bold]", compare(runs), sep="\n")
    if any(run.result.loos for run in runs):
        out.print(CAPTION)


def compare(runs: Sequence[Run]) -> Table:
    """Build the table of a sweep: a row per run, without the columns that are empty in every row."""
    shared = set(runs[0].overrides).intersection(*(run.overrides for run in runs)) if len(runs) > 1 else set()
    rows = [_row(run, [one for one in run.overrides if one not in shared], runs) for run in runs]
    columns = [name for name in rows[0] if any(row[name] != NONE for row in rows)]
    table = Table(box=None, pad_edge=False)
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at < 3 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(row[name]) for name in columns))
    return table


def _row(run: Run, differs: Sequence[str], runs: Sequence[Run]) -> dict[str, str]:
    result = run.result
    name = f"#{run.number}" + (f" {_plain(result.name)}" if result.name else "")
    row = {
        "run": name,
        "what differs": _plain(" ".join(differs)) or NONE,
        "verdict": result.verdict or result.model_verdict or NONE,
    }
    row |= {f"bias of {outcome}": _share(result.metrics.get(f"{outcome}.bias")) for outcome in OUTCOMES}
    for outcome in OUTCOMES:
        row[f"CRPS of {outcome}"] = _with_error(*(result.metrics.get(f"{outcome}.crps{end}") for end in ("", "_se")))
    for model in MODELS:
        loo = result.loos.get(model)
        row[f"elpd of {model}"] = NONE if loo is None else f"{loo.elpd:,.1f} ± {loo.se:.1f}"
        row[f"difference of elpd of {model}"] = _difference(run, model, runs)
    return row | {"exit code": str(result.exit_code)}


def _difference(run: Run, model: str, runs: Sequence[Run]) -> str:
    """Compare a run's elpd with that of the first run that was fitted to the same data."""
    if model not in run.result.loos:
        return NONE
    from tenure.fit import compare as compare_loos  # noqa: PLC0415 (heavy, and imported by the job already)

    alike = [one for one in runs if one.result.fitted_to == run.result.fitted_to and model in one.result.loos]
    if alike[0] is run:
        return NONE
    own, reference = run.result.loos[model], alike[0].result.loos[model]
    try:
        difference = compare_loos(own, reference)
    except ValueError:  # other histories
        return NONE
    error = math.hypot(difference.se, own.subsampling_se, reference.subsampling_se)
    return f"{difference.elpd:+,.1f} ± {error:.1f} (to #{alike[0].number})"


def _share(value: float | None) -> str:
    return NONE if value is None or not math.isfinite(value) else f"{value:+.1%}"


def _with_error(value: float | None, error: float | None) -> str:
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.4g}" + ("" if error is None or not math.isfinite(error) else f" ± {error:.2g}")


def _plain(text: str) -> str:
    return printable(shown(text))
