"""What runs in the Python processes of Spark's executors: check and score customers, batch by batch.

It is sent to the executors by value, with the registered model in it as a zip, and imports nothing of the installed
package: they need the requirements of the model alone (MLflow, Numba, NumPy, pandas) and PyArrow, and no file of the
driver. A Python process loads the model once and keeps it for its later tasks.
"""

from __future__ import annotations  # an annotation would be sent too, by the name of this module

import fcntl
import importlib
import io
import json
import os
import stat
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

KEPT = "_tenure_models"  # where a process keeps its models: this module is rebuilt for each task
CHUNK = 50_000  # rows that are handed to Spark at a time
SUMS = "sums"  # a column: null, but in the last row of a partition, which has its sums and no customer
FAULTS = "faults"  # the column of the check
PAID = "paid"  # of customers of a log: a list of the amounts of paid purchase days, the first included
COUNTED = ("unstable_means", "free_repeat_buyers", "new_segment_customers", "without_columns")
type Arrays = dict[str, Any]
type Counts = dict[str, int]


@dataclass(frozen=True)
class Work:
    """What an executor is sent.

    Attributes:
        model: the registered model's folder, as a zip.
        digest: of the zip.
        params: of the scorer.
        by: columns to total by.
        places: of each group, by the JSON of its values (`key_of`).
        by_month: whether to add months.
        residual: by the names of the scores, the names of those to infinity; empty for none.
        kept: columns of the input that follow the scores, by their names there.
        delta: at which a model's evidence on spend fades, where the customers are of a log; None: where it does not.
        rows: customers that are scored at a time, at least.
        schema: of the rows that are returned.
    """

    model: bytes
    digest: str
    params: Mapping[str, Any]
    by: tuple[str, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    by_month: bool = False
    residual: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    delta: float | None = None
    rows: int = 250_000
    schema: pa.Schema | None = None


def check(work: Work, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the broken rules of the customers of a partition, as JSON: text, number of rows, names of the first."""
    scorer = _scorer_of(work)
    package = _package(scorer)
    for table in _gathered(batches, work.rows):
        faults: Sequence[Any] = ()
        try:
            package.CustomerSummary.from_frame(_frame(work, scorer, table))
        except package.SummaryError as error:
            faults = error.by_rule or [(str(error), 0, ())]
        if faults:
            yield pa.record_batch({FAULTS: pa.array([json.dumps([list(fault) for fault in faults])])})


def score(work: Work, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the scores of the customers of a partition, and last of all a row with their sums."""
    scorer, partition = _scorer_of(work), _Sums()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody reads them here; their counts are in the sums
        for table in _gathered(batches, work.rows):
            _compile(work, scorer, table)
            yield from _scored(work, scorer, table, partition).to_batches(CHUNK)
    if partition.counts:
        yield pa.RecordBatch.from_pylist([{SUMS: partition.packed()}], work.schema)


def key_of(values: Sequence[Any]) -> str:
    """Return the values of a group as a text; missing ones are null."""
    return json.dumps([None if pd.isna(value) else str(value) for value in values])


def nullable() -> dict[pa.DataType, Any]:
    """Return the types of integer columns that may have nulls, as files of summaries are read on one machine."""
    names = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
    return {pa.type_for_alias(name.lower()): pd.api.types.pandas_dtype(name) for name in names}


class _Sums:
    """The sums of a partition so far, in the form of the files of parts."""

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self.counts: Counts = {}
        self.days: Any = None
        self.most_clv = np.inf
        self.largest: list[Any] | None = None

    def add(self, work: Work, scores: Any, start: str = "") -> None:
        """Add the sums of some scores; `start` begins the names of those to infinity."""
        self._add(self.arrays, f"{start}totals", scores.totals.sums)
        if scores.extrapolated is not None:
            self._add(self.arrays, f"{start}extrapolated", scores.extrapolated.sums)
        if start:
            return
        self.most_clv = min(self.most_clv, scores.totals.most_clv)
        self._add(self.counts, "customers", scores.totals.customers)
        for name in COUNTED:
            self._add(self.counts, name, getattr(scores, name))
        for key, totals in scores.groups.items():
            place = work.places[key_of(key)]
            self._add(self.arrays, f"group {place}", totals.sums)
            self._add(self.counts, f"group {place}", totals.customers)
        if scores.months is not None:
            self.days = scores.months.days
            self._add(self.arrays, "months", np.array([totals.sums for totals in scores.months.totals]))

    def add_largest(self, ids: Any, clv: Any) -> None:
        """Keep the customer with the largest clv; of two with the same, the first by id."""
        most = float(clv.max())
        if most > 0:
            first = min((ids[int(at)].as_py() for at in np.flatnonzero(clv == most)), key=str)
            others = [] if self.largest is None else [self.largest]
            self.largest = min([[first, most], *others], key=lambda one: (-one[1], str(one[0])))

    def packed(self) -> bytes:
        """Return the arrays and, as JSON, the facts."""
        places = sorted(int(name.removeprefix("group ")) for name in self.counts if name.startswith("group "))
        groups = [self.arrays.pop(f"group {place}") for place in places]
        shape = (0, *self.arrays["totals"].shape)
        arrays = {**self.arrays, "groups": np.array(groups) if groups else np.empty(shape)}
        if "residual_totals" in arrays:
            arrays["residual_groups"] = np.empty(shape)
        if self.days is not None:
            arrays["days"] = self.days
        facts = {
            "groups": [[place, self.counts.pop(f"group {place}")] for place in places],
            "most_clv": self.most_clv,
            "largest": self.largest,
            **self.counts,
        }
        content = io.BytesIO()
        np.savez(content, facts=np.array(json.dumps(facts)), **arrays)
        return content.getvalue()

    @staticmethod
    def _add(sums: dict[str, Any], name: str, more: Any) -> None:
        sums[name] = more if name not in sums else sums[name] + more


def _scored(work: Work, scorer: Any, table: pa.Table, partition: _Sums) -> pa.Table:
    """Score some customers and add their sums; return their rows."""
    frame = _frame(work, scorer, table)
    further: dict[str, Any] = {"by": work.by} if work.by else {}
    further |= {"by_month": True} if work.by_month else {}
    scores = scorer.score(frame, **further, **work.params)
    partition.add(work, scores)
    columns = {name: scores.table[name].to_numpy() for name in scores.table.columns[1:]}
    partition.add_largest(table["customer_id"], columns["clv"])
    if work.by_month:
        columns |= {
            f"{name}_by_month": list(getattr(scores.months, kept))
            for name, kept in (("expected_purchases", "purchases"), ("clv", "clv"))
        }
    if work.residual:
        params = {name: value for name, value in work.params.items() if name != "horizon_days"}
        to_infinity = scorer.residual(frame, **params)
        partition.add(work, to_infinity, "residual_")
        columns |= {name: to_infinity.table[name].to_numpy() for name in work.residual.values()}
    given = {"customer_id": table["customer_id"], **{name: table[source] for name, source in work.kept.items()}}
    rows = {**columns, **given, SUMS: pa.nulls(len(table), pa.binary())}
    assert work.schema is not None  # noqa: S101 (of a scoring)
    return pa.table({name: rows[name] for name in work.schema.names}, work.schema)


def _gathered(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Yield tables of at least so many rows, but for the last: customers with equal histories share work."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(one) for one in waiting) >= rows:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if sum(len(one) for one in waiting):
        yield pa.Table.from_batches(waiting)


def _frame(work: Work, scorer: Any, table: pa.Table) -> pd.DataFrame:
    """Return customers as a file of them is read on one machine, those of a log with their faded evidence on spend."""
    frame = pd.DataFrame(table.to_pandas(types_mapper=nullable().get))
    if work.delta is None:
        return frame
    package = _package(scorer)
    first = frame[package.FIRST_ORDER].to_numpy(np.float64)
    faded = package.Orders.of_lists(first, list(frame[PAID]), 0.0).faded(work.delta)
    return frame.drop(columns=PAID).assign(**dict(zip(package.FADED, faded, strict=True)))


def _package(scorer: Any) -> Any:
    """Return the `summary` package of a model's own code."""
    return importlib.import_module(type(scorer).__module__.partition(".scorer")[0] + ".summary")


def _scorer_of(work: Work) -> Any:
    """Return the scorer of a model, loaded once in a process, for the cores of a task."""
    models = _models()
    if work.digest not in models:
        models[work.digest] = _load(work)
        print(f"tenure: process {os.getpid()} has loaded the model {work.digest}", file=sys.stderr, flush=True)
    return models[work.digest]


def _models() -> dict[str, Any]:
    """Return the models of this process, which outlive the tasks."""
    return sys.modules.setdefault(KEPT, ModuleType(KEPT)).__dict__


def _load(work: Work) -> Any:
    import mlflow  # noqa: PLC0415 (slow, and only needed where the model is not loaded yet)
    from pyspark import TaskContext  # noqa: PLC0415 (of the executor)

    _cache()
    with tempfile.TemporaryDirectory(prefix="tenure-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(io.BytesIO(work.model)) as files:
            files.extractall(folder)
        scorer = mlflow.pyfunc.load_model(folder).unwrap_python_model().scorer
    context = TaskContext.get()
    scorer.threads = context.cpus() if context is not None else 1
    return scorer


def _compile(work: Work, scorer: Any, table: pa.Table) -> None:
    """Score one customer before the first others: one process of a machine compiles, and the others load its code."""
    compiled = f"{work.digest} compiled"
    if compiled not in _models():
        with _locked(_cache() / f"{work.digest}.lock"):
            _scored(work, scorer, table.slice(0, 1), _Sums())
        _models()[compiled] = True


def _cache() -> Path:
    """Return the folder in which compiled code is kept; one for all processes where the user's own is not writable."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        (cache / "tenure").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache / "tenure"):
            return cache / "tenure"
    except OSError:
        own = Path(tempfile.gettempdir()) / f"tenure-cache-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    facts = own.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        return Path(tempfile.mkdtemp(prefix="tenure-cache-"))  # somebody else's: their code would run here
    os.environ["XDG_CACHE_HOME"] = str(own)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(own / "numba"))  # Numba is not imported yet
    (own / "tenure").mkdir(exist_ok=True)
    return own / "tenure"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
