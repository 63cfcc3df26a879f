"""The generative process: how customers of a known population buy and leave. NumPy and a generator alone.

A customer's rate is Gamma(r, alpha), repeat purchases come as a Poisson process, and at each chance to leave the
customer does so with a probability that is Beta(a, b).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model_spec import ProcessError, require_positive
from ..poisson_times import Floats, Ints, draw_last, draw_shares
from ..protocol import Purchases

STATE = ("rate", "dropout")


@dataclass(frozen=True)
class Process:
    """How a population buys and leaves.

    Args:
        r, alpha: rates are Gamma(r, alpha) per unit of time, which is the day unless a caller chooses otherwise.
        a, b: probabilities to leave are Beta(a, b); with a = 0 nobody ever leaves.
        chances: to leave right after the first purchase.
    """

    r: float
    alpha: float
    a: float
    b: float
    chances: int

    def __post_init__(self) -> None:
        require_positive({"r": self.r, "alpha": self.alpha, "b": self.b})
        if not 0 <= self.a < np.inf:
            raise ProcessError(f"a must be finite and at least 0, got {self.a!r}.")

    def draw_state(self, size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw customers' repeat purchases per unit of time, and their probabilities to leave at a chance."""
        rate = rng.gamma(self.r, 1.0 / self.alpha, size)
        return {"rate": rate, "dropout": rng.beta(self.a, self.b, size) if self.a > 0 else np.zeros(size)}

    def draw_counts(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Ints:
        """Draw the repeat purchases of customers who are observed for T.

        x = min(K - c, N): K, geometric with the customer's dropout, counts chances to leave up to the one taken, c of
        them right after the first purchase; N, Poisson with mean rate * T, counts the repeat purchases for which there
        was time.
        """
        state = self.draw_state(T.size, rng)
        return np.minimum(self.draw_departures(state, rng), rng.poisson(state["rate"] * T))

    def draw_histories(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
        """Draw x and t_x of customers who are observed for T, in continuous time; t_x is 0 where x is 0."""
        state = self.draw_state(T.size, rng)
        possible = rng.poisson(state["rate"] * T)
        x = np.minimum(possible, self.draw_departures(state, rng))
        return x, np.where(x > 0, T * draw_last(x, possible, rng), 0.0)

    def draw_purchases(self, state: Mapping[str, Floats], span: Floats, rng: np.random.Generator) -> Purchases:
        """Draw all repeat purchases of customers over spans of time."""
        possible = rng.poisson(state["rate"] * span)
        departure = self.draw_departures(state, rng)
        x = np.minimum(possible, departure)
        shares = draw_shares(x, possible, rng)
        last = np.zeros(x.size)
        last[x > 0] = shares[np.cumsum(x)[x > 0] - 1]
        return Purchases(x, shares, np.where(departure <= possible, last, np.nan))

    def draw_departures(self, state: Mapping[str, Floats], rng: np.random.Generator) -> Ints:
        """Draw how many repeat purchases a customer of each dropout makes, given all the time there is."""
        # A tiny `a` underflows to 0, for which there is no geometric; the least positive dropout never leaves either.
        return rng.geometric(np.maximum(state["dropout"], np.finfo(np.float64).tiny)) - self.chances
