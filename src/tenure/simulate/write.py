"""Write a synthetic log in bounded memory: block by block, in order, by atomic writes."""

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from ..errors import InputError
from ..output import METADATA_KEY, atomic_file, atomic_folder, require_new_folder, require_writable
from ..settings import SimulateSettings
from .tables import Block, Simulation

GROUP_ROWS = 500_000  # of a row group, at least; what waits in memory to be written
PART_ROWS = 10_000_000  # of a file in a folder, at least
AHEAD = 2  # blocks that each thread may be ahead of the writer


class SimulateError(InputError):
    """A simulation without any order to write."""


@dataclass(frozen=True)
class Simulated:
    """A written log: where, in how many files, and what it has, by kind (see `Block`)."""

    output: str
    files: int
    counts: Mapping[str, int]


def write_log(
    settings: SimulateSettings,
    output: str,
    *,
    truth: str | None = None,
    seed: int,
    threads: int | None = None,
    progress: bool = False,
) -> Simulated:
    """Simulate a purchase log and write it as Parquet, with its settings and counts in the metadata.

    Args:
        settings: the truth, the days, and the dirt.
        output: one file if it ends in .parquet, else a new folder of parts.
        truth: a Parquet file for each customer's true state; None for none.
        seed: the log depends on it and the settings alone, to the byte.
        threads: how many draw; all cores when None. It changes nothing that is written.
        progress: whether to show a bar on stderr.
    """
    _require_outputs(output, truth)
    simulation = Simulation(settings, seed)
    about = {"simulate": asdict(settings), "seed": seed}
    blocks: Iterable[Block] = track(
        _in_order(simulation, threads or os.cpu_count() or 1),
        output,
        total=simulation.blocks,
        console=Console(stderr=True),  # stdout is for results
        disable=not progress,
    )
    with ExitStack() as stack:
        if truth is not None:
            path = stack.enter_context(atomic_file(truth))
            blocks = _passing(blocks, stack.enter_context(_parquet(path, simulation.truth_schema, about)))
        if _is_file(output):
            paths, most_rows = iter([stack.enter_context(atomic_file(output))]), math.inf
        else:
            folder = stack.enter_context(atomic_folder(output))
            paths, most_rows = (folder / f"part-{part:05}.parquet" for part in count()), PART_ROWS
        files = _write_files(paths, iter(blocks), simulation.schema, about, most_rows)
        totals: Counter[str] = Counter()
        for file_counts in files:
            totals.update(file_counts)
        if not totals["rows"]:
            raise SimulateError(f"No order falls within {settings.start} to {settings.end}: all were before.")
    return Simulated(output, len(files), totals)


def _require_outputs(output: str, truth: str | None) -> None:
    """Raise InputError for outputs that cannot be written, before any work is done."""
    (require_writable if _is_file(output) else require_new_folder)(output)
    if truth is not None:
        require_writable(truth, "truth")


def _is_file(output: str) -> bool:
    """Return whether a log is one file; if not, it is a folder of parts."""
    return output.endswith(".parquet")


def _in_order(simulation: Simulation, threads: int) -> Iterator[Block]:
    """Yield blocks in order, drawn on threads, a few ahead."""
    ahead = threads * AHEAD
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, simulation.blocks, ahead):
            yield from pool.map(simulation.draw, range(at, min(at + ahead, simulation.blocks)))


def _passing(blocks: Iterable[Block], add: Callable[[pa.Table], None]) -> Iterator[Block]:
    """Yield blocks after writing their truth."""
    for block in blocks:
        add(block.truth)
        yield block


def _write_files(
    paths: Iterator[Path], blocks: Iterator[Block], schema: pa.Schema, about: Mapping[str, Any], most_rows: float
) -> list[Counter[str]]:
    """Write blocks to one file after another, about `most_rows` to each, and return each file's counts."""
    files: list[Counter[str]] = []
    while (first := next(blocks, None)) is not None:
        counts: Counter[str] = Counter()
        with _parquet(next(paths), schema, {**about, "part": len(files), "counts": counts}) as add:
            for block in chain([first], blocks):
                add(block.log)
                counts.update(block.counts)
                if counts["rows"] >= most_rows:
                    break
        files.append(counts)
    return files


@contextmanager
def _parquet(path: Path, schema: pa.Schema, about: Mapping[str, Any]) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that adds tables to a Parquet file, which are gathered into large row groups.

    `about`, as it is when the file is closed, is written into its metadata.
    """
    pending: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:

        def write() -> None:
            table = pa.concat_tables(pending)
            pending.clear()
            writer.write_table(table, row_group_size=max(table.num_rows, 1))

        def add(table: pa.Table) -> None:
            pending.append(table)
            if sum(table.num_rows for table in pending) >= GROUP_ROWS:
                write()

        yield add
        if pending:
            write()
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(about, sort_keys=True).encode()})
