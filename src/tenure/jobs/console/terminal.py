"""The terminal: its width, its tables, texts made safe for it, a progress bar."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tenure.review import Verdict
from tenure.text import printable, shown

log = logging.getLogger("tenure")
_SHOWN: list[Progress] = []  # the bar that is on the screen
COLOURS = {Verdict.PASS: "green", Verdict.REVIEW: "yellow", Verdict.FAIL: "red"}


def is_terminal() -> bool:
    """Return whether stderr is a terminal, where progress bars make sense."""
    return sys.stderr.isatty()


def stdout() -> Console:
    """Return the console that results are printed on."""
    # Lines are not broken: commands and URIs are there to be copied, and a pipe has no width.
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)


def plain(value: object) -> str:
    """Return a text from data or settings without markup, control characters and passwords."""
    return escape(printable(shown(str(value))))


def new_table(title: str, *columns: str) -> Table:
    """Return an empty table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at == 0 else "right")
    return table


def print_line(text: str) -> None:
    """Print one result."""
    stdout().print(escape(shown(text)))


def print_run(run_id: str, ui: str) -> None:
    """Print the run that holds everything else, and how to view it."""
    stdout().print(f"\nRun [bold]{run_id}[/bold]. View:  {plain(ui)}")


@contextmanager
def progress(what: str, rows: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr if it is a terminal; yield the function that advances it by some rows."""
    with _bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=rows)
        yield lambda done: bar.advance(task, done)


@contextmanager
def stage(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """Log the start of a stage and, at its end, its seconds; meanwhile show a bar on stderr if it is a terminal.

    Yields the function that takes what is done so far, and of how much; None without a bar. A bar without such
    numbers moves to and fro.
    """
    log.info("%s ...", name)
    start = time.perf_counter()
    with _bar(TaskProgressColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task(printable(shown(name)), total=None)
        is_shown = not bar.disable
        yield (lambda done, total: bar.update(task, completed=done, total=total)) if is_shown else None
    log.info("%s: %.1f s", name, time.perf_counter() - start)


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Show the bar of a stage on stderr; none if that is no terminal, or within another stage, which has a bar."""
    is_shown = is_terminal() and not _SHOWN
    text = TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    with Progress(text, BarColumn(), *columns, console=console, disable=not is_shown, transient=True) as bar:
        if not is_shown:
            yield bar
            return
        _SHOWN.append(bar)
        try:
            with _log_above():
                yield bar
        finally:
            _SHOWN.remove(bar)


@contextmanager
def _log_above() -> Iterator[None]:
    """Log to the present `sys.stderr`, which a bar replaces, so that messages appear above the bar."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, logging.StreamHandler)]
    before = [(one, one.setStream(sys.stderr)) for one in handlers if one.stream is sys.__stderr__]
    try:
        yield
    finally:
        for handler, stream in before:
            if stream is not None:
                handler.setStream(stream)
