"""The generative process of Gamma-Gamma on single orders: NumPy and a generator alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...model_spec import ProcessError, require_positive

type Floats = NDArray[np.float64]
type Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Process:
    """What a population spends: an order is Gamma(p, nu), and nu depends on the orders before it.

    v is in the log's money. A customer's state is the evidence (c, b) of the orders so far.
    """

    p: float
    q: float
    v: float
    f: float
    delta: float

    def __post_init__(self) -> None:
        require_positive({"p": self.p, "q": self.q, "v": self.v, "f": self.f, "delta": self.delta})
        if self.q <= 1:
            raise ProcessError(f"q must be above 1, as there is no mean spend otherwise, got {self.q!r}.")
        if self.delta > 1:
            raise ProcessError(f"delta must be at most 1, as evidence does not grow by itself, got {self.delta!r}.")

    def draw_state(self, size: int, rng: np.random.Generator) -> Floats:
        """Return the state of new customers, shape (size, 2); nothing is drawn before an order."""
        return np.tile([self.q - 1.0, self.v], (size, 1))

    def mean_spends(self, state: Floats) -> Floats:
        """Compute customers' expected spend per later order."""
        return np.asarray(self.p * state[:, 1] / state[:, 0])

    def draw_orders(self, state: Floats, counts: Ints, rng: np.random.Generator) -> Floats:
        """Draw each customer's orders, the first included, customer by customer; the state becomes that after them."""
        amounts, starts = np.empty(int(counts.sum())), np.cumsum(counts) - counts
        at = np.arange(counts.size)
        for k in range(int(counts.max(initial=0))):
            at = at[counts[at] > k]
            amount = self._draw_next(state, at, rng)
            amounts[starts[at] + k] = amount * (self.f if k == 0 else 1.0)
        return amounts

    def draw_sums(self, state: Floats, counts: Ints | Floats, rng: np.random.Generator) -> Floats:
        """Draw the sum of each customer's next `counts` orders; the state becomes that after them."""
        sums, at = np.zeros(counts.size), np.arange(counts.size)
        for k in range(int(counts.max(initial=0))):
            at = at[counts[at] > k]
            sums[at] += self._draw_next(state, at, rng)
        return sums

    def draw_means(self, counts: Ints | Floats, rng: np.random.Generator) -> Floats:
        """Draw new customers' mean spends over `counts` repeat purchases each, at least 1."""
        whole = np.asarray(counts).astype(np.int64)
        amounts = self.draw_amounts(whole, rng)
        return np.add.reduceat(amounts, np.cumsum(whole) - whole) / whole

    def draw_amounts(self, counts: Ints, rng: np.random.Generator) -> Floats:
        """Draw the amounts of new customers' `counts` repeat purchases each, customer by customer."""
        whole = np.asarray(counts, np.int64)
        orders = self.draw_orders(self.draw_state(whole.size, rng), whole + 1, rng)
        return np.delete(orders, np.cumsum(whole + 1) - whole - 1)

    def _draw_next(self, state: Floats, at: Ints, rng: np.random.Generator) -> Floats:
        """Draw one later order of some customers, and add it to their evidence."""
        nu = rng.standard_gamma(1.0 + state[at, 0]) / state[at, 1]
        amount = np.asarray(rng.standard_gamma(self.p, at.size) / nu)
        state[at, 0] = self.delta * state[at, 0] + self.p
        state[at, 1] = self.delta * state[at, 1] + amount
        return amount
