"""Write a made-up log in bounded memory: block by block, in order, whole or not at all."""

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
from .tables import TRUTH_SCHEMA, Block, Simulation

GROUP_ROWS = 500_000  # of a row group, at least; what waits in memory to be written
PART_ROWS = 10_000_000  # of a file in a folder, at least
AHEAD = 2  # blocks that each thread may be ahead of the writer


class SimulateError(InputError):
    """A base of which there is nothing to write."""


@dataclass(frozen=True)
class Simulated:
    """What was written: where, in how many files, and how many there are of what (see `Block`)."""

    output: str
    files: int
    holds: Mapping[str, int]


def write_log(
    settings: SimulateSettings,
    output: str,
    *,
    truth: str | None = None,
    seed: int,
    threads: int | None = None,
    progress: bool = False,
) -> Simulated:
    """Simulate a purchase log and write it as Parquet, which says of itself what it was made from and what it holds.

    Args:
        settings: the truth, the days, and what is to be wrong with the log.
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
            blocks = _passing(blocks, stack.enter_context(_parquet(path, TRUTH_SCHEMA, about)))
        if _is_file(output):
            paths, most_rows = iter([stack.enter_context(atomic_file(output))]), math.inf
        else:
            folder = stack.enter_context(atomic_folder(output))
            paths, most_rows = (folder / f"part-{part:05}.parquet" for part in count()), PART_ROWS
        parts = _write_parts(paths, iter(blocks), simulation.schema, about, most_rows)
        holds: Counter[str] = Counter()
        for part in parts:
            holds.update(part)
        if not holds["rows"]:
            raise SimulateError(f"No order falls within {settings.start} to {settings.end}: all were before.")
    return Simulated(output, len(parts), holds)


def _require_outputs(output: str, truth: str | None) -> None:
    """Refuse outputs that could not be written, before any work is done."""
    (require_writable if _is_file(output) else require_new_folder)(output)
    if truth is not None:
        require_writable(truth, "truth")


def _is_file(output: str) -> bool:
    """Tell whether a log is to be one file; if not, it is a folder of parts."""
    return output.endswith(".parquet")


def _in_order(simulation: Simulation, threads: int) -> Iterator[Block]:
    """Draw blocks on threads, a few ahead of whoever takes them."""
    ahead = threads * AHEAD
    with ThreadPoolExecutor(threads) as pool:
        for at in range(0, simulation.blocks, ahead):
            yield from pool.map(simulation.draw, range(at, min(at + ahead, simulation.blocks)))


def _passing(blocks: Iterable[Block], add: Callable[[pa.Table], None]) -> Iterator[Block]:
    """Write the truth of blocks as they pass by."""
    for block in blocks:
        add(block.truth)
        yield block


def _write_parts(
    paths: Iterator[Path], blocks: Iterator[Block], schema: pa.Schema, about: Mapping[str, Any], most_rows: float
) -> list[Counter[str]]:
    """Write blocks to one file after another, about `most_rows` to each; count what each holds."""
    parts: list[Counter[str]] = []
    while (first := next(blocks, None)) is not None:
        holds: Counter[str] = Counter()
        with _parquet(next(paths), schema, {**about, "part": len(parts), "covers": holds}) as add:
            for block in chain([first], blocks):
                add(block.log)
                holds.update(block.holds)
                if holds["rows"] >= most_rows:
                    break
        parts.append(holds)
    return parts


@contextmanager
def _parquet(path: Path, schema: pa.Schema, about: Mapping[str, Any]) -> Iterator[Callable[[pa.Table], None]]:
    """Give a function that adds tables to a Parquet file, which are gathered into large row groups.

    What `about` says when the file is closed is written into its metadata.
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
