"""What a purchase model must have: a folder `purchase/<model>` with the six modules described here.

The engines (`fit`, `scorer`, `simulate`) know no model. They reach a model's Python functions by its name, with
`purchase.model_part`, and its compiled functions by the type of its parameters, with `purchase.dispatch`. One folder may
serve several models that differ in whole-number `options`, which every function below takes as keyword arguments (or
inside `Parameters`).

**spec.py**: one `Spec` per model. It imports this module alone, and neither NumPy nor Numba: settings read it.

**scoring.py**: compiled expectations. Travels inside the registered model: NumPy and Numba alone.

- `class Parameters(NamedTuple)`: the parameters, each of shape (draws,), then the options, in the order of the spec.
- `class Workspace(NamedTuple)`: arrays that a thread reuses from row to row, for what customers of one x share.
- `allocate(draws: int) -> Workspace`.
- `prepare(ends, delta) -> tuple`: what a question needs that no customer enters, such as quadrature weights; `ends` are
  the last days of the periods, ascending, and the last is the horizon; `delta` is the continuous discount rate per day.
- `renew_x(x, parameters, workspace)`: fill the workspace for another x; called before all others.
- `expect_if_active(x, T, ends, delta, prepared, parameters, workspace, plain, discounted, buying)`: given that the
  customer is active at T, fill `plain` and `discounted`, shape (draws, periods), with the expected purchases up to each
  period's end, and `buying`, shape (draws,), with the probability of at least one purchase in the horizon. What a
  customer does who is active at T may depend on (x, T) but not on t_x.
- `fill_alive(x, t_x, T, parameters, workspace, alive)`: fill P(alive at T), shape (draws,).

**futures.py**: compiled simulation. Travels too.

- `simulate_buyer(state, key, draw, quantile, x, T, parameters, spending, ends, delta, by_period)`: simulate the purchases
  in (0, horizon] of a customer who makes at least one, under one draw of the parameters; return their number (a float)
  and the sum of spend * exp(-delta * time). The first purchase is at the time t with P(first purchase by t, given active)
  = `quantile`, which lies in [0, P(at least one purchase in the horizon, given active)), so a longer horizon continues
  the same future. `state` is the stream of random numbers of this customer and draw (`counter_random`). `spending` is what
  `spend.dispatch` draws spends from. Counts and sums by period are added to `by_period`, shape (2, periods), unless it is
  of shape (2, 0); `purchase.periods` records them. The cost of a customer must be bounded: beyond a few, purchases are
  drawn all at once (`purchase.periods.spread_purchases`).

**likelihood.py**: the likelihood over distinct histories, compiled, with its gradient.

- `class Table`: a dataclass of arrays; `Table.of(x, t_x, T, count, **options)` builds it from distinct histories and how
  many customers have each, with times in any one unit; `arrays()` lists the compiled functions' data arguments;
  `count` is of shape (histories,).
- `kernel(theta, *arrays)`, compiled: the log-likelihood summed over customers (a 0-d array) and its gradient in the
  parameters, in the order of the spec; -inf and zeros where a parameter is not positive and finite.
- `density(u, *arrays)`, compiled, without the GIL: the log-likelihood (a float) at coordinates u, and its gradient in u.
  Coordinates are the logs of the spec's prior quantities, or the logit of a share; -inf and zeros far outside.
- `densities(out, u, *arrays)`, compiled, without the GIL: the same value for rows of coordinates.
- `to_parameters(u, scale) -> dict`: parameters (times in days) from coordinates of shape (..., coordinates), where one
  unit of the table's time is `scale` days.
- `pointwise(draws, x, t_x, T, **options)`: each history's own log-likelihood, shape (draws, histories), times in days.

**process.py**: the generative process; NumPy alone.

- `STATE`: names of what is drawn once for each customer, as columns of the truth of a synthetic log.
- `class Process`: `Process(parameters, options)`, both mappings by name, raises `ProcessError` for impossible ones;
  `draw_state(size, rng) -> State` (a mapping by `STATE`); `draw_counts(T, rng)`; `draw_histories(T, rng) -> (x, t_x)` in
  continuous time; `draw_purchases(state, span, rng) -> Purchases`.

**pymc.py**: the only module of a model that imports PyMC or pymc-marketing, and inside functions where it can.

- `to_theta(*quantities)`: the parameters as PyTensor expressions of the free quantities, scaled as the table is.
- `library_model(options)`: an empty stock model of pymc-marketing.
- `library_draws(draws)`: the draws by the names of the library's variables.

Modules of other names in the folder may hold helpers of `scoring` and `futures`; they travel with them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

type Bounds = tuple[float, float]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the population.

    Args:
        bounds: the range in which the scorer is compared with exact values, ends included.
        label: what it is, for axes and tables; without its name, with its unit.
        truth: the range in which a synthetic log may have it; `bounds` where None.
    """

    bounds: Bounds
    label: str
    truth: Bounds | None = None


@dataclass(frozen=True)
class Quantity:
    """A quantity that a prior is on; it means something and does not depend on the unit.

    Args:
        label: what it is.
        is_share: whether it lies in (0, 1), so that its coordinate is a logit; else it is positive.
    """

    label: str
    is_share: bool = False


@dataclass(frozen=True)
class Derived:
    """A quantity of the parameters whose range is limited too, such as a mean rate."""

    label: str
    value: Callable[[Mapping[str, Any]], Any]
    bounds: Bounds


@dataclass(frozen=True)
class Spec:
    """What others need to know of a model without computing with it.

    Args:
        name: in settings, files and MLflow.
        label: in reports.
        folder: of its modules, within `purchase` or `spend`.
        parameters: by name, in the order of every array; no other model's parameters of the other kind share a name.
        quantities: what priors are on, by name, in the order of the coordinates.
        scaled: the parameters that are proportional to the unit of time (or of money).
        start: where a maximum-likelihood search starts, parameters in units of the table.
        derived: further limits, on functions of the parameters.
        options: whole numbers that set the model apart from others of its folder, by name.
        notes: sentences for reports on what the model assumes and a reader may trip over.
    """

    name: str
    label: str
    folder: str
    parameters: Mapping[str, Parameter]
    quantities: Mapping[str, Quantity]
    scaled: tuple[str, ...]
    start: tuple[float, ...]
    derived: tuple[Derived, ...] = ()
    options: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
