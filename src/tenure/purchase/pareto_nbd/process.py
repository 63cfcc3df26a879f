"""The generative process: how customers of a known population buy and leave. NumPy and a generator alone.

A customer's purchase rate is Gamma(r, alpha), and repeat purchases come as a Poisson process. The dropout rate is
Gamma(s, beta), and the lifetime since the first purchase is exponential with that rate.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from ...model_spec import require_positive
from ..poisson_times import Floats, Ints, draw_last, draw_shares
from ..protocol import Purchases

STATE = ("rate", "dropout_rate")


@dataclass(frozen=True)
class Process:
    """How a population buys and leaves.

    Args:
        r, alpha: purchase rates are Gamma(r, alpha) per unit of time, by default the day.
        s, beta: dropout rates are Gamma(s, beta) per unit of time.
    """

    r: float
    alpha: float
    s: float
    beta: float

    def __post_init__(self) -> None:
        require_positive(asdict(self))

    def draw_state(self, size: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Draw customers' repeat purchases, and their chances to leave, per unit of time."""
        rate, dropout_rate = rng.gamma(self.r, 1.0 / self.alpha, size), rng.gamma(self.s, 1.0 / self.beta, size)
        return {"rate": rate, "dropout_rate": dropout_rate}

    def draw_counts(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Ints:
        """Draw the repeat purchases of customers who are observed for T."""
        state = self.draw_state(T.size, rng)
        return rng.poisson(state["rate"] * np.minimum(T, self._draw_lifetimes(state, rng)))

    def draw_histories(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
        """Draw x and t_x of customers who are observed for T, in continuous time; t_x is 0 where x is."""
        state = self.draw_state(T.size, rng)
        active = np.minimum(T, self._draw_lifetimes(state, rng))
        x = rng.poisson(state["rate"] * active)
        return x, np.where(x > 0, active * draw_last(x, x, rng), 0.0)

    def draw_purchases(self, state: Mapping[str, Floats], span: Floats, rng: np.random.Generator) -> Purchases:
        """Draw all repeat purchases of customers over spans of time."""
        lifetimes = self._draw_lifetimes(state, rng)
        active = np.minimum(span, lifetimes)
        x = rng.poisson(state["rate"] * active)
        share = active / np.where(span > 0, span, 1.0)
        times = np.repeat(share, x) * draw_shares(x, x, rng)
        return Purchases(x, times, np.where(lifetimes < span, share, np.nan))

    def _draw_lifetimes(self, state: Mapping[str, Floats], rng: np.random.Generator) -> Floats:
        """Draw lifetimes; of a dropout rate that underflows to 0, one without end."""
        with np.errstate(divide="ignore", over="ignore"):
            return rng.standard_exponential(state["dropout_rate"].size) / state["dropout_rate"]
