"""The generative process: what customers of a known population spend. NumPy and a generator alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model_spec import ProcessError, require_positive

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Process:
    """What a population spends: purchases are Gamma(p, nu), nu ~ Gamma(q, v), v in the log's money."""

    p: float
    q: float
    v: float

    def __post_init__(self) -> None:
        require_positive({"p": self.p, "q": self.q, "v": self.v})
        if self.q <= 1:
            raise ProcessError(f"q must be above 1, as there is no mean spend otherwise, got {self.q!r}.")

    def draw_state(self, size: int, rng: np.random.Generator) -> Floats:
        """Draw customers' nu."""
        return rng.gamma(self.q, 1.0 / self.v, size)

    def mean_spends(self, state: Floats) -> Floats:
        """Compute customers' expected spend per purchase."""
        return self.p / state

    def draw_sums(self, state: Floats, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw the sum of each customer's purchases, of which there are `counts`."""
        return rng.gamma(self.p * counts) / state

    def draw_orders(self, state: Floats, counts: NDArray[np.integer], rng: np.random.Generator) -> Floats:
        """Draw each customer's orders, the first included, customer by customer."""
        return self.draw_sums(np.repeat(state, counts), np.ones(int(counts.sum())), rng)

    def draw_means(self, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw new customers' mean spends over `counts` purchases each, at least 1.

        The mean of x purchases is Gamma(p x, nu x).
        """
        nu = self.draw_state(counts.size, rng)
        return rng.gamma(self.p * counts) / (nu * counts)

    def draw_amounts(self, counts: NDArray[np.integer], rng: np.random.Generator) -> Floats:
        """Draw the amounts of new customers' `counts` purchases each, customer by customer."""
        nu = self.draw_state(counts.size, rng)
        return rng.gamma(self.p, size=int(counts.sum())) / np.repeat(nu, counts)
