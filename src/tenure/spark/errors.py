"""Errors of Spark in one line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from ..addresses import mask
from ..errors import InputError

LONGEST = 300


class SparkError(InputError):
    """A session that cannot be opened, a table that cannot be read, or a job that failed."""


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Raise SparkError in place of Spark's own errors; `what` could not be done."""
    try:
        yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise SparkError(f"{what}: {cause_of(str(error))}") from error


def cause_of(text: str) -> str:
    """Return the cause of an error of Spark in one line: of an executor, the last line of its Python traceback."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "JVM stacktrace"))]
    errors = [line for line in lines if re.match(r"[A-Za-z_.]*(Error|Exception|Interrupt)\b", line)]
    is_python = any(line.startswith("Traceback (most recent call last)") for line in lines)
    line = (errors[-1] if is_python and errors else lines[0] if lines else "no cause is known").strip()
    missing = re.match(r"ModuleNotFoundError: No module named '([^']*)'", line)
    if missing:
        return (
            f"the executors lack the Python package {missing[1]!r}: they need mlflow, numba, numpy, pandas and pyarrow"
            " in the versions of the registered model (requirements.txt of its files), and pyspark."
        )
    return mask(line if len(line) <= LONGEST else f"{line[:LONGEST]}...")
