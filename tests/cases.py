"""A few cases of many for the fast tests; `-m slow` runs the others."""

from collections.abc import Iterable
from typing import Any

import pytest


def few(cases: Iterable[Any], count: int) -> list[Any]:
    """Return all cases in order, of which all but `count`, evenly spaced, are marked `slow`."""
    every = list(cases)
    kept = {index * len(every) // count for index in range(count)}
    return [case if index in kept else _slow(case) for index, case in enumerate(every)]


def _slow(case: Any) -> Any:
    if isinstance(case, type(pytest.param())):
        return case._replace(marks=(*case.marks, pytest.mark.slow))
    values = case if type(case) is tuple else (case,)  # a named tuple is one value
    return pytest.param(*values, marks=pytest.mark.slow)
