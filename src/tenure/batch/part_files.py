"""The files of scored parts: the rows, the sums, and a description with the digests of both, which is written last."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ..output import write_durably
from ..scorer import Months, Params, Scores, Totals
from .score_file import arrow_of
from .sums import Largest, Sums

ABOUT = "_tenure"  # the folder of what is not rows; readers of folders skip names that begin so
MANIFEST = "manifest.json"  # of all parts
STEM = "part-"  # begins the names of a part's files
SEAL = "sha256"  # a key of a description: the digest of the rest

type Groups = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class PartFiles:
    """The files of a scoring's parts.

    Attributes:
        folder: of the rows.
        job: the digest of what the scoring is made from; files of another are as if they were not there.
        params: of the scoring.
        by: columns to total by.
        groups: their values, in a fixed order.
    """

    folder: Path
    job: str
    params: Params
    by: tuple[str, ...] = ()
    groups: Groups = ()

    def rows_of(self, number: int) -> Path:
        """Return the path of a part's rows."""
        return self.folder / f"{name_of(number)}.parquet"

    def write(self, number: int, table: pd.DataFrame, sums: Sums) -> None:
        """Write a part: it is done when its description is there."""
        self.write_rows(number, lambda path: pq.write_table(arrow_of(table), path), sums)

    def write_rows(self, number: int, write_file: Callable[[Path], None], sums: Sums) -> None:
        """Write a part whose rows another function writes."""
        files = {
            self.rows_of(number): write_file,
            self._sums_of(number): lambda path: _save(path, _arrays(sums)),
        }
        for path, write in files.items():
            write_durably(path, write)
        about = {
            "job": self.job,
            "files": {path.name: digest_of(path) for path in files},
            **_facts(sums, self.groups),
        }
        write_durably(self._about(number), lambda path: _write_text(path, seal(about)))

    def read(self, number: int) -> Sums | None:
        """Return the sums of a part that is done; None where a file is missing, damaged or of another job."""
        about = unseal(self._about(number))
        paths = {path.name: path for path in (self.rows_of(number), self._sums_of(number))}
        if about is None or about.get("job") != self.job:
            return None
        if any(not path.is_file() or digest_of(path) != about["files"].get(name) for name, path in paths.items()):
            return None
        try:
            with np.load(self._sums_of(number)) as arrays:
                return self.restored(about, dict(arrays))
        except (OSError, ValueError, BadZipFile):
            return None

    def reopen(self) -> None:
        """Remove the manifest of the folder, as long as a part is not done."""
        (self.folder / ABOUT / MANIFEST).unlink(missing_ok=True)

    def digest(self, number: int) -> str:
        """Return the digest of the rows of a part that is done."""
        about = unseal(self._about(number))
        return "" if about is None else str(about["files"][self.rows_of(number).name])

    def _sums_of(self, number: int) -> Path:
        return self.folder / ABOUT / f"{name_of(number)}.npz"

    def _about(self, number: int) -> Path:
        return self.folder / ABOUT / f"{name_of(number)}.json"

    def restored(self, about: Mapping[str, Any], arrays: Mapping[str, Any]) -> Sums:
        """Return the sums of a part from its facts and its arrays."""

        def totals(sums: Any, customers: int = about["customers"]) -> Totals:
            return Totals(customers, sums, about["most_clv"])

        def scores(start: str, unstable: int = 0, free: int = 0, new: int = 0, without: int = 0) -> Scores:
            beyond, months = arrays.get(f"{start}extrapolated"), arrays.get(f"{start}months")
            at = about["groups"] if not start else []
            groups = {
                self.groups[place]: totals(sums, count)
                for (place, count), sums in zip(at, arrays[f"{start}groups"], strict=True)
            }
            none = np.empty((0, 0 if months is None else len(months)))
            return Scores(
                pd.DataFrame(),
                totals(arrays[f"{start}totals"]),
                self.params,
                groups,
                self.by,
                None if months is None else Months(arrays["days"], none, none, tuple(map(totals, months))),
                None if beyond is None else totals(beyond),
                unstable,
                free,
                new_segment_customers=new,
                without_columns=without,
            )

        counts = ("unstable_means", "free_repeat_buyers", "new_segment_customers", "without_columns")
        first = scores("", *(about[name] for name in counts))
        residual = scores("residual_") if "residual_totals" in arrays else None
        return Sums(first, residual, None if about["largest"] is None else Largest(*about["largest"]))


def name_of(number: int) -> str:
    """Return the name of a part's files, without the suffix."""
    return f"{STEM}{number:05d}"


def _arrays(sums: Sums) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for start, scores in (("", sums.scores), ("residual_", sums.residual)):
        if scores is None:
            continue
        shape = (0, *scores.totals.sums.shape)
        groups = [totals.sums for totals in scores.groups.values()]
        arrays[f"{start}totals"] = scores.totals.sums
        arrays[f"{start}groups"] = np.array(groups) if groups else np.empty(shape)
        if scores.extrapolated is not None:
            arrays[f"{start}extrapolated"] = scores.extrapolated.sums
        if scores.months is not None:
            arrays["days"] = scores.months.days
            arrays[f"{start}months"] = np.array([totals.sums for totals in scores.months.totals])
    return arrays


def _facts(sums: Sums, groups: Groups) -> dict[str, Any]:
    places = {key: at for at, key in enumerate(groups)}
    scores, largest = sums.scores, sums.largest
    return {
        "customers": scores.totals.customers,
        "most_clv": scores.totals.most_clv,
        "groups": [[places[key], totals.customers] for key, totals in scores.groups.items()],
        "unstable_means": scores.unstable_means,
        "free_repeat_buyers": scores.free_repeat_buyers,
        "new_segment_customers": scores.new_segment_customers,
        "without_columns": scores.without_columns,
        "largest": None if largest is None else [_plain(largest.customer_id), largest.clv],
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value)


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def digest_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of_json(content: Mapping[str, Any]) -> str:
    """Return the sha256 of names and values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def seal(content: Mapping[str, Any]) -> str:
    """Return a description as JSON with its own digest."""
    return json.dumps({**content, SEAL: digest_of_json(content)}, indent=1, sort_keys=True) + "\n"


def unseal(path: Path) -> dict[str, Any] | None:
    """Read what `seal` wrote; None where it is missing or any byte of it is another one."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    content.pop(SEAL, None)
    return content if seal(content) == text else None
