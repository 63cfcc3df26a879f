"""Measure the source tree at a commit and as it is now.

Counts functions, modules and the files that name a purchase or spend model, and times imports. The current tree may
have changes that are not committed:

    uv run python experiments/house.py
    uv run python experiments/house.py --before 6227d90 --runs 9
"""

import argparse
import ast
import io
import os
import re
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "6227d90"
LONG_MODULE = 300
SUFFIXES = (".py", ".j2", ".yaml")
MODEL_NAME = re.compile(r"(?<![a-z])m?bg_?nbd|pareto_?nbd|gamma_?gamma|BG/NBD|Pareto/NBD|Gamma-Gamma", re.IGNORECASE)
MODEL_FOLDERS = ("src/tenure/purchase/", "src/tenure/spend/")
# The entry points of the older tree are in `tenure.jobs`.
COMMAND = """
import sys
from importlib.util import find_spec
sys.argv[:] = ["tenure-{0}", "--help"]
module = "tenure.commands" if find_spec("tenure.commands") else "tenure.jobs"
getattr(__import__(module, fromlist=["{0}"]), "{0}")()
"""
IMPORTS = {
    "`import tenure`": "import tenure",
    "`import tenure.settings`": "import tenure.settings",
    "`tenure-train --help`": COMMAND.format("train"),
    "`tenure-score --help`": COMMAND.format("score"),
}


def extract(commit: str, folder: Path) -> Path:
    """Write the tree of a commit to a folder, and return the folder."""
    command = ["git", "archive", commit, "src", "conf", "data"]
    packed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def modules(tree: Path) -> list[Path]:
    return sorted((tree / "src" / "tenure").rglob("*.py"))


def function_lengths(tree: Path) -> Iterator[int]:
    """Yield the lines of each function, without decorators and its docstring."""
    for path in modules(tree):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                first = node.body[0]
                has_docstring = ast.get_docstring(node) is not None and first.end_lineno is not None
                docstring = first.end_lineno - first.lineno + 1 if has_docstring else 0
                yield node.end_lineno - node.lineno + 1 - docstring


def model_files(tree: Path) -> list[str]:
    """List the source and configuration files, outside the folders of models, that name a model."""
    folders = (tree / "src" / "tenure", tree / "conf")
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES]
    names = sorted(path.relative_to(tree).as_posix() for path in paths if MODEL_NAME.search(path.read_text()))
    return [name for name in names if not name.startswith(MODEL_FOLDERS)]


def cpu_seconds(tree: Path, code: str) -> float:
    """Return the user CPU time of a Python process that runs code in a tree."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {code}")
    return usage.ru_utime


def structure(tree: Path) -> dict[str, str]:
    """Return the figures of a tree by name, as text."""
    lengths = list(function_lengths(tree))
    lines = [len(path.read_text().splitlines()) for path in modules(tree)]
    median, p90 = np.quantile(lengths, [0.5, 0.9])
    named = model_files(tree)
    return {
        "modules": f"{len(lines)}",
        "lines": f"{sum(lines):,}",
        "functions": f"{len(lengths):,}",
        "lines of a function: median, p90, max": f"{median:.0f}, {p90:.0f}, {max(lengths)}",
        f"modules over {LONG_MODULE} lines": f"{sum(count > LONG_MODULE for count in lines)}",
        "source files that name a model, outside its folder": f"{sum(name.startswith('src/') for name in named)}",
        "configuration files that name a model": f"{sum(name.startswith('conf/') for name in named)}",
    }


def import_times(trees: list[Path], runs: int) -> dict[str, list[str]]:
    """Return the median user CPU seconds of each import in each tree. Runs of the trees alternate."""
    medians = {}
    for name, code in IMPORTS.items():
        rounds = [[cpu_seconds(tree, code) for tree in trees] for _ in range(runs + 1)]
        medians[name] = [f"{statistics.median(times):.2f}" for times in zip(*rounds[1:], strict=True)]
    return medians


def main(before: str, runs: int, lists_files: bool) -> None:
    """Print the table of both trees, and on request the files that name a model."""
    with tempfile.TemporaryDirectory() as folder:
        trees = [extract(before, Path(folder)), ROOT]
        columns = [structure(tree) for tree in trees]
        print(f"| | {before} | this tree |\n|---|---|---|")
        for name in columns[0]:
            print(f"| {name} | {columns[0][name]} | {columns[1][name]} |")
        if runs:
            for name, times in import_times(trees, runs).items():
                print(f"| CPU s of {name} | {times[0]} | {times[1]} |")
        if lists_files:
            print("\n" + "\n".join(model_files(ROOT)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", default=BEFORE, help="the commit to compare with")
    parser.add_argument("--runs", type=int, default=9, help="processes per import and tree; 0 leaves imports out")
    parser.add_argument("--files", action="store_true", help="list the files of this tree that name a model")
    arguments = parser.parse_args()
    main(arguments.before, arguments.runs, arguments.files)
