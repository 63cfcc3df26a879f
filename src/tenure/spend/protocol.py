"""What a spend model must have: a folder `spend/<model>` with the six modules described here.

They mirror those of `purchase.protocol`; here is what differs. Money is in the log's currency.

**spec.py**: one `model_spec.Spec`.

**scoring.py**: compiled expectations; travels inside the registered model.

- `class Parameters(NamedTuple)`, `class Workspace(NamedTuple)`, `allocate(draws)`, `renew_x(x, parameters,
  workspace)`.
- `expect_spends(evidence, workspace, spends)`: fills `spends`, shape (draws,), with the expected value of one purchase
  of a customer with the workspace's x and this `order_evidence.Evidence` under each draw.

**futures.py**: compiled simulation; travels too.

- `class Spending(NamedTuple)`: one customer's spends in one future, of numbers alone.
- `start_spending(state, x, evidence, parameters, draw) -> Spending`.
- `draw_spend(state, spending, log_discount)`: one spend times exp(log_discount), and the `Spending` after it.
- `draw_late_spend(state, spending, log_discount)`: the same for a time so late that the discount may underflow.
- `draw_spends(state, spending, count, log_discount, span)`: the sum of `count` spends, each times exp(log_discount -
  span * u) with u uniform in (0, 1), and the `Spending` after them.
- `draw_first_orders(parameters, means, repeats, rng)`, in Python: first orders of the given means, shape (repeats,
  draws), and an iterator over the `Parameters` of customers who made them, by repeat.

**likelihood.py**: `Table.of(x, mean, count)` from distinct pairs of repeat purchases and mean spend; `kernel`,
`density`, `densities`, `gradients`, `to_parameters`, and `pointwise(draws, x, mean)`. `Table.of` and `pointwise` of a
model whose spec has `without_amounts` take `log_ratio` too: of each pair the sum of log(amount / mean) over a
customer's purchases. Those of a model on orders (`Spec.on_orders`) are `Table.of(orders, delta=...)` and
`pointwise(draws, orders)`, of `summary.Orders`; it has no `gradients`, which segments need.

**process.py**: `class Process` with the methods of `SpendProcess` below.

**pymc.py**: as for purchases.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


class SpendProcess(Protocol):
    """The generative process of a population with known parameters."""

    def draw_state(self, size: int, rng: np.random.Generator) -> Any:
        """Draw what customers have once and for all: an array or arrays, indexed by customer."""

    def mean_spends(self, state: Any) -> Floats:
        """Compute customers' expected spend per purchase."""

    def draw_sums(self, state: Any, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw the sum of each customer's purchases, of which there are `counts`."""

    def draw_orders(self, state: Any, counts: NDArray[np.integer], rng: np.random.Generator) -> Floats:
        """Draw each customer's orders, the first included, customer by customer; a state that moves is moved."""

    def draw_means(self, counts: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Floats:
        """Draw new customers' mean spends over `counts` repeat purchases each, at least 1."""

    def draw_amounts(self, counts: NDArray[np.integer], rng: np.random.Generator) -> Floats:
        """Draw the amounts of new customers' `counts` repeat purchases each, customer by customer."""
