"""`tenure-simulate`: write a synthetic purchase log and print its counts."""

import logging
import time
from pathlib import Path

from tenure import simulate
from tenure.settings import SimulateJobSettings

from . import console
from .sweeps import Result

log = logging.getLogger("tenure")


def run(settings: SimulateJobSettings) -> Result:
    """Simulate a log and print its counts; return the result."""
    start = time.perf_counter()
    simulated = simulate.write_log(
        settings.simulate,
        settings.output,
        truth=settings.truth,
        seed=settings.seed,
        progress=console.is_terminal(),
    )
    log.info("simulated %s customers: %.1f s", f"{settings.simulate.customers:,}", time.perf_counter() - start)
    console.print_simulated(simulated, settings)
    written = {"output": settings.output, "truth": settings.truth}
    paths = {name: str(Path(path).expanduser().resolve()) for name, path in written.items() if path is not None}
    return Result(totals=dict(simulated.counts), paths=paths)
