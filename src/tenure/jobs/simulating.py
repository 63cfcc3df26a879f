"""`tenure-simulate`: write a synthetic purchase log and print its counts."""

import logging
import time

from tenure import simulate
from tenure.settings import SimulateJobSettings

from . import console

log = logging.getLogger("tenure")


def run(settings: SimulateJobSettings) -> int:
    """Simulate a log and print its counts; return the exit code."""
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
    return 0
