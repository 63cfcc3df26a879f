"""Log the stages of a job, with their seconds."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("tenure")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Log the start of a stage and, at its end, its seconds."""
    log.info("%s ...", name)
    start = time.perf_counter()
    yield
    log.info("%s: %.1f s", name, time.perf_counter() - start)
