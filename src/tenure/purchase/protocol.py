"""What a purchase model must have: a folder `purchase/<model>` with the seven modules described here.

The engines (`fit`, `scorer`, `simulate`) know no model. They reach a model's Python functions by its name, with
`purchase.model_part`, and its compiled functions by the type of its parameters, with `purchase.dispatch`, which lets
every model have compiled engines of its own without a branch in them. One folder may serve several models that differ
in whole-number `options`, which every function below takes as keyword arguments (or inside `Parameters`).

**spec.py**: one `model_spec.Spec` per model. It imports `model_spec` alone, and neither NumPy nor Numba: settings
read it.

**scoring.py**: compiled expectations. Travels inside the registered model: NumPy and Numba alone.

- `class Parameters(NamedTuple)`: the parameters, each of shape (draws,), then the options, in the order of the spec.
- `class Workspace(NamedTuple)`: arrays that a thread reuses from row to row, for what customers of one x share.
- `allocate(draws: int) -> Workspace`.
- `prepare(ends, delta) -> tuple`: what a question needs that no customer enters, such as quadrature weights; `ends`
  are the last days of the periods, ascending, and the last is the horizon; `delta` is the continuous discount rate
  per day.
- `renew_x(x, parameters, workspace)`: fill the workspace for another x; called before all others.
- `expect_if_active(x, T, ends, delta, prepared, parameters, workspace, plain, discounted, buying)`: given that the
  customer is active at T, fill `plain` and `discounted`, shape (draws, periods), with the expected purchases up to
  each period's end, and `buying`, shape (draws,), with the probability of at least one purchase in the horizon. What
  a customer does who is active at T may depend on (x, T) but not on t_x.
- `fill_buying(x, T, end, parameters, buying)`: fill `buying` alone, as for the horizon `end`.
- `fill_alive(x, t_x, T, parameters, workspace, alive)`: fill P(alive at T), shape (draws,).

**futures.py**: compiled simulation. Travels too.

- `simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period)`: simulate the
  purchases in (0, horizon] of a customer who makes at least one, under one draw of the parameters; return their
  number (a float) and the sum of spend * exp(-delta * time). The first purchase is at the time t with P(first
  purchase by t, given active) = `quantile`, which lies in [0, P(at least one purchase in the horizon, given active)),
  so a longer horizon continues the same future. `state` is the stream of random numbers of this customer and draw
  (`counter_random`). `spending` is what `spend.dispatch` draws spends from. Counts and sums by period are added to
  `by_period`, shape (2, periods), unless it is of shape (2, 0); `purchase.periods` records them. The cost of a
  customer must be bounded: beyond a few, purchases are drawn all at once (`purchase.periods.spread_purchases`).

**likelihood.py**: the likelihood over distinct histories, compiled, with its gradient.

- `class Table`, a `kernel_table.HistoryTable`; `Table.of(x, t_x, T, count, **options)` builds it from distinct
  histories and how many customers have each, with times in any one unit.
- `kernel(theta, *arrays)`, compiled: the log-likelihood summed over customers (a 0-d array) and its gradient in the
  parameters, in the order of the spec; -inf and zeros where a parameter is not positive and finite.
- `density(u, *arrays)`, compiled, without the GIL: the log-likelihood (a float) at coordinates u, and its gradient in
  u. Coordinates are the logs of the spec's prior quantities, or the logit of a share; -inf and zeros far outside.
- `densities(out, u, *arrays)`, compiled, without the GIL: the same value for rows of coordinates.
- `gradients(values, slopes, u, *arrays)`, alike, with the gradients, shape (rows, coordinates). Only a model whose spec
  has `segment_effects` needs it.
- `to_parameters(u, scale) -> dict`: parameters (times in days) from coordinates of shape (..., coordinates), where
  one unit of the table's time is `scale` days.
- `pointwise(draws, x, t_x, T, **options)`: each history's own log-likelihood, shape (draws, histories), times in
  days.

**survival.py**: how likely an active customer is still active later; NumPy alone.

- `stay(x, T, ahead, parameters)`: P(active at T + ahead | active at T), whatever is bought until then, shape
  (customers, ahead, draws). `x` and `T` are those of customers, equal x side by side; `parameters` are `Parameters`.

**process.py**: the generative process; NumPy alone.

- `STATE`: names of what is drawn once for each customer, as columns of the truth of a synthetic log.
- `class Process`: `Process(**parameters, **options)` raises `model_spec.ProcessError` for impossible ones; its
  methods are those of `PurchaseProcess` below.

**pymc.py**: the only module of a model that imports PyMC or pymc-marketing, and inside functions where it can.

- `to_theta(quantities, complements) -> list`: the parameters as PyTensor expressions of the quantities by name, in
  the table's unit of time; `complements` are 1 less the shares, by name, which do not round to 0.
- `library_model(**options)`: an empty stock model of pymc-marketing; raises `model_spec.NoLibraryModelError` where it
  has none.
- `library_draws(draws)`: the draws by the names of the library's variables.

Modules of other names in the folder may hold helpers of `scoring` and `futures`; they travel with them.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]


class Purchases(NamedTuple):
    """Repeat purchases of customers over spans of time.

    Attributes:
        counts: by customer, shape (customers,).
        times: of all purchases as shares of the customer's span, each customer's in order, shape (sum of counts,).
        left: when the customer left, as a share of the span; NaN for a customer who is still active at its end.
    """

    counts: Ints
    times: Floats
    left: Floats


class PurchaseProcess(Protocol):
    """The generative process of a population with known parameters."""

    def draw_state(self, size: int, rng: np.random.Generator) -> Mapping[str, Floats]:
        """Draw what customers have once and for all, by the names in `STATE`."""

    def draw_counts(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> Ints:
        """Draw the repeat purchases of new customers who are observed for T."""

    def draw_histories(self, T: NDArray[np.integer] | Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
        """Draw x and t_x of new customers who are observed for T, in continuous time; t_x is 0 where x is."""

    def draw_purchases(self, state: Mapping[str, Floats], span: Floats, rng: np.random.Generator) -> Purchases:
        """Draw all repeat purchases of customers over spans of time since the first purchase."""
