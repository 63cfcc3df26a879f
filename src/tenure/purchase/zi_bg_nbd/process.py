"""The generative process: as the BG/NBD, but some customers never return. NumPy and a generator alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...model_spec import ProcessError
from ..bg_nbd import process as bg_nbd
from ..poisson_times import Floats, Ints

STATE = (*bg_nbd.STATE, "never_returns")


@dataclass(frozen=True)
class Process(bg_nbd.Process):
    """How a population buys and leaves.

    Args:
        pi0: share of customers who never return after the first purchase, from 0 and below 1.
    """

    chances: int = 0
    pi0: float = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.pi0 < 1:
            raise ProcessError(f"pi0 must be at least 0 and below 1, got {self.pi0!r}.")

    def draw_state(self, size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw customers' rates and dropout probabilities as in the BG/NBD, and who never returns (1, else 0)."""
        never = (rng.random(size) < self.pi0).astype(float)
        return {**super().draw_state(size, rng), "never_returns": never}

    def draw_departures(self, state: Mapping[str, Floats], rng: np.random.Generator) -> Ints:
        """Draw how many repeat purchases a customer makes, given all the time there is: some make none."""
        return np.where(state["never_returns"] > 0, 0, super().draw_departures(state, rng))
