"""Compiled code is cached by everything that it was compiled from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL = """
from tenure.caching import njit
from {package}.helper import double
from {package}.constants import OFFSET, TABLE
from {package} import dispatch
from {package}.model import Parameters

@njit()
def kernel(x):
    return double(x) + OFFSET + TABLE[0] + dispatch.shift(Parameters(1.0))
"""
DISPATCH = """
from tenure.compiled_dispatch import bind, index_types
from {package} import model
shift = bind("shift", index_types([(model,)]))
"""
MODEL = """
from typing import NamedTuple
from tenure.caching import njit
from {package}.model_helper import shift_by

class Parameters(NamedTuple):
    shift: float

@njit()
def shift(parameters):
    return shift_by(parameters.shift)
"""
MODEL_HELPER = """
from tenure.caching import njit

@njit()
def shift_by(x):
    return {shift} * x
"""
HELPER = """
from tenure.caching import njit
from {package}.deeper import factor

@njit()
def double(x):
    return factor() * x
"""
DEEPER = """
from tenure.caching import njit

@njit()
def factor():
    return {factor}
"""
CONSTANTS = "import numpy as np\nOFFSET = {offset}\nTABLE = np.full(2000, {entry})\n"
RUN = "from kernels.kernel import kernel; print(kernel(10.0), sum(kernel.stats.cache_hits.values()))"


def write(folder: Path, **changes: float | str) -> None:
    values = {"package": "kernels", "factor": 2.0, "offset": 0.5, "entry": 0.0, "shift": 0.0} | changes
    package = folder / "kernels"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    texts = {"kernel": KERNEL, "helper": HELPER, "deeper": DEEPER, "constants": CONSTANTS}
    texts |= {"dispatch": DISPATCH, "model": MODEL, "model_helper": MODEL_HELPER}
    for name, text in texts.items():
        content = text.format(**values)
        if not (package / f"{name}.py").exists() or (package / f"{name}.py").read_text() != content:
            (package / f"{name}.py").write_text(content)


def run(folder: Path) -> tuple[float, int]:
    """Run the kernel in a process of its own; return the answer and the number of compiled functions loaded."""
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    env |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run([sys.executable, "-c", RUN], env=env, capture_output=True, text=True, check=True)
    value, hits = answer.stdout.split()
    return float(value), int(hits)


@pytest.mark.slow
def test_a_cached_kernel_sees_an_edit_of_what_it_inlines(tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path) == (20.5, 0)
    assert run(tmp_path) == (20.5, 1)  # from the cache
    for changes, expected in (
        ({"factor": 3.0}, 30.5),  # a helper of a helper
        ({"factor": 3.0, "offset": 1.5}, 31.5),  # a constant
        ({"factor": 3.0, "offset": 1.5, "entry": 7.0}, 38.5),  # a table
        ({"factor": 3.0, "offset": 1.5, "entry": 7.0, "shift": 2.0}, 40.5),  # a helper of a model that a stub chose
    ):
        write(tmp_path, **changes)
        assert run(tmp_path) == (expected, 0)
    assert run(tmp_path) == (40.5, 1)


@pytest.mark.slow
def test_a_helper_compiled_by_numba_itself_counts_too(tmp_path: Path) -> None:
    write(tmp_path)
    helper = tmp_path / "kernels" / "helper.py"
    numba_only = helper.read_text().replace("from tenure.caching import njit", "from numba import njit")
    helper.write_text(numba_only)
    assert run(tmp_path) == (20.5, 0)
    assert run(tmp_path) == (20.5, 1)
    helper.write_text(numba_only.replace("factor() * x", "factor() * x + 1.0"))
    assert run(tmp_path) == (21.5, 0)


@pytest.mark.slow
def test_code_of_earlier_sources_does_not_pile_up(tmp_path: Path) -> None:
    write(tmp_path)
    run(tmp_path)
    before = len(list(tmp_path.rglob("*.nbc")))
    write(tmp_path, factor=3.0)
    run(tmp_path)
    assert len(list(tmp_path.rglob("*.nbc"))) == before > 0
