"""Measure what a cold `tenure-train` compiles: CPU seconds by function, and functions that are compiled twice.

    uv run python experiments/compile_time.py

It trains on the sample in a temporary folder, with empty caches of compiled code. Results: experiments/compile_time.md.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ARGUMENTS = ("fit.method=laplace", "backtest.baselines.names=[zero]")


def recorder() -> Any:
    """Return a listener of Numba's compilations; its rows are function, types, CPU seconds, and depth."""
    from numba.core import event  # noqa: PLC0415 (after the caches are set)

    class Recorder(event.Listener):  # type: ignore[misc]
        def __init__(self) -> None:
            self.starts: list[float] = []
            self.rows: list[tuple[str, str, float, int]] = []

        def on_start(self, event: Any) -> None:
            self.starts.append(time.thread_time())

        def on_end(self, event: Any) -> None:
            seconds = time.thread_time() - self.starts.pop()
            function = event.data["dispatcher"].py_func
            name = f"{function.__module__}.{function.__qualname__}"
            self.rows.append((name, str(event.data["args"]), seconds, len(self.starts)))

    listener = Recorder()
    event.register("numba:compile", listener)
    return listener


def train(folder: Path) -> None:
    """Run `tenure-train` in a folder with empty caches; only errors are left on the terminal."""
    os.environ |= {"NUMBA_CACHE_DIR": f"{folder}/numba", "XDG_CACHE_HOME": f"{folder}/cache"}
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    os.chdir(folder)
    sys.argv = ["tenure-train", *ARGUMENTS]


def print_table(rows: list[tuple[str, str, float, int]]) -> None:
    """Print the functions that were compiled on their own, with those that they call; then those compiled twice."""
    print("| function, with those that it calls | CPU s |\n|---|---|")
    direct = [(seconds, name) for name, _, seconds, depth in rows if depth == 0]
    for seconds, name in sorted(direct, reverse=True):
        print(f"| `{name}` | {seconds:.1f} |")
    print(f"| all | {sum(seconds for seconds, _ in direct):.1f} |")
    names = Counter(name.partition(".")[2] for name, *_ in rows if name.startswith("tenure"))
    twice = [f"{name} ({count})" for name, count in names.items() if count > 1]
    print(f"\nCompiled more than once: {', '.join(twice) or 'nothing'}")


def main() -> None:
    """Train, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder))
        listener = recorder()
        from tenure.jobs import app  # noqa: PLC0415 (after the caches are set)

        try:
            app.train()
        except SystemExit as end:
            print(f"\ntenure-train ended with {end.code}\n")
        print_table(listener.rows)


if __name__ == "__main__":
    main()
